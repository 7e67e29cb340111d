/// An unevaluated sum high + low of two f64, |low| ≤ ulp(high) / 2: about 106 bits. After Dekker and Knuth.
struct DoubledLanes {
  let high: Lanes
  let low: Lanes

  init(high: Lanes, low: Lanes) {
    self.high = high
    self.low = low
  }

  /// a + b exactly.
  static func sum(_ a: Lanes, _ b: Lanes) -> DoubledLanes {
    let high = a + b
    let fromB = high - a
    let low = (a - (high - fromB)) + (b - fromB)
    return DoubledLanes(high: high, low: low)
  }

  /// a + b exactly, where |a| ≥ |b| or a = 0.
  static func sum(larger a: Lanes, _ b: Lanes) -> DoubledLanes {
    let high = a + b
    return DoubledLanes(high: high, low: b - (high - a))
  }

  /// a · b, exact with fused multiply-add and within 2⁻¹⁰⁶ of the product without.
  static func product(_ a: Lanes, _ b: Lanes) -> DoubledLanes {
    let high = a * b
    if a.emitter.target.hasFMA {
      return DoubledLanes(high: high, low: a.multiplied(by: b, plus: -high))
    }
    let (x, y) = (Halves(a), Halves(b))
    let low = ((x.top * y.top - high) + x.top * y.rest + x.rest * y.top) + x.rest * y.rest
    return DoubledLanes(high: high, low: low)
  }

  /// The product to about 100 bits.
  static func * (a: DoubledLanes, b: DoubledLanes) -> DoubledLanes {
    let exact = product(a.high, b.high)
    let cross = a.low.multiplied(by: b.high, plus: a.high * b.low)
    return sum(larger: exact.high, exact.low + cross)
  }
}

/// A f64 as a sum of two numbers of 26 and 27 bits.
private struct Halves {
  let top: Lanes
  let rest: Lanes

  init(_ x: Lanes) {
    top = (x.bits & x.bits.constant(bits: ~0x7ff_ffff)).asFloat
    rest = x - top
  }
}
