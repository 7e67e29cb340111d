/// How long a planner goes on.
public struct PlanEffort: Sendable, Hashable {
  /// Placements that the search may try. Not a time, so that the same problem has the same plan on every machine.
  public var nodes: Int
  /// The largest number of pairs of buffers that overlap in time for which a search is made ready.
  var mostPairs: Int
  /// The largest number of buffers for which every greedy order is tried.
  var mostOrdered: Int

  /// A few milliseconds for a net of 2 000 buffers: greedy plans, then a short search where none is optimal.
  public static let standard = PlanEffort(nodes: 1_000, mostPairs: 200_000, mostOrdered: 2_500)
  /// Goes on until a plan is proven optimal, or for some seconds.
  public static let exact = exact(nodes: 3_000_000)

  /// Goes on until a plan is proven optimal, or so many placements were tried.
  public static func exact(nodes: Int) -> PlanEffort {
    PlanEffort(nodes: nodes, mostPairs: SectionMap.mostPairs, mostOrdered: 30_000)
  }
}

/// A plan of least peak, as far as the effort goes, with a proven bound.
///
/// `shouldStop` is asked now and then, and ends the search for a better plan. The same problem has the same plan each time unless
/// it says so.
public func plan(
  _ problem: Problem, effort: PlanEffort = .standard, shouldStop: @escaping () -> Bool = { false }
) -> Plan {
  var plan = planGreedily(problem, mostOrdered: effort.mostOrdered)
  guard !plan.isOptimal, let map = SectionMap(problem, mostPairs: effort.mostPairs) else { return plan }
  var solver = OffsetSolver(map, budget: effort.nodes, shouldStop: shouldStop)
  let best = solver.minimize(from: Int32(plan.bound / map.unit), below: Int32(plan.peak / map.unit))
  if let offsets = best.offsets {
    plan.offsets = map.offsets(offsets, in: problem)
    plan.peak = Int(best.height) * map.unit
    plan.method = "search"
  }
  if Int(best.bound) * map.unit > plan.bound {
    plan.bound = Int(best.bound) * map.unit
    plan.proof = .exhausted
  }
  plan.nodes = solver.nodes
  return plan
}

/// Whether buffers fit in a block.
public enum Fit: Sendable, Hashable {
  case plan(Plan)
  /// They do not, as `bound` bytes are needed at least; `best` is a plan that takes more than the block has.
  case impossible(bound: Int, Plan.Proof, best: Plan)
  /// Neither was found out; `best` is a plan that takes more than the block has.
  case unknown(best: Plan)
}

/// A plan of at most `capacity` bytes, of which whole units of the alignment are used.
///
/// `shouldStop` is asked now and then, and ends the search.
public func fit(
  _ problem: Problem, capacity: Int, effort: PlanEffort = .exact, shouldStop: @escaping () -> Bool = { false }
) -> Fit {
  precondition(capacity >= 0, "a capacity is not negative")
  var plan = planGreedily(problem, mostOrdered: effort.mostOrdered)
  if plan.peak <= capacity { return .plan(plan) }
  if plan.bound > capacity { return .impossible(bound: plan.bound, .live, best: plan) }
  guard let map = SectionMap(problem, mostPairs: effort.mostPairs) else { return .unknown(best: plan) }
  var solver = OffsetSolver(map, budget: effort.nodes, shouldStop: shouldStop)
  // The greedy plan is higher, so the capacity has no more units than that.
  let units = Int32(capacity / map.unit)
  let outcome = solver.fit(capacity: units, nodes: effort.nodes)
  plan.nodes = solver.nodes
  switch outcome {
  case .found:
    plan.offsets = map.offsets(solver.found.offsets, in: problem)
    plan.peak = Int(solver.found.height) * map.unit
    plan.method = "search"
    return .plan(plan)
  case .infeasible: return .impossible(bound: Int(units + 1) * map.unit, .exhausted, best: plan)
  case .limited: return .unknown(best: plan)
  }
}

extension SectionMap {
  /// Offsets in bytes for all of the problem's buffers.
  fileprivate func offsets(_ units: [Int32], in problem: Problem) -> [Int] {
    var offsets = [Int](repeating: 0, count: problem.buffers.count)
    for (index, buffer) in buffers.enumerated() { offsets[buffer] = Int(units[index]) * unit }
    return offsets
  }
}
