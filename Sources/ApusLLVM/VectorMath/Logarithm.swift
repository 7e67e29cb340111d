import ApusSupport

extension Emitter {
  /// The natural logarithm of f32, in f32 arithmetic.
  func logarithmInSingle(_ x: Lanes) -> Lanes {
    let split = SplitFloat(x)
    let f = split.fraction - 1.0
    let square = f * f
    // (log(1 + f) − f + f²/2) / f³ on √½ − 1 ≤ f ≤ √2 − 1; Remez, relative to log(1 + f): 2⁻²⁷·³.
    let tail =
      f.polynomial([
        0x1.555554p-2, -0x1.000228p-2, 0x1.99a036p-3, -0x1.54721ep-3, 0x1.22d5a2p-3, -0x1.0d8208p-3, 0x1.057ba4p-3,
        -0x1.391b6cp-4,
      ]) * f * square
    let low = square.multiplied(by: -0.5, plus: split.exponent.multiplied(by: 0x1.7f7d1cp-20, plus: tail))
    let result = split.exponent.multiplied(by: 0x1.62e4p-1, plus: f + low)
    return withLogarithmSpecials(result, of: x)
  }

  /// The natural logarithm of f64.
  func logarithm(_ x: Lanes, _ accuracy: MathAccuracy) -> Lanes {
    withLogarithmSpecials(logarithmOfPositive(x, correction: nil, accuracy), of: x)
  }

  /// log(1 + x + rest) of f64, where the rest is no more than an ulp of x.
  func logarithmOfOnePlus(_ x: Lanes, rest: Lanes? = nil, _ accuracy: MathAccuracy) -> Lanes {
    let sum = 1.0 + x
    let lostOfSmall = x - (sum - 1.0)
    let correction: Lanes
    switch accuracy {
    // For an x from f32 the sum is inexact only near 1, or where what it loses does not matter.
    case .single: correction = (x > 1.0).then(0.0, else: lostOfSmall)
    case .double:
      let lost = (x > 1.0).then(1.0 - (sum - x), else: lostOfSmall)
      correction = (rest.map { lost + $0 } ?? lost) / sum
    }
    let result = logarithmOfPositive(sum, correction: correction, accuracy)
    let finished = withLogarithmSpecials(result, of: sum)
    return (x.magnitude < 0x1p-54).then(x, else: finished)
  }

  /// log(x) + correction, for finite x > 0.
  private func logarithmOfPositive(_ x: Lanes, correction: Lanes?, _ accuracy: MathAccuracy) -> Lanes {
    switch accuracy {
    case .single:
      let split = SplitFloat(x, mayBeDenormal: false)
      let result = logarithm(power: split.exponent, fraction: split.fraction)
      return correction.map { result + $0 } ?? result
    case .double:
      return logarithm(SplitFloat(x), correction: correction)
    }
  }

  /// log(2^power · fraction) in f64 to the accuracy of f32, √½ ≤ fraction < √2: with s = f / (2 + f) for
  /// f = fraction − 1, log(fraction) = log((1 + s) / (1 − s)) = 2s + s·R(s²).
  func logarithm(power: Lanes, fraction: Lanes) -> Lanes {
    let s = (fraction - 1.0) / (fraction + 1.0)
    let square = s * s
    let series = square.polynomial(Self.logarithmSeries(.single)).multiplied(by: square, plus: 2.0)
    return power.multiplied(by: Self.naturalLogOfTwo, plus: s * series)
  }

  /// As above to the accuracy of f64, with `correction` added; written so that f itself stays exact (fdlibm's e_log.c).
  private func logarithm(_ split: SplitFloat, correction: Lanes?) -> Lanes {
    let f = split.fraction - 1.0
    let s = f / (2.0 + f)
    let square = s * s
    let series = square * square.polynomial(Self.logarithmSeries(.double))
    let half = f * f * 0.5
    let low = split.exponent * 1.9082149292705877e-10
    let tail = s.multiplied(by: half + series, plus: correction.map { low + $0 } ?? low)
    return split.exponent * 0x1.62e42feep-1 - ((half - tail) - f)
  }

  private func withLogarithmSpecials(_ result: Lanes, of x: Lanes) -> Lanes {
    let atPole = x.equals(0).then(-Double.infinity, else: result)
    let inDomain = (x < 0).then(.nan, else: atPole)
    // Infinity and NaN are their own logarithms.
    let isFinite = x < Double.infinity
    return isFinite.then(inDomain, else: x)
  }

  /// (log((1 + s) / (1 − s)) − 2s) / s³ in s², for |s| ≤ (√2 − 1) / (√2 + 1); Remez, relative to the logarithm:
  /// 2⁻⁴⁴·⁹ and 2⁻⁶⁶·⁶.
  static func logarithmSeries(_ accuracy: MathAccuracy) -> [Double] {
    switch accuracy {
    case .single:
      [0.6666666667580433, 0.399999956207988, 0.2857210926515021, 0.22176184234022286, 0.19584216572817414]
    case .double:
      [
        0.6666666666666666, 0.40000000000004926, 0.2857142856940977, 0.22222222607241277, 0.1818177832964487,
        0.15386990095653114, 0.13252118192350984, 0.1323506028793538,
      ]
    }
  }
}

/// x = 2^k · m with √½ ≤ m < √2, for positive finite x, denormals included; anything for other x.
struct SplitFloat {
  /// k, as a float.
  let exponent: Lanes
  /// m.
  let fraction: Lanes

  /// `mayBeDenormal: false` saves the lift of numbers that are too small to be normal.
  init(_ x: Lanes, mayBeDenormal: Bool = true) {
    let format = x.format
    let isDenormal = mayBeDenormal ? x < format.leastNormal : nil
    let normal = isDenormal.map { $0.then(x * (x.isDouble ? 0x1p54 : 0x1p25), else: x) } ?? x
    let origin = normal.bits.integer(x.isDouble ? 0x3fe6_a09e_667f_3bcd : 0x3f35_04f3)
    let distance = normal.bits - origin
    let fractionMask = distance.integer((1 << format.fractionBits) - 1)
    fraction = ((distance & fractionMask) + origin).asFloat
    // With the bias added the exponent is not negative, and the pattern of 2^fractionBits takes it as its low bits.
    let biased = (distance + distance.integer(format.bias << format.fractionBits)) >> format.fractionBits
    let integers = x.constant(x.isDouble ? 0x1p52 : 0x1p23)
    let shifted = (biased | integers.bits).asFloat
    let offset = (x.isDouble ? 0x1p52 : 0x1p23) + Double(format.bias)
    let lifted = offset + (x.isDouble ? 54 : isPlanted(.logarithmOfDenormalsIsOff) ? 24 : 25)
    exponent = shifted - (isDenormal.map { $0.then(lifted, else: x.constant(offset)) } ?? x.constant(offset))
  }
}
