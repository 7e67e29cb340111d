import ApusIR
import ApusSupport

/// Puts the definition of a composite op in its place, down to primitives.
///
///     %y = silu %x      →      %1 = logistic %x
///                              %y = mul %x, %1
///
/// Throws what a body reports of the op's operands.
public let decomposeComposites = FunctionPass(
  "decompose-composites", "replaces composite ops by their definitions", phases: [.graph]
) { f, _ throws(DiagnosticError) in
  var pending = Array(f.allOps().filter { f.opcode(of: $0).info.isComposite }.reversed())
  if pending.isEmpty { return false }
  while let op = pending.popLast() {
    let known = f.opCapacity
    try f.inlineComposite(op)
    for index in known..<f.opCapacity where f.opcode(of: OpID(index)).info.isComposite && !f.isErased(OpID(index)) {
      pending.append(OpID(index))
    }
  }
  return true
}
