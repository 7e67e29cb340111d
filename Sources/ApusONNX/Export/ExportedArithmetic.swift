import ApusIR
import ApusTensor

/// Arithmetic that ONNX leaves open in places: each is guarded so that no open case is met.
extension GraphExport {
  /// The operand itself where it is ±0 or NaN.
  func sign(_ x: Exported) throws -> Exported {
    guard x.element.isFloat else { return try apply("Sign", [x]) }
    let isSigned = node("Or", [try compare("Less", x, zero(like: x)), try compare("Greater", x, zero(like: x))], .bool)
    return choose(isSigned, try apply("Sign", [x]), x)
  }

  /// x / 0 = 0, and x / −1 is never computed: the smallest integer has no such quotient.
  func quotient(_ x: [Exported], _ op: OpID) throws -> Exported {
    let (number, divisor) = (x[0], x[1])
    guard !isPlainDivisor(frame.function.operand(1, of: op)) else { return try apply("Div", x) }
    let isZero = try compare("Equal", divisor, zero(like: divisor))
    guard number.element.isSignedInteger else {
      return choose(isZero, zero(like: number), try apply("Div", [number, choose(isZero, one(like: divisor), divisor)]))
    }
    let isMinusOne = try compare("Equal", divisor, integer(-1, divisor.element))
    let isOpen = node("Or", [isZero, isMinusOne], .bool)
    let plain = try apply("Div", [number, choose(isOpen, one(like: divisor), divisor)])
    let negated = try apply("Sub", [zero(like: number), number])
    return choose(isZero, zero(like: number), choose(isMinusOne, negated, plain))
  }

  /// The remainder by 1 is that by 0 and by −1.
  func remainder(_ x: [Exported], _ op: OpID) throws -> Exported {
    let attributes: KeyValuePairs<String, ModelWriter.Attribute> = ["fmod": 1]
    guard !x[0].element.isFloat, !isPlainDivisor(frame.function.operand(1, of: op)) else { return try apply("Mod", x, attributes) }
    return try apply("Mod", [x[0], try safeDivisor(x[1])], attributes)
  }

  /// The divisor, but 1 for 0 and −1.
  func safeDivisor(_ divisor: Exported) throws -> Exported {
    var isOpen = try compare("Equal", divisor, zero(like: divisor))
    if divisor.element.isSignedInteger {
      isOpen = node("Or", [isOpen, try compare("Equal", divisor, integer(-1, divisor.element))], .bool)
    }
    return choose(isOpen, one(like: divisor), divisor)
  }

  /// Whether a value is a constant without 0 and −1.
  private func isPlainDivisor(_ value: ValueID) -> Bool {
    guard let numbers = constantElements(value) else { return false }
    return numbers.allSatisfy { $0 != .signed(0) && $0 != .signed(-1) && $0 != .unsigned(0) }
  }

  /// The elements that a value has whatever the inputs are, each once or more.
  func constantElements(_ value: ValueID) -> [Scalar]? {
    guard let op = frame.function.definingOp(of: value) else { return nil }
    let code = frame.function.opcode(of: op)
    if [.broadcast, .reshape, .transpose].contains(code) { return constantElements(frame.function.operand(0, of: op)) }
    guard code == .constant else { return nil }
    switch frame.function.attribute("value", of: op) {
    case .scalar(let scalar)?: return [scalar.converted(to: frame.function.type(of: value).element)]
    case .tensor(let constant)? where constant.tensor.count <= 4096:
      return (0..<constant.tensor.count).map { constant.tensor.scalar(at: $0) }
    case _: return nil
    }
  }

