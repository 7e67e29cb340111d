/// Lower bounds of what must be moved, by putting a price on the memory of each step instead of a limit.
///
/// Where memory has a price, each buffer chooses for itself (Lagrangian relaxation); for any prices the choices cost no
/// more than the best plan, and subgradient steps look for prices that make them cost as much as possible (Held, Wolfe and
/// Crowder, "Validation of subgradient optimization", 1974).
struct ResidencyPrices {
  let problem: ResidencyProblem
  /// Steps that could be overfull, ascending. Others need no price.
  let steps: [Int]
  /// Gaps that pass or end at one of `steps`; the others are kept.
  let gaps: [Int]
  /// For each gap of the problem the range of `steps` that it passes, and the one it ends at, if there is one.
  let passed: [Range<Int>]
  let ending: [Int?]
  /// Gaps that are chosen together, because they are of one buffer.
  let buffers: [[Int]]
  /// The bytes over the budget at each of `steps` if nothing is kept: negative.
  let slack: [Int]

  private(set) var prices: [Double]
  private(set) var bound = 0.0

  init(_ problem: ResidencyProblem) {
    self.problem = problem
    var worst = problem.residentBytes([ResidencyMode](repeating: .keep, count: problem.gaps.count))
    for gap in problem.gaps { worst[gap.end] += gap.recomputation?.extra ?? 0 }
    let steps = problem.order.indices.filter { worst[$0] > problem.budget }
    var places = [Int](repeating: 0, count: problem.order.count + 1)
    var count = 0
    for step in problem.order.indices {
      places[step] = count
      if worst[step] > problem.budget { count += 1 }
    }
    places[problem.order.count] = count
    passed = problem.gaps.map { places[$0.start + 1]..<places[$0.end] }
    ending = problem.gaps.map { worst[$0.end] > problem.budget ? places[$0.end] : nil }
    let passed = self.passed
    gaps = problem.gaps.indices.filter { !passed[$0].isEmpty }
    buffers = problem.gapsOfBuffer.map { list in list.filter { !passed[$0].isEmpty } }.filter { !$0.isEmpty }
    slack = steps.map { problem.needs[$0] - problem.budget }
    prices = [Double](repeating: 0, count: steps.count)
    self.steps = steps
  }

  /// What a gap costs when it is kept, loaded again or computed again, at these prices.
  struct Costs {
    var keep: Double
    var reload: Double
    var recompute: Double
  }

  func costs(_ gap: Int, _ sums: [Double]) -> Costs {
    let row = problem.gaps[gap]
    let rent = (sums[passed[gap].upperBound] - sums[passed[gap].lowerBound]) * Double(row.size)
    var again = Double.infinity
    if let recomputation = row.recomputation {
      again = Double(recomputation.cost) + (ending[gap].map { prices[$0] } ?? 0) * Double(recomputation.extra)
    }
    return Costs(keep: rent, reload: Double(row.size), recompute: again)
  }

  func sums() -> [Double] {
    var sums = [0.0]
    sums.reserveCapacity(prices.count + 1)
    for price in prices { sums.append(sums[sums.count - 1] + price) }
    return sums
  }

  /// What the gaps from each gap of a buffer on cost at the least, when it has not been stored and when it has.
  func futures(_ list: [Int], _ sums: [Double]) -> (fresh: [Double], stored: [Double]) {
    var fresh = [Double](repeating: 0, count: list.count + 1)
    var stored = fresh
    for position in list.indices.reversed() {
      let costs = self.costs(list[position], sums)
      let gap = problem.gaps[list[position]]
      let without = min(costs.keep, costs.recompute)
      stored[position] = min(without, costs.reload) + stored[position + 1]
      let drop = Double(gap.reloadCost(isStored: false)) + stored[position + 1]
      fresh[position] = min(without + fresh[position + 1], drop)
    }
    return (fresh, stored)
  }

  /// Looks for prices with a high bound, in `rounds` steps; `cost` is that of a plan.
  mutating func improve(rounds: Int, cost: Int) {
    var best = prices
    bound = evaluate().bound
    var scale = 1.0
    var fruitless = 0
    var direction = [Double](repeating: 0, count: prices.count)
    for _ in 0..<rounds {
      let (value, excess) = evaluate()
      if value > bound + 1e-9 * abs(bound) {
        bound = value
        best = prices
        fruitless = 0
      } else {
        fruitless += 1
        if fruitless >= 12 {
          scale *= 0.6
          fruitless = 0
          prices = best
          direction = [Double](repeating: 0, count: prices.count)
        }
      }
      guard bound < Double(cost) - 1e-6, scale > 1e-5 else { break }
      var norm = 0.0
      for index in direction.indices {
        direction[index] = excess[index] + 0.5 * direction[index]
        if prices[index] <= 0, direction[index] < 0 { direction[index] = 0 }
        norm += direction[index] * direction[index]
      }
      guard norm > 0 else { break }
      let length = scale * max(Double(cost) - value, 1) / norm
      for index in prices.indices { prices[index] = max(0, prices[index] + length * direction[index]) }
    }
    prices = best
  }

  /// What all choices cost, and by how much they overfill each step.
  private func evaluate() -> (bound: Double, excess: [Double]) {
    let sums = self.sums()
    var value = 0.0
    var excess = slack.map(Double.init)
    for (price, step) in zip(prices, slack) { value += price * Double(step) }
    var changes = [Double](repeating: 0, count: prices.count + 1)
    for list in buffers {
      let (fresh, stored) = futures(list, sums)
      value += fresh[0]
      var isStored = false
      for (position, index) in list.enumerated() {
        let costs = self.costs(index, sums)
        let gap = problem.gaps[index]
        let next = isStored ? stored[position + 1] : fresh[position + 1]
        let drop = Double(gap.reloadCost(isStored: isStored)) + stored[position + 1]
        if costs.keep + next <= drop, costs.keep <= costs.recompute {
          changes[passed[index].lowerBound] += Double(gap.size)
          changes[passed[index].upperBound] -= Double(gap.size)
        } else if costs.recompute + next <= drop {
          if let place = ending[index], let extra = gap.recomputation?.extra { excess[place] += Double(extra) }
        } else {
          isStored = true
        }
      }
    }
    var kept = 0.0
    for index in excess.indices {
      kept += changes[index]
      excess[index] += kept
    }
    return (value, excess)
  }
}
