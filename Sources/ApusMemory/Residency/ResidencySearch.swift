/// Searches the choices of modes from the first gap to the last, all partial choices side by side.
///
/// What a partial choice can still cost depends only on which of the open gaps are kept and which buffers are stored, so
/// of two that agree in that the dearer one is dropped. What the rest costs at the least is known from the prices, so what
/// cannot become cheaper than the best plan is dropped as well. If more than `width` choices are left, the least
/// promising go, and what they promised is the bound.
struct ResidencySearch {
  let problem: ResidencyProblem
  let slots: ResidencySlots
  private let decisions: [Decision?]
  private let starts: [[Int]]
  private let priceOfStep: [Double?]
  private let value: Double
  /// Every plan's cost is a multiple of it.
  let granule: Int

  /// What a gap adds to the cost and to what the rest costs at the least.
  private struct Decision {
    var slot: Int
    var isLast: Bool
    var keep: (fresh: Double, stored: Double)
    var reload: (fresh: Double, stored: Double)
    var recompute: (fresh: Double, stored: Double)?
  }

  init(_ prices: ResidencyPrices) {
    problem = prices.problem
    slots = ResidencySlots(prices)
    let sums = prices.sums()
    var value = 0.0
    for (price, step) in zip(prices.prices, prices.slack) { value += price * Double(step) }
    var decisions = [Decision?](repeating: nil, count: prices.problem.gaps.count)
    var granule = 0
    for list in prices.buffers {
      let (fresh, stored) = prices.futures(list, sums)
      value += fresh[0]
      for (position, index) in list.enumerated() {
        let gap = prices.problem.gaps[index]
        let costs = prices.costs(index, sums)
        let (now, later) = ((fresh[position], stored[position]), (fresh[position + 1], stored[position + 1]))
        granule = greatestCommonDivisor(granule, gap.size)
        if let recomputation = gap.recomputation { granule = greatestCommonDivisor(granule, recomputation.cost) }
        decisions[index] = Decision(
          slot: slots.slot[index] ?? 0, isLast: position + 1 == list.count,
          keep: (costs.keep + later.0 - now.0, costs.keep + later.1 - now.1),
          reload: (
            Double(gap.reloadCost(isStored: false)) + later.1 - now.0,
            Double(gap.reloadCost(isStored: true)) + later.1 - now.1
          ),
          recompute: gap.recomputation.map { _ in
            (costs.recompute + later.0 - now.0, costs.recompute + later.1 - now.1)
          })
      }
    }
    var starts = [[Int]](repeating: [], count: prices.problem.order.count)
    for index in prices.gaps { starts[prices.problem.gaps[index].start].append(index) }
    var priceOfStep = [Double?](repeating: nil, count: prices.problem.order.count)
    for (step, price) in zip(prices.steps, prices.prices) { priceOfStep[step] = price }
    self.starts = starts
    self.priceOfStep = priceOfStep
    self.decisions = decisions
    self.value = value
    self.granule = max(granule, 1)
  }

  /// The least multiple of what costs are multiples of that is not below `value`.
  func rounded(_ value: Double) -> Int {
    let slack = 1e-3 + 1e-9 * abs(value)
    return max(0, Int(((value - slack) / Double(granule)).rounded(.up))) * granule
  }

  struct Outcome {
    /// A choice that costs less than the limit.
    var modes: [ResidencyMode]?
    var bound: Int
    var states: Int
  }

  /// Looks for modes that cost less than `limit`, among those that agree with `fixed` where that says something. The bound
  /// is one of these alone.
  func search(below limit: Int, width: Int, fixed: [ResidencyMode?]? = nil) -> Outcome {
    let cutoff = Double(limit - granule) + 1e-3 + 1e-9 * Double(limit)
    var layer = ResidencyLayer(words: slots.words)
    var history = ResidencyHistory()
    var dropped = Double.infinity
    layer.append(key: [UInt64](repeating: 0, count: slots.words), used: 0, cost: 0, value: value, node: -1)
    var merger = ResidencyMerger(slots)
    for step in problem.order.indices {
      let ended = problem.ends[step].filter { decisions[$0] != nil }
      if ended.isEmpty, starts[step].isEmpty, priceOfStep[step] == nil { continue }
      layer = arrive(at: step, ended, layer, cutoff)
      for (position, gap) in starts[step].enumerated() {
        layer = decide(gap, fixed?[gap], layer, cutoff, &history)
        if layer.count > 4 * width, position + 1 < starts[step].count { dropped = min(dropped, layer.keepBest(2 * width)) }
      }
      merger.pass(ended: ended, started: starts[step])
      if !ended.isEmpty || !starts[step].isEmpty { merger.merge(&layer) }
      if layer.count > width { dropped = min(dropped, layer.keepBest(width)) }
    }
    let best = (0..<layer.count).min { layer.costs[$0] < layer.costs[$1] }
    var modes: [ResidencyMode]?
    var bound = limit
    if let best, layer.costs[best] < limit {
      modes = history.modes(to: layer.nodes[best], count: problem.gaps.count)
      bound = layer.costs[best]
    }
    if dropped < Double(bound) { bound = min(bound, rounded(dropped)) }
    return Outcome(modes: modes, bound: bound, states: history.count)
  }

