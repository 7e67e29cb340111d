import ApusIR
import ApusTensor

extension Operators {
  /// Arithmetic element by element.
  static var arithmetic: [OperatorRule] {
    [
      binary("Add", .add), binary("Sub", .sub), binary("Mul", .mul), binary("Div", .div),
      OperatorRule("Mod", value: modulus),
      OperatorRule("Pow", value: power),
      fold("Max", .max), fold("Min", .min), fold("Sum", .add),
      OperatorRule("Mean", value: mean),
      unary("Abs", .abs), unary("Neg", .neg), unary("Sign", .sign), unary("Ceil", .ceil), unary("Floor", .floor),
      unary("Round", .round), unary("Reciprocal", .reciprocal),
      OperatorRule("Clip", value: clip),
      OperatorRule("BitShift", value: shift),
      binary("BitwiseAnd", .and), binary("BitwiseOr", .or), binary("BitwiseXor", .xor), unary("BitwiseNot", .not),
    ]
  }

  static func unary(_ name: String, _ code: OpCode) -> OperatorRule {
    OperatorRule(name, value: { try $0.call(code, $0.value(0)) })
  }

  static func binary(_ name: String, _ code: OpCode) -> OperatorRule {
    OperatorRule(name, value: { try $0.call(code, $0.value(0), $0.value(1)) })
  }

  /// An op of any number of operands, taken from the left.
  private static func fold(_ name: String, _ code: OpCode) -> OperatorRule {
    OperatorRule(name) { n in
      guard n.inputCount != 1 else { return [n.input(0)] }
      var result = try n.value(0)
      for index in 1..<n.inputCount { result = try n.call(code, result, n.value(index)) }
      return [.value(result)]
    }
  }

  /// The sum is taken in f32 for narrower types, and rounded once.
  private static func mean(_ n: NodeTranslation) throws -> ValueID {
    let element = try n.element(n.value(0))
    var total = n.widened(try n.value(0))
    for index in 1..<max(n.inputCount, 1) { total = try n.call(.add, total, n.widened(n.value(index))) }
    return n.convert(try n.call(.div, [.value(total), .number(Double(n.inputCount))]), to: element)
  }

  /// With the divisor's sign, a zero's too; with `fmod` with the dividend's.
  private static func modulus(_ n: NodeTranslation) throws -> ValueID {
    let (a, b) = (try n.value(0), try n.value(1))
    guard try !n.flag("fmod") else { return try n.call(.rem, a, b) }
    let result = try n.call(.mod, a, b)
    guard n.element(a).isFloat else { return result }
    let isNegative = try n.call(.less, [.value(b), .number(0)])
    let zero = try n.call(.select, isNegative, n.scalar(-0.0, n.element(a)), n.scalar(0, n.element(a)))
    let isZero = try n.call(.equal, [.value(result), .number(0)])
    return try n.call(.select, isZero, zero, result)
  }

  /// In the base's type, whatever type the exponent has.
  private static func power(_ n: NodeTranslation) throws -> ValueID {
    let (base, exponent) = (try n.value(0), try n.value(1))
    let (own, other) = (n.element(base), n.element(exponent))
    guard own != other else { return try n.call(.pow, base, exponent) }
    let common: ElementType =
      switch (own.isFloat, other.isFloat) {
      case (true, true): own == .f64 || other == .f64 ? .f64 : .f32
      case (true, false): own == .f64 ? .f64 : .f32
      case (false, true): .f64
      // Powers of integers agree modulo 2ⁿ whatever the sign of the base, but that of the exponent counts.
      case (false, false): other.isUnsignedInteger ? .u64 : .s64
      }
    let result = try n.call(.pow, n.convert(base, to: common), n.convert(exponent, to: common))
    return n.convert(own.isFloat || !other.isFloat ? result : try wholeIfClose(n, result), to: own)
  }

  /// A whole number where the power is one within its error, so that it does not become the next lower integer.
  private static func wholeIfClose(_ n: NodeTranslation, _ power: ValueID) throws -> ValueID {
    let whole = try n.call(.round, power)
    let error = try n.call(.abs, n.call(.sub, power, whole))
    let bound = try n.call(.mul, [.value(n.call(.abs, whole)), .number(1e-15)])
    return try n.call(.select, n.call(.lessEqual, error, bound), whole, power)
  }

  /// Bounds are operands from opset 11 on. Where the lower one lies above the upper one, the upper one holds.
  private static func clip(_ n: NodeTranslation) throws -> ValueID {
    var result = try n.value(0)
    if n.version < 11 {
      if let low = try n.optionalFloat("min") { result = try n.call(.max, [.value(result), .number(low)]) }
      if let high = try n.optionalFloat("max") { result = try n.call(.min, [.value(result), .number(high)]) }
      return result
    }
    if let low = try n.optionalValue(1) { result = try n.call(.max, result, bound(n, low)) }
    if let high = try n.optionalValue(2) { result = try n.call(.min, result, bound(n, high)) }
    return result
  }

  /// A bound is a scalar; exporters also write a vector of one.
  private static func bound(_ n: NodeTranslation, _ value: ValueID) throws -> ValueID {
    n.rank(value) == 0 ? value : try n.reshape(value, [])
  }

  private static func shift(_ n: NodeTranslation) throws -> ValueID {
    let (x, count) = (try n.value(0), try n.value(1))
    switch try n.string("direction", "") {
    case "LEFT": return try n.call(.shiftLeft, x, count)
    case "RIGHT":
      let element = n.element(x)
      guard element.isSignedInteger else { return try n.call(.shiftRight, x, count) }
      // A count out of range leaves the sign alone, as the largest one within does.
      let last = element.byteCount * 8 - 1
      let isNegative = try n.call(.less, [.value(count), .integer(0)])
      let within = try n.call(.min, [.value(count), .integer(last)])
      return try n.call(.shiftRight, x, n.call(.select, [.value(isNegative), .integer(last), .value(within)]))
    case let other: throw n.error("onnx.attribute", "the direction '\(other)' is neither LEFT nor RIGHT")
    }
  }
}

extension NodeTranslation {
  /// In f32 where it is of a narrower float type: what takes several steps is rounded once.
  func widened(_ value: ValueID) -> ValueID {
    let element = element(value)
    return element == .f16 || element == .bf16 ? convert(value, to: .f32) : value
  }
}
