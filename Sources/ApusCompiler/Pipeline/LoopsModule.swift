import ApusBuffers
import ApusIR
import ApusMemory
import ApusPasses
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

  /// What was done to keep a run within the memory that it may take; nil where nothing had to be.
  public var reduction: MemoryReduction?

  /// Schedules, lowers and bufferizes a host function of phase `fused`. Kernels with equal loops share one function.
  ///
  /// Throws `DiagnosticError`; `limit.memory` where a run takes more than the limit however it is planned.
  public init(lowering host: Function, on machine: Machine, memory: MemoryGoal = MemoryGoal()) throws {
    var timing = Timing()
    try self.init(lowering: host, on: machine, memory: memory, timing: &timing)
  }

  /// The same; notes how long lowering kernels took (`lower`), and the search for an order and for places in memory (`plan`).
  init(lowering host: Function, on machine: Machine, memory: MemoryGoal, timing: inout Timing) throws {
    var host = host
    try separateKernels(in: &host)
    hoistConstants(in: &host)
    var lowering = try HostLowering(host, on: machine, effort: memory.effort, timing: &timing)
    if let target = memory.target {
      reduction = try timing.measure("plan") { try MemoryFit(host, on: machine, memory, target).reduce(&lowering) }
    }
    var module = Module()
    module.add(lowering.buffers.function)
    // What only a way that was not taken would launch is no part of it.
    let launched = Set(lowering.buffers.function.allOps().compactMap { lowering.buffers.function.string("callee", of: $0) })
    for kernel in lowering.kernels where launched.contains(kernel.name) { module.add(kernel) }
    self.module = module
    self.host = host.name
    inputCount = host.parameters.count
    plan = lowering.buffers.plan
    scheduled = lowering.host
    kernels = lowering.buffers.kernels
    order = lowering.order
  }
}
