import ApusBuffers
import ApusIR
import ApusMemory
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
  /// The host of phase `fused` in the order in which its kernels run, with their schedules.
  public var scheduled: Function
  /// The kernel of `scheduled` that each `launch` of the host computes.
  public var kernels: [OpID: OpID]
  /// What is proven of the order: nothing where the host branches or loops.
  public var order: OrderPlan?

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
    var codes: [CodeKey: KernelCode] = [:]
    func code(_ kernel: OpID, inPlace: Set<Int>) throws -> KernelCode {
      let key = CodeKey(kernel: kernel, inPlace: inPlace)
      if let known = codes[key] { return known }
      let code = KernelCode(
        compute: callee(try lowerKernel(kernel, in: host, name: "kernel", inPlace: inPlace)),
        measure: try lowerKernelSizes(kernel, in: host, name: "kernel").map(callee))
      codes[key] = code
      return code
    }
    var bufferized = try bufferize(host, callee: code)
    // Kernels are as fast in any order: the one that needs less memory is taken.
    if let found = host.leastMemoryOrder(parts: bufferized.parts) {
      let isStraight = host.ops(in: host.entry).allSatisfy { ![.if, .while].contains(host.opcode(of: $0)) }
      order = isStraight ? found.plan : nil
      if let ordered = found.host {
        let other = try bufferize(ordered, parts: bufferized.parts, callee: code)
        if other.plan.usualPeak(host.symbols) < bufferized.plan.usualPeak(host.symbols) { (bufferized, host) = (other, ordered) }
      }
    }
    var module = Module()
    module.add(bufferized.function)
    // What only a way that was not taken would launch is no part of it.
    let launched = Set(bufferized.function.allOps().compactMap { bufferized.function.string("callee", of: $0) })
    for kernel in kernels where launched.contains(kernel.name) { module.add(kernel) }
    self.module = module
    self.host = host.name
    inputCount = host.parameters.count
    plan = bufferized.plan
    scheduled = host
    self.kernels = bufferized.kernels
  }
}

/// A kernel, and the operands of its concat that it does not write.
private struct CodeKey: Hashable {
  var kernel: OpID
  var inPlace: Set<Int>
}
