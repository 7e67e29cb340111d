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

  /// atan of f64. Beyond ½ and 2 the argument is turned back by π/4 and by π/2; between them a − 1 is exact.
  func arcTangent(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    let a = x.magnitude
    let (isMiddle, isSteep) = (a > 0.5, a > 2.0)
    let top = isSteep.then(-1.0, else: isMiddle.then(a - 1.0, else: a))
    let bottom = isSteep.then(a, else: isMiddle.then(a + 1.0, else: 1.0))
    let t = top / bottom
    let turned = isSteep.then(Self.quarterTurn, else: isMiddle.then(Self.quarterTurn / 2, else: a.constant(0)))
    let turnedRest = isSteep.then(
      Self.quarterTurnRest, else: isMiddle.then(Self.quarterTurnRest / 2, else: a.constant(0)))
    let square = t * t
    let series = square.polynomial(Self.arcTangentSeries(accuracy)) * square
    return (turned + (series.multiplied(by: t, plus: turnedRest) + t)).withSign(of: x)
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
