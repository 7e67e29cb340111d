import ApusIR
import ApusSupport
import ApusTensor

/// Makes a kernel of each op that computes: from phase `graph` to `fused`.
///
///     %1 = constant 2
///     %2 = mul %x, %1      →      %2 = kernel %x { %0 in
///                                   %1 = constant 2
///                                   %3 = mul %0, %1
///                                   yield %3
///                                 }
///
/// Left to the host are control flow, calls, `assert`, `size`, constants and `reshape`, which costs nothing there:
/// the same bytes under another shape. Splats and sizes move into the kernels that read them; a splat that is still
/// needed outside of kernels is a constant, or a kernel that fills it where its size is large or not known. Runs
/// after `decompose-composites`; throws `passes.order` where a composite is left.
public let formKernels = FunctionPass("form-kernels", "makes a kernel of each op", phases: [.graph]) {
  f, _ throws(DiagnosticError) in
  try f.formKernels(of: f.allOps())
  f.phase = .fused
  return true
}

extension Function {
  /// Makes a kernel of each of the ops that computes. Throws `passes.order` where one is a composite.
  mutating func formKernels(of ops: [OpID]) throws(DiagnosticError) {
    for op in ops where opcode(of: op).info.isComposite {
      throw DiagnosticError(
        id: "passes.order", "`\(opcode(of: op).name)` is a composite op", at: place(of: op),
        hint: "run `decompose-composites` before `form-kernels`")
    }
    var fills: [OpID] = []
    for op in ops {
      switch opcode(of: op) {
      case .size, .reshape: continue
      case .constant: fills.append(op)
      case let code where code.kernelKind != nil: wrap(op)
      case _: continue
      }
    }
    for op in fills {
      if isUnused(result(of: op)) {
        erase(op)
      } else if isFilledAtRunTime(op) {
        wrap(op)
      }
    }
    for op in ops where opcode(of: op) == .size && !isErased(op) && isUnused(result(of: op)) { erase(op) }
  }

  /// Makes an op the body of a kernel that stands in its place.
  private mutating func wrap(_ op: OpID) {
    let isOpen = opcode(of: op).kernelKind == .map || opcode(of: op).kernelKind == .reduction
    var outer: [ValueID] = []
    var slots: [ValueID: Int] = [:]
    var cloned: [ValueID: OpID] = [:]
    for value in operands(of: op) where slots[value] == nil && cloned[value] == nil {
      if isOpen, let source = definingOp(of: value), opcode(of: source) == .size || splat(of: value) != nil {
        cloned[value] = source
      } else {
        slots[value] = outer.count
        outer.append(value)
      }
    }
    let old = results(of: op)
    let types = old.map { type(of: $0) }
    let kernel = insert(.kernel, outer, results: types, at: .before(op), location: locationID(of: op))
    for (value, new) in zip(old, results(of: kernel)) {
      if !isUnused(value) { replaceUses(of: value, with: new) }
      setName(name(of: value), of: new)
      setName(nil, of: value)
    }
    let body = region(0, of: kernel)
    let parameters = outer.map { addParameter(type(of: $0), to: body) }
    var inner: [ValueID] = []
    var copies: [ValueID: ValueID] = [:]
    for value in operands(of: op) {
      if let slot = slots[value] {
        inner.append(parameters[slot])
      } else if let known = copies[value] {
        inner.append(known)
      } else if let source = cloned[value] {
        let copy = copy(source, operands: [], at: .end(of: body))
        copies[value] = result(of: copy)
        inner.append(result(of: copy))
      }
    }
    move(op, to: .end(of: body))
    setOperands(inner, of: op)
    insert(.yield, old, results: [], at: .end(of: body), location: locationID(of: op))
  }

  /// Whether a constant is too large, or of unknown size, to be written out.
  private func isFilledAtRunTime(_ op: OpID) -> Bool {
    let value = result(of: op)
    guard splat(of: value) != nil else { return false }
    guard let shape = type(of: value).constantShape, let bytes = try? Tensor.byteCount(of: .u8, shape: shape) else {
      return true
    }
    return bytes > FusionLimits.constantElements
  }
}
