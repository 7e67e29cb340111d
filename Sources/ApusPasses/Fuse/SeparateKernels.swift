import ApusIR
import ApusSupport

/// Takes apart what no kernel can be: makes one kernel of each op of its body.
///
///     %1, %2 = kernel %x { %0 in            %1 = kernel %x { %0 in … reduce_sum %0, axes: [0] … }
///       %3 = reduce_sum %0, axes: [0]  →    %2 = kernel %x { %0 in … reduce_sum %0, axes: [1] … }
///       %4 = reduce_sum %0, axes: [1]
///       yield %3, %4
///     }
///
/// Fusion makes no such kernels; rewrites within a kernel may, and people who write them by hand. Throws
/// `passes.order` where one has a composite op, and `kernel.sizes` where a size that data define has one name within the
/// kernel and another without.
public func separateKernels(in f: inout Function) throws(DiagnosticError) {
  let kernels = f.allOps().filter { f.opcode(of: $0) == .kernel && !f.isOneKernel($0) }
  if kernels.isEmpty { return }
  for kernel in kernels {
    let types = f.results(of: kernel).map { f.type(of: $0) }
    let yielded = f.inline(f.region(0, of: kernel), arguments: f.operands(of: kernel), before: kernel)
    for (value, type) in zip(yielded, types) where !f.symbols.areEqual(f.type(of: value).dims, type.dims) {
      throw DiagnosticError(
        .unsupported, id: "kernel.sizes",
        "\(f.symbols.text(type)) has a size that the kernel defines as one of \(f.symbols.text(f.type(of: value)))",
        at: f.place(of: kernel), hint: "give the size one name, or the ops kernels of their own")
    }
    f.replace(kernel, with: zip(yielded, types).map { f.insertReshape($0, $1, before: kernel) })
  }
  try f.formKernels(of: f.allOps().filter { !f.isInKernel($0) })
}

extension Function {
  fileprivate func isOneKernel(_ kernel: OpID) -> Bool {
    let body = region(0, of: kernel)
    guard let shape = kernelShape(of: body) else { return false }
    // With one element in each row, what is reduced and what is not have the same shape.
    guard shape.kind == .reduction, shape.reducedAxes.allSatisfy({ shape.dims[$0] == 1 }) else { return true }
    return ops(in: body).count { !opcode(of: $0).isTerminator && ![.constant, .size].contains(opcode(of: $0)) } == 1
  }

  fileprivate func isInKernel(_ op: OpID) -> Bool {
    var owner = owner(of: block(of: op))
    while let found = owner {
      if opcode(of: found) == .kernel { return true }
      owner = self.owner(of: block(of: found))
    }
    return false
  }
}
