import ApusSupport

/// An order of ops and what to keep, so that few bytes are moved under a budget.
public struct BudgetPlan: Sendable {
  /// Names the order.
  public var problem: ResidencyProblem
  /// Its bound holds for that order alone.
  public var plan: ResidencyPlan

  public init(problem: ResidencyProblem, plan: ResidencyPlan) {
    self.problem = problem
    self.plan = plan
  }
}

/// Orders the ops and chooses what to keep in a memory of `budget` bytes: never moves more than Belady's rule does in the
/// order that is listed.
///
/// Starts from that order, from the one with the least peak and from one by levels, exchanges runs of ops of the best two for as long as
/// `effort` allows and fewer bytes are moved, and plans the best order as `planResidency` does. Throws `memory.budget`, naming the smallest
/// budget that works, where none of these orders fits.
public func planWithin(
  _ budget: Int, _ graph: Dataflow, effort: ResidencyEffort = .quick, solver: Solver? = nil
) throws(DiagnosticError) -> BudgetPlan {
  let listed = Array(graph.ops.indices)
  let low = try planOrder(graph.withLoadsOnDemand()).order
  var starts = [listed]
  for order in [low, graph.orderByLevels()] where !starts.contains(order) { starts.append(order) }
  var smallest = Int.max
  var searches: [SpillOrder] = []
  for order in starts {
    let need = try ResidencyProblem.limits(graph, order: order).smallest
    smallest = min(smallest, need)
    if need <= budget { searches.append(SpillOrder(graph, order: order, budget: budget)) }
  }
  searches.sort { $0.cost < $1.cost }
  var problems: [ResidencyProblem] = []
  for var search in searches.prefix(2) {
    // An exchange costs as much as the order is long; the efforts are meant for 500 ops.
    search.improve(moves: effort.moves * 500 / max(500, graph.ops.count))
    problems.append(try ResidencyProblem(graph, order: search.order, budget: budget))
  }
  var best: BudgetPlan?
  for problem in problems {
    let plan = planResidency(problem)
    if best.map({ plan.bytes < $0.plan.bytes }) ?? true { best = BudgetPlan(problem: problem, plan: plan) }
    if plan.bytes == 0 { break }
  }
  guard var best else {
    throw DiagnosticError(
      id: "memory.budget", "a budget of \(budget) bytes is too small: the smallest that works is \(smallest) bytes")
  }
  if !best.plan.isProven { best.plan = planResidency(best.problem, effort: effort, solver: solver) }
  return best
}

extension Dataflow {
  /// All ops that need nothing, then all that need only those, and so on.
  public func orderByLevels() -> [Int] {
    var levels: [Int] = []
    for before in predecessors { levels.append((before.map { levels[$0] }.max() ?? -1) + 1) }
    return ops.indices.sorted { (levels[$0], $0) < (levels[$1], $1) }
  }

  /// The same with buffers that no op writes there only while an op reads them, as they can be loaded for it.
  public func withLoadsOnDemand() throws(DiagnosticError) -> Dataflow {
    var rows = buffers
    for buffer in buffers.indices where producers[buffer] == nil { rows[buffer] = Buffer(size: 0) }
    var ops = self.ops
    for index in ops.indices {
      for input in Set(ops[index].inputs) where producers[input] == nil { ops[index].scratch += buffers[input].size }
      ops[index].inPlace.removeAll { producers[$0.input] == nil }
    }
    return try Dataflow(buffers: rows, ops: ops)
  }
}
