import ApusBuffers
import ApusIR
import ApusSchedule
import ApusSupport
import ApusTarget

/// A model in phase `loops`: the host, its kernels, and what a run of it needs.
public struct LoopsModule: Sendable {
  public var module: Module
  /// The name of the host function.
  public var host: String
  /// How many of the host's parameters are inputs; the rest are outputs the caller has room for.
  public var inputCount: Int
  public var plan: ArenaPlan

  /// Schedules, lowers and bufferizes a host function of phase `fused`. Kernels with equal loops share one function.
  ///
  /// Throws `DiagnosticError`.
  public init(lowering host: Function, on machine: Machine) throws {
    var host = host
    hoistConstants(in: &host)
    chooseSchedules(in: &host, on: machine)
    packConstants(in: &host)
    var kernels: [Function] = []
    var names: [String: String] = [:]
    func callee(_ lowered: LoweredKernel) -> KernelCallee {
      let text = lowered.function.text()
      let key = isPlanted(.kernelsAreKeyedByTheirOps) ? text.filter { !$0.isNumber } : text
      let name = names[key] ?? "\(host.name).\(kernels.count)"
      if names[key] == nil {
        names[key] = name
        var function = lowered.function
        function.name = name
        kernels.append(function)
      }
      return KernelCallee(name: name, sizes: lowered.sizes)
    }
    let bufferized = try bufferize(host) { kernel in
      KernelCode(
        compute: callee(try lowerKernel(kernel, in: host, name: "kernel")),
        measure: try lowerKernelSizes(kernel, in: host, name: "kernel").map(callee))
    }
    var module = Module()
    module.add(bufferized.function)
    for kernel in kernels { module.add(kernel) }
    self.module = module
    self.host = host.name
    inputCount = host.parameters.count
    plan = bufferized.plan
  }
}
