/// A value under computation together with its emitter, so that an algorithm reads as the formula it is.
///
/// Operators act lane by lane, on floats or integers as the type says. A plain number beside lanes stands for that
/// constant in every lane.
struct Lanes {
  let value: CodeValue
  let emitter: Emitter

  init(_ value: CodeValue, _ emitter: Emitter) {
    self.value = value
    self.emitter = emitter
  }

  var type: CodeType { value.type }
  var isDouble: Bool { type.scalar == emitter.types.f64 }
  var lanes: Int { type.laneCount }

  // MARK: Constants of the same type

  func constant(_ number: Double) -> Lanes { with(emitter.float(number, type)) }
  func constant(bits: UInt64) -> Lanes { with(emitter.bits(bits, type)) }
  func integer(_ number: Int) -> Lanes { with(emitter.int(number, type)) }
  func with(_ value: CodeValue) -> Lanes { Lanes(value, emitter) }

  // MARK: Arithmetic

  static func + (a: Lanes, b: Lanes) -> Lanes { a.with(a.emitter.add(a.value, b.value)) }
  static func - (a: Lanes, b: Lanes) -> Lanes { a.with(a.emitter.sub(a.value, b.value)) }
  static func * (a: Lanes, b: Lanes) -> Lanes { a.with(a.emitter.mul(a.value, b.value)) }
  static func / (a: Lanes, b: Lanes) -> Lanes { a.with(a.emitter.divide(a.value, b.value)) }
  static prefix func - (a: Lanes) -> Lanes { a.with(a.emitter.neg(a.value)) }

  static func + (a: Lanes, b: Double) -> Lanes { a + a.constant(b) }
  static func - (a: Lanes, b: Double) -> Lanes { a - a.constant(b) }
  static func * (a: Lanes, b: Double) -> Lanes { a * a.constant(b) }
  static func / (a: Lanes, b: Double) -> Lanes { a / a.constant(b) }
  static func + (a: Double, b: Lanes) -> Lanes { b.constant(a) + b }
  static func - (a: Double, b: Lanes) -> Lanes { b.constant(a) - b }
  static func * (a: Double, b: Lanes) -> Lanes { b.constant(a) * b }
  static func / (a: Double, b: Lanes) -> Lanes { b.constant(a) / b }

  /// self · factor + addend: rounded once where the machine fuses, else twice. Algorithms hold their bound both ways.
  func multiplied(by factor: Lanes, plus addend: Lanes) -> Lanes {
    guard emitter.target.hasFMA else { return self * factor + addend }
    return with(emitter.fma(value, factor.value, addend.value))
  }

  func multiplied(by factor: Double, plus addend: Lanes) -> Lanes {
    multiplied(by: constant(factor), plus: addend)
  }

  func multiplied(by factor: Lanes, plus addend: Double) -> Lanes {
    multiplied(by: factor, plus: constant(addend))
  }

  var magnitude: Lanes { with(emitter.absolute(value)) }
  var squareRoot: Lanes { with(emitter.squareRoot(value)) }
  func withSign(of other: Lanes) -> Lanes { with(emitter.copySign(value, other.value)) }

  /// c₀ + c₁·self + c₂·self² + … by Horner's rule; a long one as two interleaved halves, even and odd, because a single
  /// chain of dependent operations takes longer than a core can look ahead.
  func polynomial(_ coefficients: [Double]) -> Lanes {
    guard coefficients.count > 5 else { return horner(coefficients) }
    let square = self * self
    let even = square.horner(stride(from: 0, to: coefficients.count, by: 2).map { coefficients[$0] })
    let odd = square.horner(stride(from: 1, to: coefficients.count, by: 2).map { coefficients[$0] })
    return odd.multiplied(by: self, plus: even)
  }

  private func horner(_ coefficients: [Double]) -> Lanes {
    precondition(!coefficients.isEmpty, "a polynomial has a coefficient")
    return coefficients.dropLast().reversed().reduce(constant(coefficients[coefficients.count - 1])) {
      $0.multiplied(by: self, plus: $1)
    }
  }

  // MARK: Bits

  static func & (a: Lanes, b: Lanes) -> Lanes { a.with(a.emitter.and(a.value, b.value)) }
  static func | (a: Lanes, b: Lanes) -> Lanes { a.with(a.emitter.or(a.value, b.value)) }
  static func ^ (a: Lanes, b: Lanes) -> Lanes { a.with(a.emitter.xor(a.value, b.value)) }
  static prefix func ! (a: Lanes) -> Lanes { a.with(a.emitter.not(a.value)) }
  static func << (a: Lanes, count: Int) -> Lanes { a << a.integer(count) }
  static func << (a: Lanes, count: Lanes) -> Lanes { a.with(a.emitter.shiftLeft(a.value, count.value)) }

  /// Shifts in zeros.
  static func >> (a: Lanes, count: Int) -> Lanes { a >> a.integer(count) }
  static func >> (a: Lanes, count: Lanes) -> Lanes {
    a.with(a.emitter.shiftRight(a.value, count.value, signed: false))
  }

  /// Shifts in copies of the sign bit.
  func arithmeticShiftRight(_ count: Int) -> Lanes {
    with(emitter.shiftRight(value, integer(count).value, signed: true))
  }

  /// The pattern of a float as an integer of its width.
  var bits: Lanes { with(emitter.bitPattern(value)) }

  /// The float that has an integer for its pattern.
  var asFloat: Lanes {
    let scalar = type.scalarBits == 64 ? emitter.types.f64 : emitter.types.f32
    return with(emitter.bitcast(value, to: type.with(scalar: scalar)))
  }

