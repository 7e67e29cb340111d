extension Emitter {
  /// x^y of f64 as e^(y·log|x|), the logarithm to about 66 bits.
  func power(_ x: Lanes, _ y: Lanes) -> Lanes {
    // Any power beyond this saturates, since no logarithm but 0 is smaller than 2⁻⁵⁴.
    let bounded = y.clamped(-0x1p70, 0x1p70)
    return withPowerSpecials(exponential(of: bounded, timesLogarithmOf: x.magnitude), x, y)
  }

  /// x^y of f32: the logarithm and the exponential in f64, what surrounds them in f32.
  func powerInSingle(_ x: Lanes, _ y: Lanes) -> Lanes {
    let a = x.magnitude
    let split = SplitFloat(a)
    let log = logarithm(power: split.exponent.asDouble(), fraction: split.fraction.asDouble())
    // An infinite power of 1 would be NaN.
    let bounded = y.clamped(-0x1p127, 0x1p127)
    let size = exponential(bounded.asDouble() * log, .single).asSingle()
    let isZero = a.equals(0)
    let saturated = (isZero ^ (y < 0)).then(0.0, else: x.constant(.infinity))
    return withPowerSpecials((isZero | a.equals(.infinity)).then(saturated, else: size), x, y)
  }

  /// |x|^y with its sign, and with the cases in which it is not a number or is one whatever the operand.
  private func withPowerSpecials(_ size: Lanes, _ x: Lanes, _ y: Lanes) -> Lanes {
    let isInteger = Self.isInteger(y.magnitude)
    let isOdd = isInteger & !Self.isInteger(y.magnitude * 0.5)
    let isNegative = x.signBitIsSet & isOdd
    let signed = isNegative.then(-size, else: size)
    let hasNoRoot = (x < 0) & (x > -Double.infinity) & !isInteger
    let real = hasNoRoot.then(.nan, else: signed)
    let withNaN = (x.isNaN | y.isNaN).then(x + y, else: real)
    return (x.equals(1) | y.equals(0)).then(1.0, else: withNaN)
  }

  /// Whether a float ≥ 0 has no fraction. From 2^fractionBits on none has one.
  private static func isInteger(_ a: Lanes) -> Lanes {
    let integers = a.isDouble ? 0x1p52 : 0x1p23
    return ((a + integers) - integers).equals(a) | (a >= integers)
  }

  private func exponential(of y: Lanes, timesLogarithmOf a: Lanes) -> Lanes {
    let log = doubledLogarithm(a)
    let exact = DoubledLanes.product(y, log.high)
    let range = ExponentRange(y, .double)
    let isInside = exact.high.magnitude < -range.vanishing
    // Outside the range the low part is meaningless and may be NaN.
    let tail = isInside.then(y.multiplied(by: log.low, plus: exact.low), else: 0.0)
    let bounded = exact.high.clamped(range.vanishing, range.overflowing)
    let split = ReducedExponent(bounded, tail: tail, .double)
    return split.power.scale(1.0 + split.excess)
  }

  /// log(a) as a sum of two f64, for a ≥ 0: k·ln 2 + 2s + s³·(2/3 + s²·(2/5 + …)) with s = (m − 1) / (m + 1); the
  /// terms up to s³ are carried in two parts.
  private func doubledLogarithm(_ a: Lanes) -> DoubledLanes {
    let split = SplitFloat(a)
    let m = split.fraction
    let f = m - 1.0
    let sum = m + 1.0
    let sumRest = m - (sum - 1.0)
    let inverse = 1.0 / sum
    let s = f * inverse
    let back = DoubledLanes.product(s, sum)
    let remainder = ((f - back.high) - back.low) - s * sumRest
    let doubledS = DoubledLanes.sum(larger: s, remainder * inverse)
    let square = doubledS * doubledS

    let outer = square.high * square.high.polynomial(Self.powerSeries)
    let third = DoubledLanes.sum(larger: outer.constant(2.0 / 3.0), outer + 3.700743415417188e-17)
    let cubic = square * third
    let factor = DoubledLanes.sum(larger: cubic.high.constant(2), cubic.high)
    let series = doubledS * DoubledLanes(high: factor.high, low: factor.low + cubic.low)

    // 42 bits of ln 2: exact times any exponent.
    let whole = DoubledLanes.sum(split.exponent * 0x1.62e42fefa38p-1, series.high)
    let rest = split.exponent.multiplied(by: 5.497923018708371e-14, plus: series.low) + whole.low
    let finite = DoubledLanes.sum(larger: whole.high, rest)
    let high = a.equals(0).then(-Double.infinity, else: a.equals(.infinity).then(a, else: finite.high))
    return DoubledLanes(high: high, low: finite.low)
  }

  /// (log((1 + s) / (1 − s)) − 2s − 2s³/3) / s⁵ in s²: 2/5, then the Remez fit of the rest, in all 2⁻⁷².
  private static let powerSeries = [
    0.4, 0.2857142857143316, 0.22222222220012577, 0.18181818605414204, 0.15384572901185153, 0.13335763022216984,
    0.11685043818721828, 0.11910956794187136,
  ]
}
