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
  /// The kind of kernel that an op makes on its own; `nil` for ops that cannot lie in a kernel.
  public var kernelKind: KernelKind? { Self.kernelKinds[Int(rawValue)] }

  /// Whether an element of its result can be computed from elements of its operands alone, at
  /// indices known when it is asked for.
  public var isComputedByElement: Bool { kernelKind == .map }

  private static let kernelKinds: [KernelKind?] = allCases.map { code in
    if code.info.isComposite || !code.info.phases.contains(.graph) { return nil }
    if code.isElementwise || code.isMovement || mapOps.contains(code) { return .map }
    if code.isReduction { return .reduction }
    if code.isContraction { return .contraction }
    return hostOps.contains(code) ? nil : .single
  }

  private static let mapOps: Set<OpCode> = [
    .constant, .iota, .size, .randomBits, .gather, .gatherElements, .gatherNd, .dynamicSlice,
  ]

  private static let hostOps: Set<OpCode> = [
    .if, .while, .call, .customCall, .assert, .return, .yield, .continue,
  ]
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