  // MARK: Comparison and choice

  static func < (a: Lanes, b: Lanes) -> Lanes { a.compare(.less, b) }
  static func > (a: Lanes, b: Lanes) -> Lanes { a.compare(.greater, b) }
  static func < (a: Lanes, b: Double) -> Lanes { a.compare(.less, a.constant(b)) }
  static func > (a: Lanes, b: Double) -> Lanes { a.compare(.greater, a.constant(b)) }
  static func >= (a: Lanes, b: Double) -> Lanes { a.compare(.greaterEqual, a.constant(b)) }
  func equals(_ other: Lanes) -> Lanes { compare(.equal, other) }
  func equals(_ number: Double) -> Lanes { compare(.equal, constant(number)) }
  var isNaN: Lanes { with(emitter.isNaN(value)) }
  var signBitIsSet: Lanes { bits.compare(.less, bits.integer(0)) }

  func compare(_ how: Comparison, _ other: Lanes, signed: Bool = true) -> Lanes {
    with(emitter.compare(value, how, other.value, signed: signed))
  }

  /// `yes` where this condition holds, else `no`.
  func then(_ yes: Lanes, else no: Lanes) -> Lanes { with(emitter.select(value, yes.value, no.value)) }
  func then(_ yes: Double, else no: Lanes) -> Lanes { then(no.constant(yes), else: no) }
  func then(_ yes: Lanes, else no: Double) -> Lanes { then(yes, else: yes.constant(no)) }

  /// Cut off at both ends; NaN stays NaN.
  func clamped(_ low: Double, _ high: Double) -> Lanes {
    let raised = (self < low).then(low, else: self)
    return (raised > high).then(high, else: raised)
  }

  /// Cut off at the top; NaN stays NaN.
  func atMost(_ high: Double) -> Lanes { (self > high).then(high, else: self) }
  func atLeast(_ low: Double) -> Lanes { (self < low).then(low, else: self) }

  // MARK: Conversion

  func asDouble() -> Lanes { with(emitter.resizeFloat(value, to: emitter.types.f64)) }
  func asSingle() -> Lanes { with(emitter.resizeFloat(value, to: emitter.types.f32)) }
}

/// What an algorithm has to know of IEEE binary32 and binary64.
struct FloatFormat {
  let fractionBits: Int
  let bias: Int
  /// 1.5 · 2^fractionBits: adding it rounds to an integer, which then stands in the lowest bits of the pattern.
  let roundingShift: Double
  /// The smallest normal number.
  let leastNormal: Double

  static let binary32 = FloatFormat(fractionBits: 23, bias: 127, roundingShift: 0x1.8p23, leastNormal: 0x1p-126)
  static let binary64 = FloatFormat(fractionBits: 52, bias: 1023, roundingShift: 0x1.8p52, leastNormal: 0x1p-1022)
}

extension Lanes {
  var format: FloatFormat { isDouble ? .binary64 : .binary32 }
}

/// A float near an integer n: n itself as a float, and a pattern whose low bits are n, or n plus an offset.
struct RoundedLanes {
  let number: Lanes
  private let shifted: Lanes
  /// What the low bits hold beside n.
  private let offset: Int

  /// Nearest integer, ties to even, for |x| < 2^(fractionBits − 1).
  init(_ x: Lanes) {
    let shift = x.format.roundingShift
    shifted = x + shift
    number = shifted - shift
    offset = 0
  }

  /// The nearest integer of x · factor, to become an exponent.
  init(_ x: Lanes, times factor: Double, raisedBy: Int? = nil) {
    // Twice the bias besides: the halves of an exponent then carry one each, at no cost. The sum is exact.
    offset = raisedBy.map { x.format.bias + $0 } ?? 2 * x.format.bias
    let shift = x.format.roundingShift + Double(offset)
    shifted = x.multiplied(by: factor, plus: x.constant(shift))
    number = shifted - shift
  }

  /// n modulo 2^k in the low k bits, k below the shift's lowest bit; what stands above is not part of n.
  var lowBits: Lanes {
    precondition(offset == 0, "the low bits of an exponent are not n")
    return shifted.bits
  }

  /// 2^(n + extra), for an exponent in the normal range.
  func powerOfTwo(extra: Int = 0) -> Lanes {
    let format = shifted.format
    let rest = format.bias + extra - offset
    return ((rest == 0 ? shifted.bits : shifted.bits + shifted.bits.integer(rest)) << format.fractionBits).asFloat
  }

  /// 2^(n + what it was raised by), for an exponent in the normal range.
  var raisedPowerOfTwo: Lanes {
    precondition(offset != 0 && offset != 2 * shifted.format.bias, "an exponent is made with what raises it")
    return (shifted.bits << shifted.format.fractionBits).asFloat
  }

  /// y · 2^(n + extra) rounded once, for exponents down to twice the normal range.
  func scale(_ y: Lanes, extra: Int = 0) -> Lanes {
    let (low, high) = halves(extra: extra)
    return y * low * high
  }

  /// Two factors whose product is 2^(n + extra).
  func halves(extra: Int = 0) -> (Lanes, Lanes) {
    let format = shifted.format
    precondition(offset == 2 * format.bias, "an exponent is made with its bias")
    let exponent = shifted.bits << format.fractionBits
    let first = (shifted.bits << (format.fractionBits - 1)) & shifted.bits.integer(-1 << format.fractionBits)
    let second = exponent - first
    guard extra != 0 else { return (first.asFloat, second.asFloat) }
    return (first.asFloat, (second + second.integer(extra << format.fractionBits)).asFloat)
  }
}
