/// Orders the ops of a graph so that little memory is alive at once: with the least peak, and the proof of it, if the
/// search ends within `effort`; never with a higher peak than the order the ops are listed in.
///
/// Liu, "On optimal tree traversals for sparse matrix factorization" (1986) and the segments of its profiles; best-first
/// search over the sets of executed ops as Ahn et al., "Ordering chaos" (MLSys 2020), here with peaks for costs.
public func planOrder(_ graph: Dataflow, effort: OrderEffort = .quick) -> OrderPlan {
  var planner = OrderPlanner(graph, effort: effort)
  planner.orderStretches()
  if planner.peak > planner.bound { planner.repair() }
  if planner.peak > planner.bound { planner.raiseBoundByCuts() }
  if planner.peak > planner.bound, effort.repairs > 0, planner.isWorthMore { planner.repair() }
  return planner.plan
}

private struct OrderPlanner {
  let graph: Dataflow
  let effort: OrderEffort
  var space: OrderSpace
  var profile: OrderSpace.Profile
  var bound: Int
  var peak: Int
  var states = 0
  var methods: [String] = []
  var isWorthMore = false

  /// 256 MiB of sets.
  private static let storedWords = 1 << 25

  init(_ graph: Dataflow, effort: OrderEffort) {
    self.graph = graph
    self.effort = effort
    space = OrderSpace(graph, order: Array(graph.ops.indices))
    profile = space.profile()
    peak = graph.ops.isEmpty ? space.permanent : profile.peak
    bound = max(graph.buffers.reduce(0) { $0 + ($1.isResult ? $1.size : 0) }, space.needs().max() ?? 0)
    if !graph.ops.isEmpty { bound = max(bound, space.initial) }
  }

  var plan: OrderPlan {
    let method = methods.isEmpty ? "as listed" : methods.joined(separator: ", ")
    return OrderPlan(order: space.order, peak: peak, bound: min(bound, peak), method: method, states: states)
  }

  private mutating func take(_ order: [Int], by method: String) {
    space = OrderSpace(graph, order: order)
    profile = space.profile()
    peak = profile.peak
    if methods.last != method { methods.append(method) }
  }

  /// Orders each stretch between ops that every order has at the same place.
  mutating func orderStretches() {
    let stretches = space.stretches()
    for stretch in stretches where stretch.count == 1 { bound = max(bound, profile.during[stretch.lowerBound]) }
    var order = Array(0..<space.count)
    var floor = bound
    var used: Set<String> = []
    let peaks = stretches.map { profile.during[$0].max() ?? 0 }
    // The highest first: what the others may reach without harm is known then.
    for index in stretches.indices.sorted(by: { (peaks[$0], $1) > (peaks[$1], $0) }) {
      let stretch = stretches[index]
      guard peaks[index] > floor, stretch.count > 1 else { continue }
      var search = OrderSearch(space, stretch, floor: floor)
      var limit = peaks[index]
      let live = profile.before[stretch.lowerBound]
      // Sets of a long stretch are large: what is kept of them is limited by the memory that they take.
      let most = Self.storedWords / ((stretch.count + 63) / 64)
      let width = min(effort.beam, most / stretch.count)
      if width > 0 {
        let outcome = search.beam(below: limit, from: live, width: width)
        states += search.states
        if let found = outcome.order {
          order.replaceSubrange(stretch, with: found)
          limit = outcome.peak
          used.insert("beam")
        }
      }
      if limit > floor, states < effort.states {
        let outcome = search.search(below: limit, from: live, states: min(most, effort.states - states))
        states += search.states
        if let found = outcome.order {
          order.replaceSubrange(stretch, with: found)
          limit = outcome.peak
        }
        if outcome.bound > floor { bound = max(bound, outcome.bound) }
        used.insert("exact search")
      }
      floor = max(floor, limit)
    }
    if used.isEmpty { return }
    let old = (space, profile, peak)
    take(order.map { space.order[$0] }, by: used.sorted().joined(separator: ", "))
    if peak >= old.2 {
      (space, profile, peak) = old
      methods = []
    }
    if peak <= bound, used.contains("exact search") { methods = ["exact search"] }
  }
}

/// Mending the peaks of an order that is too long to be searched
extension OrderPlanner {
  /// Orders windows around the highest op anew for as long as that lowers it.
  mutating func repair() {
    var rounds = effort.repairs
    let listed = peak
    while rounds > 0, peak > bound {
      guard let place = profile.during.firstIndex(of: peak) else { return }
      var found: [Int]?
      for (before, after) in [(12, 12), (32, 8), (8, 32), (40, 40), (100, 100)] where rounds > 0 {
        rounds -= 1
        let window = max(0, place - before)..<min(space.count, place + after)
        var search = OrderSearch(space, window, floor: bound)
        let budget = max(200, min(effort.states / 10, 20_000))
        var outcome = search.search(below: peak, from: profile.before[window.lowerBound], states: budget)
        states += search.states
        if outcome.order == nil, outcome.bound < peak, effort.beam > 0 {
          outcome = search.beam(below: peak, from: profile.before[window.lowerBound], width: effort.beam)
          states += search.states
        }
        guard let places = outcome.order else { continue }
        var order = space.order
        for (offset, other) in places.enumerated() { order[window.lowerBound + offset] = space.order[other] }
        found = order
        break
      }
      guard let found else { break }
      take(found, by: "repair")
    }
    isWorthMore = peak < listed
  }

  mutating func raiseBoundByCuts() {
    guard effort.cuts > 0 else { return }
    // Only what is alive on the way of the best order can be needed, so the highest ops are asked first.
    let places = space.order.indices.sorted { (profile.during[$0], $1) > (profile.during[$1], $0) }
    // A cut takes at least as long as reading the graph.
    let asked = places.prefix(min(effort.cuts, 10_000_000 / max(1, space.count)))
    for place in asked where profile.during[place] > bound && peak > bound {
      bound = max(bound, leastAlive(during: place, in: space))
    }
  }
}
