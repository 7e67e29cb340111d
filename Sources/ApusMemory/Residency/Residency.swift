/// How far the search for a plan goes; all limits are counts but `seconds`.
public struct ResidencyEffort: Sendable, Hashable {
  /// How many partial choices the exact search may look at in all.
  public var states: Int
  /// Steps in which prices for memory are improved.
  public var rounds: Int
  /// What a solver may take, where one is given.
  public var seconds: Double

  public init(states: Int, rounds: Int, seconds: Double) {
    self.states = states
    self.rounds = rounds
    self.seconds = seconds
  }

  public static let quick = ResidencyEffort(states: 20_000, rounds: 200, seconds: 1)
  public static let exact = ResidencyEffort(states: 4_000_000, rounds: 2_000, seconds: 20)
}

extension ResidencyProblem {
  /// Drops what is used again last. The bound is 0.
  public func planByBelady() -> ResidencyPlan { plan(modesByBelady(), bound: 0, method: "Belady") }

  /// Drops what has the largest product of size and time to its next use. The bound is 0.
  public func planByGreed() -> ResidencyPlan { plan(modesByGreed(), bound: 0, method: "greedy") }

  func plan(_ modes: [ResidencyMode], bound: Int, method: String) -> ResidencyPlan {
    let cost = self.cost(modes)
    return ResidencyPlan(actions: actions(modes), bytes: cost, bound: min(bound, cost), method: method)
  }
}

/// Moves few bytes: the fewest, with the proof of it, if the search ends within `effort`; never more than Belady's rule.
public func planResidency(_ problem: ResidencyProblem, effort: ResidencyEffort = .quick) -> ResidencyPlan {
  var planner = ResidencyPlanner(problem, effort: effort)
  planner.start()
  planner.search(states: effort.states)
  return planner.plan
}

struct ResidencyPlanner {
  let problem: ResidencyProblem
  let effort: ResidencyEffort
  var prices: ResidencyPrices
  var modes: [ResidencyMode]
  var cost: Int
  var bound = 0
  var method: String
  var states = 0

  init(_ problem: ResidencyProblem, effort: ResidencyEffort) {
    self.problem = problem
    self.effort = effort
    prices = ResidencyPrices(problem)
    modes = problem.modesByBelady()
    cost = problem.cost(modes)
    method = "Belady"
  }

  var isProven: Bool { cost <= bound }

  var plan: ResidencyPlan { problem.plan(modes, bound: bound, method: method) }

  mutating func take(_ other: [ResidencyMode], by name: String) {
    let improved = problem.improved(other)
    for candidate in [other, improved] where problem.isFeasible(candidate) {
      let price = problem.cost(candidate)
      if price < cost { (modes, cost, method) = (candidate, price, name) }
    }
  }

  /// Rules and prices.
  mutating func start() {
    take(modes, by: "Belady, improved")
    take(problem.modesByGreed(), by: "greedy, improved")
    if cost == 0 { return }
    prices.improve(rounds: effort.rounds, cost: cost)
    bound = max(bound, ResidencySearch(prices).rounded(prices.bound))
  }

  /// Searches wider and wider.
  mutating func search(states limit: Int) {
    let end = states + limit
    let search = ResidencySearch(prices)
    var width = 16
    while !isProven, states < end {
      // A layer has at most three times as many states as the one before, of which there is one a gap.
      let most = max(16, (end - states) / max(1, 2 * prices.gaps.count))
      width = min(width, most)
      let outcome = search.search(below: cost, width: width)
      states += outcome.states
      if let found = outcome.modes { take(found, by: "exact search") }
      bound = max(bound, min(outcome.bound, cost))
      if width == most { break }
      width *= 8
    }
    if isProven, cost > 0 { method = "exact search" }
  }
}
