import ApusMemory
import ApusSupport
import NetworkShapes
import Testing

/// What the planner makes of networks; the figures themselves are printed by `Benchmarks`.
@Suite struct NetworkTests {
  @Test(arguments: Network.all.map(\.name)) func peaksAreProven(name: String) throws {
    let network = try #require(Network.all.first { $0.name == name })
    let graph = try network.graph(true).withLoadsOnDemand()
    let plan = planOrder(graph)
    try validate(plan, for: graph)
    #expect(plan.isProven)
  }

  /// Never more than Belady's rule and the greedy one, and a proof for the order that is chosen.
  @Test(arguments: Network.all.map(\.name).filter { $0 != "NASNet-A" }, [false, true])
  func fewerBytesAreMovedThanByRules(name: String, hasWeights: Bool) throws {
    let network = try #require(Network.all.first { $0.name == name })
    let graph = try network.graph(hasWeights)
    let order = Array(graph.ops.indices)
    let (smallest, largest) = try ResidencyProblem.limits(graph, order: order)
    for budget in [smallest, (smallest + largest) / 2, largest] {
      let listed = try ResidencyProblem(graph, order: order, budget: budget)
      let effort = ResidencyEffort(states: 20_000, rounds: 100, moves: 20, seconds: 0)
      let found = try planWithin(budget, graph, effort: effort)
      try validate(found.plan, for: found.problem)
      #expect(found.problem.budget == budget)
      #expect(found.plan.isProven)
      #expect(found.plan.bytes <= min(listed.planByBelady().bytes, listed.planByGreed().bytes))
      if budget == largest { #expect(found.plan.bytes == 0) }
    }
    #expect(id { _ = try planWithin(smallest / 2, graph) } == "memory.budget")
  }

  /// Orders are exchanged where that saves bytes.
  @Test func exchangesOfOpsSaveBytes() throws {
    let graph = try #require(Network.all.first { $0.name == "MiniLM-L6" }).graph(true)
    let smallest = try ResidencyProblem.limits(graph, order: Array(graph.ops.indices)).smallest
    let budget = smallest + smallest / 22
    let still = try planWithin(budget, graph, effort: ResidencyEffort(states: 20_000, rounds: 100, moves: 0, seconds: 0))
    let moved = try planWithin(budget, graph, effort: ResidencyEffort(states: 20_000, rounds: 100, moves: 400, seconds: 0))
    try validate(moved.plan, for: moved.problem)
    #expect(moved.plan.bytes < still.plan.bytes)
  }

  /// NASNet's 507 ops: the order alone saves nearly half of what Belady's rule moves.
  @Test func orderSavesBytes() throws {
    let graph = try #require(Network.all.first { $0.name == "NASNet-A" }).graph(false)
    let listed = Array(graph.ops.indices)
    let budget = try ResidencyProblem.limits(graph, order: listed).smallest
    let belady = try ResidencyProblem(graph, order: listed, budget: budget).planByBelady().bytes
    let found = try planWithin(budget, graph, effort: ResidencyEffort(states: 20_000, rounds: 100, moves: 0, seconds: 0))
    try validate(found.plan, for: found.problem)
    #expect(found.plan.bytes * 10 < belady * 6)
  }
}
