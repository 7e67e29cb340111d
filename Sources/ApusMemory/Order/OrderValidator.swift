import ApusSupport

/// Checks an order by counting lifetimes, which shares nothing with the search. Throws `memory.invalid` naming the first
/// fault.
public func validate(_ plan: OrderPlan, for graph: Dataflow) throws(DiagnosticError) {
  func invalid(_ message: String) -> DiagnosticError { DiagnosticError(id: "memory.invalid", message) }
  let count = graph.ops.count
  guard plan.order.count == count else { throw invalid("\(plan.order.count) ops in an order of \(count)") }
  var steps = [Int](repeating: -1, count: count)
  for (step, op) in plan.order.enumerated() {
    guard graph.ops.indices.contains(op), steps[op] < 0 else {
      throw invalid("op \(op) at step \(step) is there twice, or not at all")
    }
    steps[op] = step
  }
  var first = [Int](repeating: 0, count: graph.buffers.count)
  var last = [Int](repeating: -1, count: graph.buffers.count)
  for (index, op) in graph.ops.enumerated() {
    for output in op.outputs {
      first[output] = steps[index]
      last[output] = max(last[output], steps[index])
    }
    for input in op.inputs { last[input] = max(last[input], steps[index]) }
    for other in op.after where steps[other] >= steps[index] {
      throw invalid("op \(index) runs before op \(other), which it has to follow")
    }
  }
  let written = Set(graph.ops.flatMap(\.outputs))
  for (index, op) in graph.ops.enumerated() {
    for input in op.inputs where written.contains(input) && first[input] >= steps[index] {
      throw invalid("op \(index) reads buffer \(input) before it is written")
    }
  }
  for (buffer, row) in graph.buffers.enumerated() where row.isResult { last[buffer] = max(count - 1, last[buffer]) }

  // Changes of what is alive: at 2 · step an op's outputs come, at 2 · step + 1 what it was the last to read goes.
  var changes = [Int](repeating: 0, count: 2 * count + 1)
  for (buffer, row) in graph.buffers.enumerated() where last[buffer] >= first[buffer] {
    changes[2 * first[buffer]] += row.size
    changes[2 * last[buffer] + 1] -= row.size
  }
  var live = 0
  var peak = graph.ops.isEmpty ? graph.buffers.reduce(0) { $0 + ($1.isResult ? $1.size : 0) } : 0
  for step in 0..<count {
    let op = graph.ops[plan.order[step]]
    live += changes[2 * step]
    var shared = 0
    var taken: Set<Int> = []
    for pair in op.inPlace where !taken.contains(pair.input) && !taken.contains(pair.output) {
      let (input, output) = (graph.buffers[pair.input].size, graph.buffers[pair.output].size)
      guard last[pair.input] == step, !graph.buffers[pair.input].isResult, output <= input else { continue }
      shared += output
      taken.formUnion([pair.input, pair.output])
    }
    peak = max(peak, live + op.scratch - shared)
    live += changes[2 * step + 1]
  }
  guard peak == plan.peak else { throw invalid("a peak of \(plan.peak) bytes where \(peak) are alive") }
  guard plan.bound <= plan.peak else { throw invalid("a bound of \(plan.bound) above the peak of \(plan.peak) bytes") }
}
