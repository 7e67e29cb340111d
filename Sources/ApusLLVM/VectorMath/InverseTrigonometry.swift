extension Emitter {
  /// asin of f64.
  func arcSine(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    let half = HalvedArc(x, accuracy)
    // Both parts of the arc are taken away one after the other, because their sum would round first.
    let left = DoubledLanes.sum(larger: x.constant(Self.quarterTurn), half.start * -2.0)
    let folded = left.high + (left.low - (half.rest * 2.0 - Self.quarterTurnRest))
    return half.isFolded.then(folded, else: half.arc).withSign(of: x)
  }

  /// acos of f64.
  func arcCosine(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    let half = HalvedArc(x, accuracy)
    let double = half.arc * 2.0
    let left = 2.0 * Self.quarterTurn - (double - 2.0 * Self.quarterTurnRest)
    let folded = (x < 0).then(left, else: double)
    let straight = Self.quarterTurn - (half.arc.withSign(of: x) - Self.quarterTurnRest)
    return half.isFolded.then(folded, else: straight)
  }

  /// atan of f64.
  func arcTangent(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    arcTangent(ratio: x.magnitude, over: x.constant(1), accuracy).withSign(of: x)
  }

  /// The angle of the point (x, y) in f64, with the special cases of IEEE 754-2019's atan2.
  func arcTangent(y: Lanes, x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    let (a, b) = (y.magnitude, x.magnitude)
    let areInfinite = a.equals(.infinity) & b.equals(.infinity)
    let areZero = a.equals(0) & b.equals(0)
    var scale = x.constant(1)
    if accuracy == .double {
      // So that neither the quotient's operands nor their sum leave the range; from f32 they cannot.
      let isHuge = (a > 0x1p1000) | (b > 0x1p1000)
      let isTiny = (a < 0x1p-900) & (b < 0x1p-900)
      scale = isHuge.then(x.constant(0x1p-100), else: isTiny.then(0x1p150, else: scale))
    }
    let top = areInfinite.then(1.0, else: a * scale)
    let bottom = areInfinite.then(1.0, else: areZero.then(1.0, else: b * scale))
    let angle = arcTangent(ratio: top, over: bottom, accuracy)
    let behind = 2.0 * Self.quarterTurn - (angle - 2.0 * Self.quarterTurnRest)
    let result = x.signBitIsSet.then(behind, else: angle).withSign(of: y)
    // A NaN in either operand goes through the comparisons above unseen.
    return (x.isNaN | y.isNaN).then(x + y, else: result)
  }

  /// atan(a / b) for a, b ≥ 0. Beyond ½ and 2 the argument is turned back by π/4 and by π/2; between them a − b is
  /// exact.
  private func arcTangent(ratio a: Lanes, over b: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    let isMiddle = a > b * 0.5
    let isSteep = a > b * 2.0
    let top = isSteep.then(-b, else: isMiddle.then(a - b, else: a))
    let bottom = isSteep.then(a, else: isMiddle.then(a + b, else: b))
    let t = top / bottom
    let turned = isSteep.then(Self.quarterTurn, else: isMiddle.then(Self.quarterTurn / 2, else: a.constant(0)))
    let turnedRest = isSteep.then(
      Self.quarterTurnRest, else: isMiddle.then(Self.quarterTurnRest / 2, else: a.constant(0)))
    let square = t * t
    let series = square.polynomial(Self.arcTangentSeries(accuracy)) * square
    return turned + (series.multiplied(by: t, plus: turnedRest) + t)
  }

  static let quarterTurn = 0x1.921fb54442d18p+0
  /// π/2 − `quarterTurn`.
  static let quarterTurnRest = 0x1.1a62633145c07p-54

  /// (atan(t) − t) / t³ in t², |t| ≤ ½; Remez, relative to atan: 2⁻⁴⁰·⁶ and 2⁻⁶¹·⁹.
  private static func arcTangentSeries(_ accuracy: MathAccuracy) -> [Double] {
    switch accuracy {
    case .single:
      [
        -0.33333333307845564, 0.19999996637595807, -0.14285562020994969, 0.11107753795029995, -0.09049492486380066,
        0.07388531101909313, -0.05321092337379527, 0.023533158109595376,
      ]
    case .double:
      [
        -0.33333333333333315, 0.19999999999993764, -0.14285714284997889, 0.11111111070020206, -0.09090907704586365,
        0.07692277622917361, -0.06666224740445544, 0.05877813218692432, -0.052300309267819596, 0.04589470675012594,
        -0.037118430218082074, 0.02365362676012342, -0.00836433028317911,
      ]
    }
  }
}

/// asin(s) for s ≤ ½: of |x| itself, or where |x| > ½ of √((1 − |x|) / 2), half the angle that is left to π/2.
private struct HalvedArc {
  let isFolded: Lanes
  /// s.
  let start: Lanes
  /// asin(s) − s.
  let rest: Lanes
  var arc: Lanes { start + rest }

  init(_ x: Lanes, _ accuracy: MathAccuracy) {
    let a = x.magnitude
    isFolded = a > 0.5
    let square = isFolded.then((1.0 - a) * 0.5, else: a * a)
    start = isFolded.then(square.squareRoot, else: a)
    rest = square.polynomial(Self.series(accuracy)) * (square * start)
  }

  /// (asin(s) − s) / s³ in s², s ≤ ½; Remez, relative to asin: 2⁻³⁹·⁹ and 2⁻⁵⁹·⁸.
  private static func series(_ accuracy: MathAccuracy) -> [Double] {
    switch accuracy {
    case .single:
      [
        0.16666666626574234, 0.07500005058879396, 0.04464068138717604, 0.03042695471570085, 0.021861945711849937,
        0.02066451198851772, 0.0019339083850110448, 0.032957350745687015,
      ]
    case .double:
      [
        0.16666666666666763, 0.07499999999970118, 0.04464285717527146, 0.030381942675865265, 0.0223722158914758,
        0.01735159573455895, 0.013981015927799354, 0.011397313207715027, 0.01078921301340736, 0.0036725796270511936,
        0.02178971353377822, -0.021115427628228704, 0.03270136908463819,
      ]
    }
  }
}