  /// Square and multiply over the bits of the exponent, modulo 2ⁿ.
  func integerPower(_ base: Exported, _ exponent: Exported) throws -> Exported {
    let element = base.element
    var result = one(like: base)
    var square = base
    // The exponent's bits leave to the right.
    var rest = cast(exponent, to: element.unsigned)
    let two = integer(2, element.unsigned)
    let bitCount = element.isSignedInteger ? element.bitWidth - 1 : element.bitWidth
    for bit in 0..<bitCount {
      let isSet = try compare("Equal", try apply("Mod", [rest, two]), one(like: rest))
      result = choose(isSet, try apply("Mul", [result, square]), result)
      guard bit + 1 < bitCount else { break }
      rest = try apply("Div", [rest, two])
      square = try apply("Mul", [square, square])
    }
    guard element.isSignedInteger else { return result }
    // With a negative exponent only the powers of 1 and −1 are not 0.
    let isNegative = try compare("Less", exponent, zero(like: exponent))
    let isOdd = try compare("Equal", try apply("Mod", [cast(exponent, to: element.unsigned), two]), one(like: rest))
    let minusOne = integer(-1, element)
    let ofMinusOne = choose(isOdd, minusOne, one(like: base))
    let inverse = choose(
      try compare("Equal", base, one(like: base)), one(like: base),
      choose(try compare("Equal", base, minusOne), ofMinusOne, zero(like: base)))
    return choose(isNegative, inverse, result)
  }

  /// ONNX shifts unsigned integers, and says nothing of counts beyond their width.
  func shift(_ x: Exported, _ count: Exported, isLeft: Bool) throws -> Exported {
    let element = x.element
    let unsigned = element.unsigned
    // A negative count is a large one without its sign.
    let plainCount = cast(count, to: unsigned)
    let isWithin = try compare("Less", plainCount, integer(element.bitWidth, unsigned))
    let bits = choose(isWithin, plainCount, zero(like: plainCount))
    func shifted(_ value: Exported) -> Exported {
      node("BitShift", [value, bits], ["direction": .string(isLeft ? "LEFT" : "RIGHT")], unsigned)
    }
    var result: Exported
    if isLeft || !element.isSignedInteger {
      result = cast(shifted(cast(x, to: unsigned)), to: element)
    } else {
      // The sign moves in as zeros do into the complement.
      let isNegative = try compare("Less", x, zero(like: x))
      let plain = choose(isNegative, node("BitwiseNot", [x], element), x)
      let moved = cast(shifted(cast(plain, to: unsigned)), to: element)
      result = choose(isNegative, node("BitwiseNot", [moved], element), moved)
    }
    result = choose(isWithin, result, zero(like: x))
    return result
  }

  // MARK: Functions that ONNX does not have

  /// eˣ − 1 = tanh(x / 2) · (eˣ + 1), which loses no digits near 0. For narrower types in f64.
  func exponentialLessOne(_ x: Exported) throws -> Exported {
    let wide = cast(x, to: .f64)
    let (one, half) = (number(1, .f64), number(0.5, .f64))
    let exponential = node("Exp", [wide], .f64)
    let near = node("Mul", [node("Tanh", [node("Mul", [wide, half], .f64)], .f64), node("Add", [exponential, one], .f64)], .f64)
    let isNear = node("Less", [node("Abs", [wide], .f64), one], .bool)
    return cast(choose(isNear, near, node("Sub", [exponential, one], .f64)), to: x.element)
  }

  /// ln(1 + x) = 2 · artanh(x / (2 + x)), which loses no digits near 0. For narrower types in f64.
  func logarithmOfOneMore(_ x: Exported) throws -> Exported {
    let wide = cast(x, to: .f64)
    let (one, half, two) = (number(1, .f64), number(0.5, .f64), number(2, .f64))
    let isNear = node("Less", [node("Abs", [wide], .f64), half], .bool)
    let quotient = node("Div", [wide, node("Add", [wide, two], .f64)], .f64)
    let near = node("Mul", [node("Atanh", [choose(isNear, quotient, number(0, .f64))], .f64), two], .f64)
    return cast(choose(isNear, near, node("Log", [node("Add", [wide, one], .f64)], .f64)), to: x.element)
  }
}

extension ElementType {
  /// The unsigned integers of the same width.
  var unsigned: ElementType {
    switch self {
    case .s8, .u8, .bool: .u8
    case .s16, .u16, .f16, .bf16: .u16
    case .s32, .u32, .f32: .u32
    case .s64, .u64, .f64: .u64
    }
  }
}
