/// What shape of loops a kernel's body needs; see IR-specs/loops.md.
public enum KernelKind: String, Sendable, Hashable, CaseIterable {
  /// Each result element is computed by itself.
  case map
  /// Folds over the same axes of one common shape, with elementwise work around them.
  case reduction
  /// One contraction, with elementwise work on its operands and its result.
  case contraction
  /// One op with loops of its own.
  case single
}

extension OpCode {
  /// Whether an element of its result can be computed from elements of its operands alone, at
  /// indices known when it is asked for.
  public var isComputedByElement: Bool {
    switch self {
    case .constant, .size, .iota, .randomBits, .gather, .gatherElements, .gatherNd, .dynamicSlice: true
    case .quantize, .dequantize: true
    case _ where isElementwise || isMovement: true
    default: false
    }
  }
}

extension Function {
  /// The kind of a `kernel` op, told by its body.
  public func kernelKind(of kernel: OpID) -> KernelKind {
    precondition(opcode(of: kernel) == .kernel, "only kernels have a kind")
    var kind = KernelKind.map
    for op in ops(in: region(0, of: kernel)) {
      let code = opcode(of: op)
      if code.isContraction { return .contraction }
      if code.isReduction { kind = .reduction }
      if !code.isReduction && !code.isComputedByElement && !code.isTerminator { return .single }
    }
    return kind
  }

  /// The op a kernel of kind `contraction` or `single` is about.
  public func principalOp(of kernel: OpID) -> OpID? {
    ops(in: region(0, of: kernel)).first {
      let code = opcode(of: $0)
      return code.isContraction || !code.isReduction && !code.isComputedByElement && !code.isTerminator
    }
  }
}
