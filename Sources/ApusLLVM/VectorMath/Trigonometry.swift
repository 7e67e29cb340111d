extension Emitter {
  /// sin of f64, x in radians, over the whole range.
  func sine(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    let angle = reducedAngle(x, accuracy)
    let result = sineOrCosine(angle, quarterTurns: 0)
    return (x.magnitude < 0x1p-27).then(x, else: result)
  }

  func cosine(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    sineOrCosine(reducedAngle(x, accuracy), quarterTurns: 1)
  }

  func tangent(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    let angle = reducedAngle(x, accuracy)
    let (sine, cosine) = (sineSeries(angle), cosineSeries(angle))
    let isOdd = (angle.quadrant << 63).asFloat.signBitIsSet
    let top = isOdd.then(-cosine.high, else: sine.high)
    let bottom = isOdd.then(sine.high, else: cosine.high)
    let result: Lanes
    switch accuracy {
    case .single:
      result = top / bottom
    case .double:
      // One step of refinement takes in the low parts of both.
      let topRest = isOdd.then(-cosine.low, else: sine.low)
      let bottomRest = isOdd.then(sine.low, else: cosine.low)
      let inverse = 1.0 / bottom
      let first = top * inverse
      let product = DoubledLanes.product(first, bottom)
      let remainder = ((top - product.high) - product.low) + (topRest - first * bottomRest)
      result = remainder.multiplied(by: inverse, plus: first)
    }
    return (x.magnitude < 0x1p-27).then(x, else: result)
  }

  /// sin(r + (quadrant + quarterTurns) · π/2).
  private func sineOrCosine(_ angle: ReducedAngle, quarterTurns: Int) -> Lanes {
    let quadrant = angle.quadrant + angle.quadrant.integer(quarterTurns)
    let isOdd = (quadrant << 63).asFloat.signBitIsSet
    let result = isOdd.then(cosineSeries(angle).high, else: sineSeries(angle).high)
    // Bit 1 of the quadrant becomes the sign.
    let sign = (quadrant << 62) & quadrant.constant(bits: 1 << 63)
    return (result.bits ^ sign).asFloat
  }

  /// sin(r) for |r| ≤ π/4: r + r³·S(r²), with the low part of r as in fdlibm's k_sin.c. The low part of the result
  /// means something only where the angle has one.
  private func sineSeries(_ angle: ReducedAngle) -> DoubledLanes {
    let r = angle.high
    let square = r * r
    let cube = square * r
    guard let low = angle.low else {
      let sine = square.polynomial(Self.sineSingle).multiplied(by: cube, plus: r)
      return DoubledLanes(high: sine, low: r.constant(0))
    }
    let tail = square.polynomial(Array(Self.sineDouble.dropFirst()))
    let correction = square * (low * 0.5 - cube * tail) - low
    return DoubledLanes.sum(larger: r, cube * Self.sineDouble[0] - correction)
  }

  /// cos(r) for |r| ≤ π/4: 1 − r²/2 + r⁴·C(r²), with the low part of r as in fdlibm's k_cos.c.
  private func cosineSeries(_ angle: ReducedAngle) -> DoubledLanes {
    let r = angle.high
    let square = r * r
    let fourth = square * square
    guard let low = angle.low else {
      let cosine = square.polynomial(Self.cosineSingle).multiplied(by: fourth, plus: 1.0 - square * 0.5)
      return DoubledLanes(high: cosine, low: r.constant(0))
    }
    let half = square * 0.5
    let first = 1.0 - half
    let lost = (1.0 - first) - half
    return DoubledLanes.sum(larger: first, lost + (fourth * square.polynomial(Self.cosineDouble) - r * low))
  }

  // Remez on |r| ≤ π/4; relative errors of sine 2⁻³⁷·⁵ and 2⁻⁵⁷·⁹, of cosine 2⁻⁴²·⁹ and 2⁻⁶³·⁹.
  private static let sineSingle = [
    -0.16666666640692865, 0.008333329292710608, -0.0001983930834916783, 2.7180840902896742e-06,
  ]
  private static let sineDouble = [
    -0.1666666666666663, 0.00833333333332184, -0.00019841269829358533, 2.755731353851757e-06,
    -2.5050734389931645e-08, 1.589543333353796e-10,
  ]
  private static let cosineSingle = [
    0.04166666661929946, -0.0013888883483689299, 2.4799455855628694e-05, -2.720540028173852e-07,
  ]
  private static let cosineDouble = [
    0.041666666666666595, -0.0013888888888873325, 2.4801587288983695e-05, -2.7557314210084863e-07,
    2.087570427306205e-09, -1.1358683473859787e-11,
  ]
}
