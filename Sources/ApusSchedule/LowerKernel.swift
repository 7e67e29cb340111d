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
/// Throws `schedule.unsupported` for an op that has no loops yet.
public func lowerKernel(_ kernel: OpID, in host: Function, name: String) throws -> LoweredKernel {
  guard case .schedule(let schedule)? = host.attribute("schedule", of: kernel) else {
    preconditionFailure("a kernel is scheduled before it is lowered")
  }
  var lowering = KernelLowering(kernel, in: host, name: name, schedule: schedule)
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
  let sizes = lowering.sizes
  return LoweredKernel(function: lowering.finish(), sizes: sizes)
}
