/// Looks for a plan within a capacity, and then for the least capacity, with all strategies in turn.
struct OffsetSolver {
  private let search: OffsetSearch
  /// Placements that may still be tried.
  private(set) var budget: Int
  private let shouldStop: () -> Bool
  private var hasStopped = false

  init(_ map: SectionMap, budget: Int, shouldStop: @escaping () -> Bool) {
    search = OffsetSearch(map)
    self.budget = budget
    self.shouldStop = shouldStop
  }

  var nodes: Int { search.nodes }

  /// The best plan so far, in units, and what is proven.
  struct Height {
    /// One offset for each of the map's buffers; nothing when no plan was found that is better than the one at hand.
    var offsets: [Int32]?
    var height: Int32
    /// No plan is lower.
    var bound: Int32
  }

  /// Searches within `capacity` units and `nodes` placements.
  ///
  /// A strategy either finds a plan soon or hardly ever. So each is given a few placements, then twice as many, and so on; and
  /// as much time is spent on many short attempts with disturbed orders.
  mutating func fit(capacity: Int32, nodes: Int) -> OffsetSearch.Outcome {
    let share = min(nodes, budget)
    let start = search.nodes
    defer { budget -= search.nodes - start }
    let attempt = max(2 * search.map.buffers.count, 16)
    var disturbance: UInt64 = 0
    for round in 0... {
      let strategies = SearchStrategy.portfolio
      for index in 0..<(strategies.count + strategies.count << min(round, 32)) {
        let left = share - (search.nodes - start)
        guard left > 0, !hasStopped else { return .limited }
        var strategy = strategies[index % strategies.count]
        var limit = attempt
        if index < strategies.count {
          limit = round < 32 ? attempt << round : .max
        } else {
          disturbance += 1
          strategy.disturbance = disturbance
        }
        let before = search.nodes
        let outcome = search.run(
          capacity: capacity, strategy: strategy, limit: min(limit, left), shouldStop: shouldStop)
        if outcome != .limited { return outcome }
        // An attempt that ends before its limit was told to.
        hasStopped = search.nodes - before < min(limit, left)
      }
    }
    return .limited
  }

  /// The lowest plan that the budget finds between a bound and the height of a plan at hand, both in units.
  mutating func minimize(from bound: Int32, below height: Int32) -> Height {
    var best = Height(height: height, bound: bound)
    // Where there is a plan as low as the bound, it is often found at once, and where not, one unit more is rarely enough.
    while best.bound < best.height {
      let outcome = fit(capacity: best.bound, nodes: budget / 2)
      keep(outcome, at: best.bound, in: &best)
      if outcome == .limited { break }
    }
    var tried = best.bound
    // No less than it takes to try once without turning back.
    let share = max(budget / 12, search.map.buffers.count + 1)
    while best.height - tried > 1, budget > 0, !hasStopped {
      let middle = tried + (best.height - tried) / 2
      let outcome = fit(capacity: middle, nodes: share)
      keep(outcome, at: middle, in: &best)
      if outcome != .found { tried = middle }
    }
    while best.bound < best.height, budget > 0, !hasStopped {
      let outcome = fit(capacity: best.bound, nodes: budget)
      keep(outcome, at: best.bound, in: &best)
      if outcome == .limited { break }
    }
    return best
  }

  /// The offsets of the plan that was found last, in units, and their height.
  var found: (offsets: [Int32], height: Int32) {
    (search.map.buffers.indices.map { search.offsets[$0] }, search.height)
  }

  private func keep(_ outcome: OffsetSearch.Outcome, at capacity: Int32, in best: inout Height) {
    switch outcome {
    case .found:
      best.offsets = found.offsets
      best.height = found.height
    case .infeasible: best.bound = max(best.bound, capacity + 1)
    case .limited: break
    }
  }
}
