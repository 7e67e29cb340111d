import ApusIR
import ApusSupport

/// A kernel as a function of phase `loops`.
public struct LoweredKernel: Sendable {
  /// Takes the buffers of the kernel's operands, then of its results.
  public var function: Function
  /// What the function's symbols stand for, in the order of its symbol table, in the host's symbols.
  public var sizes: [Dim]
}

/// Lowers one kernel of a host function to loops, as its `schedule` attribute says.
///
/// - Parameter inPlace: the operands of the concat, or of the update, that the kernel yields which lie in their place in the result
///   when it runs.
/// Its body is one that `Function.kernelShape` accepts. Throws `schedule.unsupported` for a convolution whose sizes nothing bounds.
public func lowerKernel(
  _ kernel: OpID, in host: Function, name: String, inPlace: Set<Int> = []
) throws -> LoweredKernel {
  guard case .schedule(let schedule)? = host.attribute("schedule", of: kernel) else {
    preconditionFailure("a kernel is scheduled before it is lowered")
  }
  var lowering = KernelLowering(kernel, in: host, name: name, schedule: schedule)
  lowering.inPlace = inPlace
  switch host.kernelKind(of: kernel) {
  case .map: try lowering.lowerMap()
  case .reduction: try lowering.lowerReduction()
  case .contraction:
    switch host.opcode(of: ContractionSite(lowering).op) {
    case .matmul, .matmulInteger: try lowering.lowerMatmul()
    default: try lowering.lowerConvolution()
    }
  case .single: try lowering.lowerSingle()
  }
  return lowering.finish()
}

/// Lowers what tells the sizes of a kernel's results that data define: a function of the kernel's operands that leaves
/// them in a last buffer, `s64[n]`, in the order of the results and of their axes. Nothing for other kernels.
public func lowerKernelSizes(_ kernel: OpID, in host: Function, name: String) throws -> LoweredKernel? {
  let body = host.region(0, of: kernel)
  guard let op = host.ops(in: body).first(where: { host.opcode(of: $0).traits.contains(.dataDependentShape) })
  else { return nil }
  var lowering = KernelLowering(kernel, in: host, name: name, schedule: Schedule(), outputs: [TensorType(.s64, [1])])
  try lowering.lowerNonZeroCount(op)
  return lowering.finish()
}
