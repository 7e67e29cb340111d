import ApusSupport

/// A sequence in which ops run, some more than once: what runs again writes its outputs anew, and what reads them from there on
/// reads the new ones, so that the old ones need not be kept.
public struct RecomputePlan: Sendable, Hashable {
  /// Positions of ops. Each is there at least once, and at first after all that it needs.
  public var sequence: [Int]
  /// The most bytes that are alive at once, if no byte is lost between buffers.
  public var peak: Int
  /// What running again costs, by the costs of the ops.
  public var cost: Int

  public init(sequence: [Int], peak: Int, cost: Int) {
    self.sequence = sequence
    self.peak = peak
    self.cost = cost
  }
}

extension Dataflow {
  /// Whether an op may run more than once: it has a cost, and none of its outputs is a result.
  public func isRepeatable(_ op: Int) -> Bool {
    ops[op].cost != nil && ops[op].outputs.allSatisfy { !buffers[$0].isResult }
  }
}

/// Checks a sequence from its end to its start, which shares nothing with the search. Throws `memory.invalid` naming the
/// first fault.
public func validate(_ plan: RecomputePlan, for graph: Dataflow) throws(DiagnosticError) {
  func invalid(_ message: String) -> DiagnosticError { DiagnosticError(id: "memory.invalid", message) }
  var firsts = [Int](repeating: -1, count: graph.ops.count)
  var cost = 0
  for (step, op) in plan.sequence.enumerated() {
    guard graph.ops.indices.contains(op) else { throw invalid("there is no op \(op)") }
    if firsts[op] < 0 {
      firsts[op] = step
    } else {
      guard graph.isRepeatable(op), let price = graph.ops[op].cost else { throw invalid("op \(op) must not run twice") }
      cost += price
    }
    for other in graph.predecessors[op] where firsts[other] < 0 {
      throw invalid("op \(op) runs before op \(other), which it has to follow")
    }
  }
  if let missing = firsts.firstIndex(of: -1) { throw invalid("op \(missing) does not run") }

  // From the end: a buffer is needed from its last reader back to the run that writes it.
  var isNeeded = graph.buffers.map(\.isResult)
  var live = graph.buffers.reduce(0) { $0 + ($1.isResult ? $1.size : 0) }
  var peak = plan.sequence.isEmpty ? live : 0
  for op in plan.sequence.reversed() {
    let row = graph.ops[op]
    var during = live + row.scratch
    let dying = Set(row.inputs).filter { !isNeeded[$0] }
    for input in dying { during += graph.buffers[input].size }
    for output in row.outputs where !isNeeded[output] { during += graph.buffers[output].size }
    var taken: Set<Int> = []
    for pair in row.inPlace where dying.contains(pair.input) && !graph.buffers[pair.input].isResult {
      guard graph.buffers[pair.output].size <= graph.buffers[pair.input].size else { continue }
      guard taken.isDisjoint(with: [pair.input, pair.output]) else { continue }
      taken.formUnion([pair.input, pair.output])
      during -= graph.buffers[pair.output].size
    }
    peak = max(peak, during)
    for output in row.outputs where isNeeded[output] {
      isNeeded[output] = false
      live -= graph.buffers[output].size
    }
    for input in dying {
      isNeeded[input] = true
      live += graph.buffers[input].size
    }
  }
  guard peak == plan.peak else { throw invalid("a peak of \(plan.peak) bytes where \(peak) are alive") }
  guard cost == plan.cost else { throw invalid("a cost of \(plan.cost) where \(cost) are spent") }
}
