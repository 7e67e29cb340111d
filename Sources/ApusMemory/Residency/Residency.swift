/// How far the search for a plan goes; all limits are counts but `seconds`.
public struct ResidencyEffort: Sendable, Hashable {
  /// How many partial choices the exact search may look at in all.
  public var states: Int
  /// Steps in which prices for memory are improved.
  public var rounds: Int
  /// Exchanges of ops that are tried, where the order may be chosen too.
  public var moves: Int
  /// What a solver may take, where one is given.
  public var seconds: Double

  public init(states: Int, rounds: Int, moves: Int = 0, seconds: Double) {
    self.states = states
    self.rounds = rounds
    self.moves = moves
    self.seconds = seconds
  }

  public static let quick = ResidencyEffort(states: 20_000, rounds: 200, moves: 300, seconds: 1)
  public static let exact = ResidencyEffort(states: 20_000_000, rounds: 2_000, moves: 100_000, seconds: 10)
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
///
/// Where our own search does not end at once and there is a `solver`, the solver is asked, in a process of its own. A plan
/// of its is taken if it holds, and the proof is ours all the same.
public func planResidency(
  _ problem: ResidencyProblem, effort: ResidencyEffort = .quick, solver: Solver? = nil
) -> ResidencyPlan {
  var planner = ResidencyPlanner(problem, effort: effort)
  planner.start()
  planner.search(states: solver == nil ? effort.states : effort.states / 4)
  if let solver, !planner.isProven {
    planner.ask(solver)
    planner.search(states: effort.states - effort.states / 4)
  }
  return planner.plan
}

/// The plan that a solver alone finds, for comparisons; Belady's where it fails.
public func planResidency(_ problem: ResidencyProblem, by solver: Solver, seconds: Double) -> ResidencyPlan {
  var planner = ResidencyPlanner(problem, effort: ResidencyEffort(states: 0, rounds: 100, seconds: seconds))
  planner.start()
  if !planner.isProven { planner.ask(solver) }
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
  var claimedBound: Int?
  var remark: String?

  init(_ problem: ResidencyProblem, effort: ResidencyEffort) {
    self.problem = problem
    self.effort = effort
    prices = ResidencyPrices(problem)
    modes = problem.modesByBelady()
    cost = problem.cost(modes)
    method = "Belady"
  }

  var isProven: Bool { cost <= bound }

  var plan: ResidencyPlan {
    var plan = problem.plan(modes, bound: bound, method: method)
    plan.claimedBound = claimedBound.map { min($0, plan.bytes) }
    plan.remark = remark
    return plan
  }

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
    // A round costs as much as there are gaps; the efforts are meant for 2 000.
    prices.improve(rounds: effort.rounds * 2_000 / max(2_000, prices.gaps.count), cost: cost)
    bound = max(bound, ResidencySearch(prices).rounded(prices.bound))
  }

  private static let byItself = "exact search"
  private static let byProof = ", proven by exact search"

  /// Has a solver look for a better plan.
  mutating func ask(_ solver: Solver) {
    let unit = ResidencySearch(prices).granule
    let program = ResidencyProgram(prices, unit: unit, start: modes)
    switch solver.solve(program.program, seconds: effort.seconds) {
    case .failure(let text): remark = text
    case .point(let point, let objective, let claimed, let name):
      guard let found = program.modes(point) else {
        remark = "\(name) returned values that are neither 0 nor 1"
        return
      }
      guard problem.isFeasible(found) else {
        remark = "\(name) returned a plan that does not fit"
        return
      }
      let bytes = problem.cost(found)
      let claimedBytes = program.bytes(claimed)
      take(found, by: name)
      if program.bytes(objective) != bytes {
        remark = "\(name) returned a plan that does not move as many bytes as it says"
      } else if let claimedBytes, claimedBytes <= cost {
        claimedBound = claimedBytes
      } else {
        remark = "\(name) claims a bound above the bytes of a plan"
      }
    }
  }

  /// Chooses anew in one window of time after another, the rest staying as it is, for as long as that saves bytes.
  private mutating func repair(_ search: ResidencySearch, until end: Int) {
    let steps = problem.order.count
    var length = 8
    while length < 2 * steps, states < end, !isProven {
      var hasImproved = false
      for start in stride(from: 0, to: steps, by: max(1, length / 2)) where states < end && !isProven {
        let window = start..<start + length
        let fixed = problem.gaps.indices.map { index -> ResidencyMode? in
          let gap = problem.gaps[index]
          return gap.start < window.upperBound && gap.end > window.lowerBound ? nil : modes[index]
        }
        let before = cost
        let outcome = search.search(below: cost, width: 500, fixed: fixed)
        states += outcome.states
        if let found = outcome.modes { take(found, by: Self.byItself) }
        hasImproved = hasImproved || cost < before
      }
      if !hasImproved { length *= 2 }
    }
  }

  /// Searches wider and wider.
  mutating func search(states limit: Int) {
    let end = states + limit
    // Not enough for one state a gap.
    if limit < prices.gaps.count { return }
    let search = ResidencySearch(prices)
    // A layer has at most three times as many states as the one before, of which there is one a gap.
    func widest() -> Int { max(16, (end - states) / max(1, 2 * prices.gaps.count)) }
    if !isProven, states < end {
      let outcome = search.search(below: cost, width: min(256, widest()))
      states += outcome.states
      if let found = outcome.modes { take(found, by: Self.byItself) }
      bound = max(bound, min(outcome.bound, cost))
      repair(search, until: states + (end - states) / 2)
    }
    var width = 2_048
    while !isProven, states < end {
      let most = widest()
      width = min(width, most)
      let outcome = search.search(below: cost, width: width)
      states += outcome.states
      if let found = outcome.modes { take(found, by: Self.byItself) }
      bound = max(bound, min(outcome.bound, cost))
      if width == most { break }
      width *= 8
    }
    if isProven, cost > 0, states > 0, !method.hasSuffix(Self.byProof) {
      method = method == Self.byItself ? method : method + Self.byProof
    }
  }
}
