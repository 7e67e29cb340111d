import ApusBuffers
import ApusIR
import ApusMemory
import ApusSchedule
import ApusSupport
import ApusTarget

/// A host with schedules, and the functions that its kernels become.
struct HostLowering {
  /// Phase `fused`, with schedules.
  private(set) var host: Function
  private(set) var buffers: BufferizedHost
  /// What is proven of the order: nothing where the host branches or loops.
  private(set) var order: OrderPlan?
  private let effort: MemoryGoal.Effort
  private var table: KernelTable

  var kernels: [Function] { table.kernels }

  /// Takes a host whose kernels have no constants of their own; chooses schedules and the order in which less memory is needed.
  init(_ host: Function, on machine: Machine, effort: MemoryGoal.Effort, timing: inout Timing) throws {
    self.effort = effort
    var host = host
    var table = KernelTable()
    try timing.measure("lower") {
      chooseSchedules(in: &host, on: machine)
      packConstants(in: &host)
      try table.lowerKernels(of: host)
    }
    let buffers = try timing.measure("plan") { try table.bufferize(host, effort) }
    (self.host, self.table, self.buffers) = (host, table, buffers)
    try timing.measure("plan") { try reorder(effort.order) }
  }

  /// The same host in an order that is looked for harder, if it needs less.
  mutating func reorder(_ effort: OrderEffort) throws {
    // Kernels are as fast in any order: the one that needs less memory is taken.
    guard let found = host.leastMemoryOrder(parts: buffers.parts, effort: effort) else { return }
    let isStraight = host.ops(in: host.entry).allSatisfy { ![.if, .while].contains(host.opcode(of: $0)) }
    order = isStraight ? found.plan : nil
    guard let ordered = found.host else { return }
    var other = self
    other.host = ordered
    other.buffers = try other.table.bufferize(ordered, self.effort, parts: buffers.parts)
    guard let a = arenaBytes, let b = other.arenaBytes, b < a else { return }
    self = other
  }

  /// The same with a host that has grown out of this one: ops that are in both are the same.
  func with(host: Function) throws -> HostLowering {
    var other = self
    other.host = host
    other.order = nil
    other.buffers = try other.table.bufferize(host, effort)
    return other
  }

  /// The work of all kernels that are launched, those within branches and loops once.
  var work: KernelWork { buffers.kernels.values.reduce(KernelWork()) { $0 + host.work(of: $1) } }

  /// What the arena takes at usual sizes.
  var arenaBytes: Int? { buffers.plan.usualPeak(host.symbols) }

  /// What outputs take at usual sizes; those whose sizes data define are left out.
  var outputBytes: Int? {
    let results = host.terminator(of: host.entry).map { host.operands(of: $0) } ?? []
    var total = 0
    for value in results {
      let type = host.type(of: value)
      if host.symbols.areDefinedByData(type.dims) { continue }
      guard let bytes = try? type.byteCount().evaluate(host.symbols.usualSize) else { return nil }
      let (sum, overflow) = total.addingReportingOverflow(bytes)
      if overflow { return nil }
      total = sum
    }
    return total
  }
}

/// The functions that kernels become: those with equal loops are one.
private struct KernelTable {
  private(set) var kernels: [Function] = []
  private var names: [String: String] = [:]
  private var codes: [CodeKey: KernelCode] = [:]

  /// The host with buffers. Of hosts that are bufferized with one table, ops with one number are equal.
  mutating func bufferize(_ host: Function, _ effort: MemoryGoal.Effort, parts: Parts? = nil) throws -> BufferizedHost {
    var table = self
    defer { self = table }
    return try ApusBuffers.bufferize(host, parts: parts, effort: effort.offsets) { try table.code($0, inPlace: $1, of: host) }
  }

  /// Lowers the kernels of a host, each as if it wrote all of its results.
  mutating func lowerKernels(of host: Function) throws {
    for kernel in host.allOps() where host.opcode(of: kernel) == .kernel { _ = try code(kernel, inPlace: [], of: host) }
  }

  private mutating func code(_ kernel: OpID, inPlace: Set<Int>, of host: Function) throws -> KernelCode {
    let key = CodeKey(kernel: kernel, inPlace: inPlace)
    if let known = codes[key] { return known }
    let code = KernelCode(
      compute: callee(try lowerKernel(kernel, in: host, name: "kernel", inPlace: inPlace), host),
      measure: try lowerKernelSizes(kernel, in: host, name: "kernel").map { callee($0, host) })
    codes[key] = code
    return code
  }

  private mutating func callee(_ lowered: LoweredKernel, _ host: Function) -> KernelCallee {
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
}

/// A kernel, and the operands of its concat that it does not write.
private struct CodeKey: Hashable {
  var kernel: OpID
  var inPlace: Set<Int>
}