  /// Ends gaps and leaves out what does not fit.
  private func arrive(at step: Int, _ ended: [Int], _ old: ResidencyLayer, _ cutoff: Double) -> ResidencyLayer {
    var layer = ResidencyLayer(words: slots.words)
    layer.reserve(old.count)
    for state in 0..<old.count {
      var used = old.used[state]
      var extra = 0
      var isPossible = true
      for gap in ended {
        guard let decision = decisions[gap] else { continue }
        switch old.mode(state, decision.slot) {
        case .keep: used -= problem.gaps[gap].size
        case .reload: break
        case .recompute:
          guard let recomputation = problem.gaps[gap].recomputation else { continue }
          extra += recomputation.extra
          for input in recomputation.inputs {
            if let other = decisions[input], old.mode(state, other.slot) != .keep { isPossible = false }
          }
        }
      }
      var value = old.values[state]
      if let price = priceOfStep[step] {
        let room = problem.budget - problem.needs[step] - used - extra
        if room < 0 { isPossible = false }
        value += price * Double(room)
      }
      guard isPossible, value <= cutoff else { continue }
      layer.append(state, of: old, used: used, value: value)
      for gap in ended {
        guard let decision = decisions[gap] else { continue }
        layer.clear(decision.slot, andStored: decision.isLast)
      }
    }
    return layer
  }

  private func decide(
    _ gap: Int, _ fixed: ResidencyMode?, _ old: ResidencyLayer, _ cutoff: Double, _ history: inout ResidencyHistory
  ) -> ResidencyLayer {
    guard let decision = decisions[gap] else { return old }
    let row = problem.gaps[gap]
    var layer = ResidencyLayer(words: slots.words)
    layer.reserve(2 * old.count)
    for state in 0..<old.count {
      let isStored = old.isStored(state, decision.slot)
      let value = old.values[state]
      let keep = value + (isStored ? decision.keep.stored : decision.keep.fresh)
      if keep <= cutoff, fixed ?? .keep == .keep {
        layer.append(state, of: old, used: old.used[state] + row.size, value: keep)
        layer.set(decision.slot, .keep, isStored: isStored)
        layer.nodes[layer.count - 1] = history.append(old.nodes[state], gap, .keep)
      }
      let reload = value + (isStored ? decision.reload.stored : decision.reload.fresh)
      if reload <= cutoff, fixed ?? .reload == .reload {
        layer.append(state, of: old, used: old.used[state], value: reload)
        // For what is stored anyway and for the last gap it does not matter whether it is stored.
        layer.set(decision.slot, .reload, isStored: !row.isStoredAnyway && !decision.isLast)
        layer.costs[layer.count - 1] += row.reloadCost(isStored: isStored)
        layer.nodes[layer.count - 1] = history.append(old.nodes[state], gap, .reload)
      }
      guard let recompute = decision.recompute, let recomputation = row.recomputation else { continue }
      let again = value + (isStored ? recompute.stored : recompute.fresh)
      if again <= cutoff, fixed ?? .recompute == .recompute {
        layer.append(state, of: old, used: old.used[state], value: again)
        layer.set(decision.slot, .recompute, isStored: isStored)
        layer.costs[layer.count - 1] += recomputation.cost
        layer.nodes[layer.count - 1] = history.append(old.nodes[state], gap, .recompute)
      }
    }
    return layer
  }
}

/// 0 counts as a multiple of everything.
func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
  var (a, b) = (a, b)
  while b != 0 { (a, b) = (b, a % b) }
  return a
}
