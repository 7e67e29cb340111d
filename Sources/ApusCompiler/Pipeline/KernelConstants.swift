import ApusIR

/// Takes the constant tensors out of kernels, which read them as operands.
///
///     %1 = kernel { %c = constant [1.0, 2.0]; yield %c }   →   %c = constant [1.0, 2.0]
///                                                               %1 = kernel %c { %0 in yield %0 }
///
/// Kernels are formed around them; folding within a kernel, or who writes one by hand, puts them inside.
func hoistConstants(in f: inout Function) {
  for kernel in f.allOps() where f.opcode(of: kernel) == .kernel {
    let body = f.region(0, of: kernel)
    for op in f.ops(in: body) where f.opcode(of: op) == .constant {
      guard case .tensor? = f.attribute("value", of: op) else { continue }
      let value = f.result(of: op)
      let outside = f.insert(
        .constant, [], attributes: f.attributes(of: op), results: [f.type(of: value)], at: .before(kernel),
        location: f.locationID(of: op))
      f.setOperands(f.operands(of: kernel) + [f.result(of: outside)], of: kernel)
      let parameter = f.addParameter(f.type(of: value), to: body)
      if !f.isUnused(value) { f.replaceUses(of: value, with: parameter) }
      f.erase(op)
    }
  }
}
