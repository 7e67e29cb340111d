import ApusIR
import ApusTensor

/// Ops that work lane by lane.
extension FunctionLowering {
  func lowerElementwise(_ op: OpID) {
    let operands = function.operands(of: op)
    let result = function.result(of: op)
    let x = operands.map { register($0) }
    let element = type(operands[0]).element
    switch function.opcode(of: op) {
    case .select: bind(result, e.select(x[0], x[1], x[2]))
    case .convert: bind(result, e.convertRegister(x[0], from: element, to: type(result).element))
    case .bitcast: bind(result, e.bitcast(x[0], to: codeType(type(result))))
    case .div where isPositiveConstant(operands[1]) && element == .s64:
      bind(result, e.quotient(x[0], x[1], signed: true))
    case .rem where isPositiveConstant(operands[1]) && element == .s64:
      bind(result, e.remainder(x[0], x[1], signed: true))
    case let code:
      if code == .exp, let exponent = boundedByZero(operands[0]) {
        let power = e.sharedMath(.expOfNonpositive, [e.widened(register(exponent), element)])
        bind(result, e.narrowed(power, element))
      } else {
        bind(result, e.elementwise(code, x, element))
      }
    }
  }

  /// x, where the value is min(x, 0).
  private func boundedByZero(_ value: ValueID) -> ValueID? {
    guard let op = function.definingOp(of: value), function.opcode(of: op) == .min,
      let bound = function.definingOp(of: function.operand(1, of: op)), function.opcode(of: bound) == .constant,
      case .scalar(.float(0))? = function.attribute("value", of: bound)
    else { return nil }
    return function.operand(0, of: op)
  }

  /// Most divisors of indices are constants, which need none of division's special cases.
  private func isPositiveConstant(_ value: ValueID) -> Bool { (constantIndex(value) ?? 0) > 0 }
}

extension Emitter {
  /// An elementwise op on operands of one element type, in the registers' form.
  func elementwise(_ code: OpCode, _ x: [CodeValue], _ element: ElementType) -> CodeValue {
    if let comparison = Comparison(code) {
      return compare(widened(x[0], element), comparison, widened(x[1], element), signed: element.isSignedInteger)
    }
    if !element.isFloat { return integerArithmetic(code, x, element) }
    if let result = signArithmetic(code, x, element) { return result }
    if code == .fma { return fusedMultiplyAdd(x[0], x[1], x[2], element) }
    return narrowed(floatArithmetic(code, x.map { widened($0, element) }), element)
  }

  /// f16 and bf16 as f32, everything else as it is.
  func widened(_ x: CodeValue, _ element: ElementType) -> CodeValue {
    switch element {
    case .f16: widenF16(x)
    case .bf16: widenBF16(x)
    case .f32, .f64, .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool: x
    }
  }

  /// Rounds f32 lanes to f16 or bf16; everything else as it is.
  func narrowed(_ x: CodeValue, _ element: ElementType) -> CodeValue {
    switch element {
    case .f16: narrowToF16(x)
    case .bf16: narrowToBF16(x)
    case .f32, .f64, .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool: x
    }
  }

  /// `convert` between the registers' forms.
  func convertRegister(_ x: CodeValue, from: ElementType, to: ElementType) -> CodeValue {
    if from == to { return x }
    let wide = widened(x, from)
    switch to {
    case .f16, .bf16: return narrowed(singlePrecision(wide, from: from), to)
    case .f32, .f64, .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool: return convert(wide, from: from, to: to)
    }
  }
}

extension Comparison {
  init?(_ code: OpCode) {
    switch code {
    case .equal: self = .equal
    case .notEqual: self = .notEqual
    case .less: self = .less
    case .lessEqual: self = .lessEqual
    case .greater: self = .greater
    case .greaterEqual: self = .greaterEqual
    case _: return nil
    }
  }
}
