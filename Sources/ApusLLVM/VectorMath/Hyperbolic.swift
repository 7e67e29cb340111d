extension Emitter {
  /// tanh of f32 or f64: an odd polynomial near 0, else 1 − 2 / (e^2|x| + 1).
  func hyperbolicTangent(_ x: Lanes) -> Lanes {
    let square = x * x
    let series = square.polynomial(x.isDouble ? Self.hyperbolicTangentDouble : Self.hyperbolicTangentSingle)
    let near = series.multiplied(by: square * x, plus: x)
    let bounded = x.magnitude.atMost(x.isDouble ? 22 : 9.1)
    let split = ReducedExponent(bounded + bounded, x.isDouble ? .double : .single)
    let e = (1.0 + split.excess) * split.power.powerOfTwo()
    let far = 1.0 - 2.0 / (e + 1.0)
    // The sign is set at the end, because the sum of two zeros in `near` can lose it.
    return (x.magnitude < 0.625).then(near, else: far).withSign(of: x)
  }

  // (tanh(x) − x) / x³ in x², |x| ≤ 0.625; Remez, relative to tanh: 2⁻²⁷·⁷ and 2⁻⁶⁰·³.
  private static let hyperbolicTangentSingle = [
    -0x1.555532p-2, 0x1.1106f6p-3, -0x1.b835a4p-5, 0x1.51f8d4p-6, -0x1.750d06p-8,
  ]
  private static let hyperbolicTangentDouble = [
    -0.33333333333333315, 0.1333333333332996, -0.05396825396614725, 0.0218694884705509, -0.008863234334828326,
    0.0035921141678188126, -0.0014557267623656874, 0.000589454351014759, -0.00023701679949318077,
    9.156443842992619e-05, -3.019097505814602e-05, 6.043322217232229e-06,
  ]

  /// sinh of f64: an odd polynomial up to 1, beyond it e^|x|/2 − e^−|x|/2.
  func hyperbolicSine(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    let square = x * x
    let near = square.polynomial(Self.hyperbolicSineSeries(accuracy)).multiplied(by: square * x, plus: x)
    let half = halfExponential(x.magnitude, accuracy)
    let far = (half - 0.25 / half).withSign(of: x)
    return (x.magnitude < 1.0).then(near, else: far)
  }

  /// cosh of f64.
  func hyperbolicCosine(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    let half = halfExponential(x.magnitude, accuracy)
    return half + 0.25 / half
  }

  /// asinh of f64: log1p(a + a² / (1 + √(a² + 1))) for a = |x|.
  func inverseHyperbolicSine(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    let a = x.magnitude
    let square = a * a
    let excess = DoubledLanes.sum(larger: a, square / (1.0 + (square + 1.0).squareRoot))
    return logarithmOfOnePlus(excess, insteadOfTwice: a, accuracy).withSign(of: x)
  }

  /// acosh of f64: log1p(t + √(2t + t²)) for t = x − 1.
  func inverseHyperbolicCosine(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    let t = x - 1.0
    let root = t.multiplied(by: t, plus: t + t).squareRoot
    let excess = DoubledLanes.sum(larger: root, t)
    let result = logarithmOfOnePlus(excess, insteadOfTwice: x, accuracy)
    return (x < 1.0).then(.nan, else: result)
  }

  /// log1p(excess), or log(2a), which it nears, where a² leaves the range of f64.
  private func logarithmOfOnePlus(
    _ excess: DoubledLanes, insteadOfTwice a: Lanes, _ accuracy: MathAccuracy
  ) -> Lanes {
    switch accuracy {
    // The square of a f32 is a f64; but infinity over infinity is not one.
    case .single:
      return a.equals(.infinity).then(a, else: logarithmOfOnePlus(excess.high, accuracy))
    case .double:
      let isHuge = a > 0x1p500
      let rest = isHuge.then(0.0, else: excess.low)
      let log = logarithmOfOnePlus(isHuge.then(a, else: excess.high), rest: rest, accuracy)
      return isHuge.then(log + Self.naturalLogOfTwo, else: log)
    }
  }

  /// atanh of f64: log1p(2a / (1 − a)) / 2 for a = |x|; to f64 accuracy an odd polynomial up to ½, where 1 − a would
  /// round.
  func inverseHyperbolicTangent(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    let a = x.magnitude
    let far = logarithmOfOnePlus((a + a) / (1.0 - a), accuracy) * 0.5
    switch accuracy {
    case .single:
      return far.withSign(of: x)
    case .double:
      let square = x * x
      let near = square.polynomial(Self.inverseHyperbolicTangentSeries).multiplied(by: square * a, plus: a)
      return (a < 0.5).then(near, else: far).withSign(of: x)
    }
  }

  /// (atanh(x) − x) / x³ in x², |x| ≤ ½; Remez, relative to atanh: 2⁻⁶⁰·⁸.
  private static let inverseHyperbolicTangentSeries = [
    0.3333333333333328, 0.20000000000018558, 0.14285714283394899, 0.11111111257489527, 0.09090903619580921,
    0.07692439797658572, 0.06664497585835762, 0.05907311712514375, 0.050589192920267395, 0.05951676626686432,
    -0.005160914296818286, 0.17453274342204422, -0.19556238308501483, 0.24079083069511478,
  ]

  /// (sinh(x) − x) / x³ in x², |x| ≤ 1; Remez, relative to sinh: 2⁻³⁴ and 2⁻⁶¹.
  private static func hyperbolicSineSeries(_ accuracy: MathAccuracy) -> [Double] {
    switch accuracy {
    case .single: [0.16666666497562657, 0.008333350058122883, 0.00019836159781515437, 2.816951224185876e-06]
    case .double:
      [
        0.16666666666666669, 0.008333333333332912, 0.0001984126984159341, 2.755731910675639e-06,
        2.5052130998809016e-08, 1.6056659159720553e-10, 7.776600349367648e-13,
      ]
    }
  }
}
