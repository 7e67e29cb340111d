extension Emitter {
  /// e^x. f32 in f32 arithmetic, f64 to either accuracy.
  func exponential(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    let range = ExponentRange(x, accuracy)
    let split = ReducedExponent(x.clamped(range.vanishing, range.overflowing), accuracy)
    return range.isNormal ? (1.0 + split.excess) * split.power.powerOfTwo() : split.power.scale(1.0 + split.excess)
  }

  /// e^min(x, 0) for f32. Without large exponents one power of two and a constant scale the result, rounded once.
  func exponentialOfNonpositive(_ x: Lanes) -> Lanes {
    precondition(!x.isDouble, "the bounded exponential is for f32")
    let split = ReducedExponent(x.clamped(ExponentRange(x, .single).vanishing, 0), raisedBy: 64, .single)
    return split.size * split.power.raisedPowerOfTwo * 0x1p-64
  }

  /// e^x / 2 without the overflow of e^x, for x ≥ 0.
  func halfExponential(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    let range = ExponentRange(x, accuracy)
    let split = ReducedExponent(x.atMost(range.overflowing + 1), accuracy)
    let size = 1.0 + split.excess
    return range.isNormal ? size * split.power.powerOfTwo(extra: -1) : split.power.scale(size, extra: -1)
  }

  /// e^x − 1, for f64.
  func exponentialMinusOne(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    // Below −40 the result is −1 in every accuracy.
    let split = ReducedExponent(x.clamped(-40, 710), accuracy)
    // One power lower and doubled at the end, because 2^1024 is not a number.
    let scale = split.power.powerOfTwo(extra: -1)
    let whole = scale - 0.5
    let half: Lanes
    switch accuracy {
    case .single:
      half = split.excess.multiplied(by: scale, plus: whole)
    case .double:
      // What rounding took from e^r − 1 is put back: where the terms cancel it would be an ulp of the result.
      let grown = DoubledLanes.sum(whole, split.excess * scale)
      half = grown.high + split.excessRest.multiplied(by: scale, plus: grown.low)
    }
    return (x.magnitude < 0x1p-54).then(x, else: half + half)
  }

  /// 1 / (1 + e^−x).
  ///
  /// With e = e^−|x| it is e / (1 + e) on the left and one minus that on the right, so nothing overflows and nothing
  /// cancels. The rounding errors of 1 + (e^r − 1) and of 1 + e are put back before the last multiplication.
  func logistic(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    let range = ExponentRange(x, accuracy)
    let split = ReducedExponent((-x.magnitude).atLeast(range.vanishing), accuracy)
    let (low, high) = split.power.halves()
    let e = (low + low * split.excess) * high
    let sum = 1.0 + e
    let lost = e - (sum - 1.0)
    let quotient = low / sum
    // 1 / (1 + e) to the few bits that weighting a rounding error needs.
    let weight = e * 0.5 - 1.0
    let excess = weight.multiplied(by: lost, plus: split.excess)
    let left = quotient.multiplied(by: excess, plus: quotient) * high
    return (x < 0).then(left, else: 1.0 - left)
  }

  /// q with e^r − 1 = r + r²·q(r), |r| ≤ ln 2 / 2, fitted by the Remez algorithm to the relative error of the left side:
  /// 2⁻²⁵·⁸ in f32 (of e^r 2⁻²⁸·¹), 2⁻³⁷·⁵ and 2⁻⁶⁰ in f64.
  fileprivate func curveOfExponential(_ r: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    guard r.isDouble else {
      return r.polynomial([0x1.fffffcp-2, 0x1.555494p-3, 0x1.555886p-5, 0x1.1238a6p-7, 0x1.6a85fap-10])
    }
    return r.polynomial(accuracy == .single ? Self.exponentialSingle : Self.exponentialDouble)
  }

  static let naturalLogOfTwo = 0.6931471805599453

  private static let exponentialSingle = [
    0.5000000000104897, 0.1666666675392884, 0.04166666595518448, 0.008333289123355542, 0.0013888985013078294,
    0.00019904859332102055, 2.479644140532743e-05,
  ]

  private static let exponentialDouble = [
    0.5, 0.16666666666666674, 0.0416666666666667, 0.008333333333324462, 0.0013888888888857745, 0.00019841269877875756,
    2.480158739155957e-05, 2.7557252835041905e-06, 2.75572093042715e-07, 2.5106071151618857e-08, 2.093610878483414e-09,
  ]
}

/// x = n · ln 2 + r with |r| ≤ ln 2 / 2, after Cody and Waite: the high part of ln 2 times any n is exact. In f64 to
/// the accuracy of f32 one step is enough.
struct ReducedExponent {
  /// n.
  let power: RoundedLanes
  /// e^r − 1.
  let excess: Lanes
  private let r: Lanes
  /// (e^r − 1 − r) / r².
  private let curve: Lanes

  /// `tail` is added to x with the accuracy of r. With `raisedBy` the power serves `raisedPowerOfTwo`, and nothing else.
  init(_ x: Lanes, tail: Lanes? = nil, raisedBy: Int? = nil, _ accuracy: MathAccuracy) {
    power = RoundedLanes(x, times: 1.4426950408889634, raisedBy: raisedBy)
    let untailed: Lanes
    if x.isDouble && accuracy == .single {
      untailed = power.number.multiplied(by: -Emitter.naturalLogOfTwo, plus: x)
    } else {
      let (high, low) =
        x.isDouble ? (0x1.62e42feep-1, 1.9082149292705877e-10) : (0x1.62e4p-1, 0x1.7f7d1cp-20)
      untailed = power.number.multiplied(by: -low, plus: power.number.multiplied(by: -high, plus: x))
    }
    r = tail.map { untailed + $0 } ?? untailed
    curve = x.emitter.curveOfExponential(r, accuracy)
    excess = curve.multiplied(by: r * r, plus: r)
  }

  /// e^r: one rounding less than adding 1 to `excess`.
  var size: Lanes { curve.multiplied(by: r, plus: 1.0).multiplied(by: r, plus: 1.0) }

  /// What rounding took from `excess`, nearly.
  var excessRest: Lanes { curve * (r * r) - (excess - r) }
}

/// Where e^x leaves a format: below `vanishing` it rounds to 0, above `overflowing` it is infinite.
struct ExponentRange {
  let vanishing: Double
  let overflowing: Double
  /// Whether all that lies between is a normal number.
  let isNormal: Bool

  init(_ x: Lanes, _ accuracy: MathAccuracy) {
    switch (x.isDouble, accuracy) {
    case (false, _): self.init(vanishing: -104, overflowing: 89, isNormal: false)
    case (true, .double): self.init(vanishing: -746, overflowing: 710, isNormal: false)
    // Far outside of f32, for which it is computed.
    case (true, .single): self.init(vanishing: -700, overflowing: 700, isNormal: true)
    }
  }

  private init(vanishing: Double, overflowing: Double, isNormal: Bool) {
    self.vanishing = vanishing
    self.overflowing = overflowing
    self.isNormal = isNormal
  }
}
