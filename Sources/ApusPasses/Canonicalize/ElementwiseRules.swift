import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor

extension Canonicalization {
  private static let elementwise = OpCode.allCases.filter(\.isElementwise)
  private static let commutative = OpCode.allCases.filter { $0.isElementwise && $0.traits.contains(.commutative) }

  /// Ops that work index by index, whatever they compute. Identities of particular ops are in `AlgebraRule`.
  static let elementwiseRules: [CanonicalRule] = [
    // add constant 1, constant 2 → constant 3, of any shape
    CanonicalRule("elementwise-of-splats", elementwise) { f, op in
      let operands = f.operands(of: op)
      var elements: [Tensor] = []
      for operand in operands {
        guard let element = f.splat(of: operand),
          let tensor = try? Tensor(repeating: element, f.type(of: operand).element, shape: [])
        else { return .unchanged }
        elements.append(tensor)
      }
      let type = f.type(of: f.result(of: op))
      guard !elements.isEmpty,
        let folded = try? Interpreter.evaluate(
          f.opcode(of: op), operands: elements, attributes: f.attributes(of: op), resultTypes: [.scalar(type.element)])
      else { return .unchanged }
      return .replaced([f.insertSplat(folded[0].scalar(at: 0), type, before: op)])
    },
    // add constant, %x → add %x, constant
    CanonicalRule("constant-to-the-right", commutative) { f, op in
      let (lhs, rhs) = (f.operand(0, of: op), f.operand(1, of: op))
      guard f.definingOp(of: lhs, .constant) != nil, f.definingOp(of: rhs, .constant) == nil else { return .unchanged }
      f.setOperands([rhs, lhs], of: op)
      return .changed
    },
    // less constant, %x → greater %x, constant
    CanonicalRule("compared-constant-to-the-right", [.less, .lessEqual, .greater, .greaterEqual]) { f, op in
      let (lhs, rhs) = (f.operand(0, of: op), f.operand(1, of: op))
      guard f.definingOp(of: lhs, .constant) != nil, f.definingOp(of: rhs, .constant) == nil,
        let mirrored = f.opcode(of: op).mirrored
      else { return .unchanged }
      f.setOperands([rhs, lhs], of: op)
      f.setOpcode(mirrored, of: op)
      return .changed
    },
    // max (max %x, 1), 2 → max %x, (max 1, 2); sums and products of integers alike
    CanonicalRule("associated-constants", commutative.filter { $0.traits.contains(.associative) }) { f, op in
      let code = f.opcode(of: op)
      let type = f.type(of: f.result(of: op))
      guard !type.element.isFloat || code == .max || code == .min,
        f.splat(of: f.operand(1, of: op)) != nil,
        let inner = f.definingOp(of: f.operand(0, of: op), code),
        f.splat(of: f.operand(1, of: inner)) != nil
      else { return .unchanged }
      let constants = f.insert(code, [f.operand(1, of: inner), f.operand(1, of: op)], [], type, before: op)
      return .replaced([f.insert(code, [f.operand(0, of: inner), constants], [], type, before: op)])
    },
    // div %x, 4 → mul %x, 0.25: a power of two has an exact reciprocal
    CanonicalRule("division-by-power-of-two", [.div]) { f, op in
      let type = f.type(of: f.result(of: op))
      guard type.element.isFloat, case .float(let divisor)? = f.splat(of: f.operand(1, of: op)),
        divisor.isNormal, abs(divisor.significand) == 1,
        case .float(let reciprocal) = Scalar.float(1 / divisor).converted(to: type.element),
        isPlanted(.reciprocalOfADenormalIsTaken) || type.element.isNormal(divisor) && type.element.isNormal(reciprocal)
      else { return .unchanged }
      let factor = f.insertSplat(.float(reciprocal), type, before: op)
      return .replaced([f.insert(.mul, [f.operand(0, of: op), factor], [], type, before: op)])
    },
    // exp (broadcast %x) → broadcast (exp %x): fewer elements are computed
    CanonicalRule("elementwise-of-broadcasts", elementwise) { f, op in f.sinkBroadcast(below: op) },
  ]
}

extension OpCode {
  fileprivate var mirrored: OpCode? {
    switch self {
    case .less: .greater
    case .lessEqual: isPlanted(.mirroredOrderIsStrict) ? .greater : .greaterEqual
    case .greater: .less
    case .greaterEqual: .lessEqual
    case _: nil
    }
  }
}

extension ElementType {
  /// Whether a power of two lies within the normal numbers of a float type.
  fileprivate func isNormal(_ value: Double) -> Bool {
    switch self {
    case .f64: value.isNormal
    case .f32: Float(value).isNormal
    case .bf16: Float(value).isNormal
    case .f16: abs(value) >= 0x1p-14 && abs(value) <= 0x1p15
    case .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool: false
    }
  }
}

extension Function {
  fileprivate mutating func sinkBroadcast(below op: OpID) -> Rewrite {
    var axes: [Int]?
    var source: TensorType?
    let operands = operands(of: op)
    for operand in operands where splat(of: operand) == nil {
      guard let broadcast = definingOp(of: operand, .broadcast), let here = ints("axes", of: broadcast) else {
        return .unchanged
      }
      let type = type(of: self.operand(0, of: broadcast))
      let isElsewhere = axes.map { $0 != here } ?? false
      if isElsewhere, !isPlanted(.broadcastsAlongOtherAxesMerge) { return .unchanged }
      if let source, source.dims != type.dims { return .unchanged }
      (axes, source) = (here, type)
    }
    guard let axes, let source else { return .unchanged }
    let result = type(of: self.result(of: op))
    guard source.dims != result.dims else { return .unchanged }
    let narrow = operands.map { operand in
      if let scalar = splat(of: operand) {
        return insertSplat(scalar, source.with(element: type(of: operand).element), before: op)
      }
      return definingOp(of: operand).map { self.operand(0, of: $0) } ?? operand
    }
    let computed = insert(
      opcode(of: op), narrow, attributes(of: op), source.with(element: result.element), before: op)
    return .replaced([insert(.broadcast, [computed], [NamedAttribute("axes", .ints(axes))], result, before: op)])
  }
}
