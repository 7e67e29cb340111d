import ApusIR
import ApusMemory
import ApusSupport

/// A host in which kernels run again, so that what they compute need not be kept.
public struct RecomputedHost: Sendable {
  public var host: Function
  public var plan: RecomputePlan
  /// The kernels of `host` that run again, in order, each with the one of the former host that it repeats.
  public var repeats: [(copy: OpID, of: OpID)]
}

extension Function {
  /// Whether an op is a kernel that computes the same whenever it runs, and does nothing else.
  func isPure(_ op: OpID) -> Bool {
    guard opcode(of: op) == .kernel else { return false }
    return ops(in: region(0, of: op)).allSatisfy { inner in
      let code = opcode(of: inner)
      return code.isTerminator || code.isPure && code != .randomBits
    }
  }

  /// The host with kernels that run again, so that by estimate its arena takes at most `budget` bytes at usual sizes, or as few as
  /// was found; nil where sizes overflow.
  ///
  /// Phase `fused`. Ops run in the order that they have. Only kernels of the body whose results are neither returned nor of sizes that
  /// data define run again; one that could fail has not failed before.
  ///
  /// - Parameter parts: the values that lie in the memory of others.
  public func recomputing(within budget: Int, parts: Parts = Parts()) -> RecomputedHost? {
    var reading = DataflowReading(self, parts, countsCosts: true)
    guard let graph = try? reading.dataflow() else { return nil }
    let plan = planRecompute(graph, order: Array(graph.ops.indices), budget: budget)
    var repetition = Repetition(self)
    for position in plan.sequence { repetition.run(reading.ops[position]) }
    return RecomputedHost(host: repetition.host, plan: plan, repeats: repetition.repeats)
  }
}

/// Writes a host op by op, some kernels more than once.
private struct Repetition {
  private(set) var host: Function
  private(set) var repeats: [(copy: OpID, of: OpID)] = []
  private var end: OpID?
  private var hasRun: Set<OpID> = []
  /// What stands for a value from here on.
  private var newest: [ValueID: ValueID] = [:]
  /// The value that each one is another form of.
  private var sources: [ValueID: ValueID] = [:]

  init(_ host: Function) {
    self.host = host
    end = host.terminator(of: host.entry)
    for op in host.ops(in: host.entry) where host.opcode(of: op) == .reshape {
      sources[host.result(of: op)] = host.operand(0, of: op)
    }
  }

  mutating func run(_ op: OpID) {
    guard let end else { return }
    if hasRun.insert(op).inserted {
      host.move(op, to: .before(end))
      let inner = host.opcode(of: op) == .kernel ? [] : host.regions(of: op).flatMap { host.ops(in: $0) }
      for reader in [op] + inner.flatMap(all) { rename(reader, before: op) }
      return
    }
    let copy = host.copyKernel(op, operands: host.operands(of: op), at: .before(end))
    rename(copy, before: copy)
    for (old, new) in zip(host.results(of: op), host.results(of: copy)) { newest[old] = new }
    repeats.append((copy, op))
  }

  /// An op and all in its regions.
  private func all(_ op: OpID) -> [OpID] { [op] + host.regions(of: op).flatMap { host.ops(in: $0) }.flatMap(all) }

  private mutating func rename(_ op: OpID, before point: OpID) {
    for (index, value) in host.operands(of: op).enumerated() {
      let current = current(value, before: point)
      if current != value { host.setOperand(index, of: op, to: current) }
    }
  }

  private mutating func current(_ value: ValueID, before point: OpID) -> ValueID {
    guard let source = sources[value] else { return newest[value] ?? value }
    let base = current(source, before: point)
    let shown = newest[value] ?? value
    guard let view = host.definingOp(of: shown), host.operand(0, of: view) != base else { return shown }
    let copy = host.copy(view, operands: [base], at: .before(point))
    newest[value] = host.result(of: copy)
    return host.result(of: copy)
  }
}

extension Function {
  /// Makes a copy of a kernel that reads other operands of the same types.
  mutating func copyKernel(_ kernel: OpID, operands: [ValueID], at point: InsertionPoint) -> OpID {
    let copy = insert(
      .kernel, operands, attributes: attributes(of: kernel), results: results(of: kernel).map { type(of: $0) }, at: point,
      location: locationID(of: kernel))
    let (from, to) = (region(0, of: kernel), region(0, of: copy))
    var values: [ValueID: ValueID] = [:]
    for parameter in parameters(of: from) { values[parameter] = addParameter(type(of: parameter), to: to) }
    for op in ops(in: from) {
      let twin = self.copy(op, operands: self.operands(of: op).map { values[$0] ?? $0 }, at: .end(of: to))
      for (old, new) in zip(results(of: op), results(of: twin)) { values[old] = new }
    }
    return copy
  }
}
