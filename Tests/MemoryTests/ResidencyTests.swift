import ApusSupport
import NetworkShapes
import Testing

@testable import ApusMemory

@Suite struct ResidencyTests {
  /// The fewest bytes of all choices of modes, by trying each.
  private func fewestBytes(_ problem: ResidencyProblem) -> Int {
    var best = Int.max
    var modes = [ResidencyMode](repeating: .keep, count: problem.gaps.count)
    func choose(_ gap: Int) {
      if gap == modes.count {
        if problem.isFeasible(modes) { best = min(best, problem.cost(modes)) }
        return
      }
      for mode in ResidencyMode.allCases where mode != .recompute || problem.gaps[gap].recomputation != nil {
        modes[gap] = mode
        choose(gap + 1)
      }
    }
    choose(0)
    return best
  }

  private func problems(_ graph: Dataflow) throws -> [ResidencyProblem] {
    let order = Array(graph.ops.indices)
    let (smallest, largest) = try ResidencyProblem.limits(graph, order: order)
    return try Set([smallest, (smallest + largest) / 2, largest]).sorted().map {
      try ResidencyProblem(graph, order: order, budget: $0)
    }
  }

  @Test(arguments: 0..<60) func smallPlansMoveTheFewestBytes(seed: Int) throws {
    let graph = try DrawnGraph.graph(6 + seed % 4, reach: 3 + seed % 6, seed: seed, largest: seed % 2 == 0 ? 3 : 100)
    for problem in try problems(graph) where problem.gaps.count < 9 {
      let plan = planResidency(problem)
      try validate(plan, for: problem)
      let fewest = fewestBytes(problem)
      #expect(plan.bytes == fewest)
      #expect(plan.bound == fewest)
    }
  }

  /// With few states the search gives bounds instead of proofs, and they hold.
  @Test(arguments: 0..<20) func boundsOfUnfinishedSearchesHold(seed: Int) throws {
    let graph = try DrawnGraph.graph(30, reach: 8, seed: seed)
    for problem in try problems(graph) {
      let short = planResidency(problem, effort: ResidencyEffort(states: 200, rounds: 10, seconds: 0))
      let long = planResidency(problem, effort: ResidencyEffort(states: 100_000, rounds: 200, seconds: 0))
      for plan in [short, long, problem.planByBelady(), problem.planByGreed()] { try validate(plan, for: problem) }
      #expect(short.bound <= long.bytes)
      #expect(long.bytes <= short.bytes && short.bytes <= problem.planByBelady().bytes)
      #expect(long.bytes <= problem.planByGreed().bytes)
    }
  }

  @Test func nothingIsMovedWhereEverythingFits() throws {
    let graph = try DrawnGraph.graph(40, reach: 10, seed: 3)
    let order = Array(graph.ops.indices)
    let problem = try ResidencyProblem(graph, order: order, budget: ResidencyProblem.limits(graph, order: order).largest)
    let plan = planResidency(problem)
    try validate(plan, for: problem)
    #expect(plan.bytes == 0 && plan.isProven)
  }

  /// A buffer that is cheap to compute is dropped and computed again, one that is not is stored and loaded.
  @Test func cheapBuffersAreComputedAgain() throws {
    for (cost, bytes) in [(5, 5), (nil, 200)] as [(Int?, Int)] {
      let graph = try Dataflow(
        buffers: [
          .init(size: 10), .init(size: 100), .init(size: 150), .init(size: 10), .init(size: 1, isResult: true),
        ],
        ops: [
          .init(inputs: [0], outputs: [1], cost: cost), .init(inputs: [0], outputs: [2]), .init(inputs: [2], outputs: [3]),
          .init(inputs: [0, 1, 3], outputs: [4]),
        ])
      let problem = try ResidencyProblem(graph, order: [0, 1, 2, 3], budget: 200)
      let plan = planResidency(problem)
      try validate(plan, for: problem)
      #expect(plan.bytes == bytes)
      #expect(plan.isProven)
      #expect(plan.actions.contains(.recompute(op: 0, buffer: 1)) == (cost != nil))
    }
  }

  @Test func budgetsThatAreTooSmallNameTheSmallestThatWorks() throws {
    let graph = try DrawnGraph.graph(20, reach: 4, seed: 1)
    let order = Array(graph.ops.indices)
    let smallest = try ResidencyProblem.limits(graph, order: order).smallest
    _ = try ResidencyProblem(graph, order: order, budget: smallest)
    let error = try #require(throws: DiagnosticError.self) {
      _ = try ResidencyProblem(graph, order: order, budget: smallest - 1)
    }
    #expect(error.diagnostics.first?.id == "memory.budget")
    #expect(error.diagnostics.first?.message.contains("\(smallest) bytes") == true)
    #expect(id { _ = try ResidencyProblem(graph, order: order.reversed(), budget: .max) } == "memory.problem")
    #expect(id { _ = try ResidencyProblem(graph, order: [0, 0], budget: .max) } == "memory.problem")
  }

  @Test func validatorRejectsFaultyPlans() throws {
    let graph = try DrawnGraph.graph(25, reach: 7, seed: 11)
    let order = Array(graph.ops.indices)
    let (smallest, largest) = try ResidencyProblem.limits(graph, order: order)
    let problem = try ResidencyProblem(graph, order: order, budget: (smallest + largest) / 2)
    let good = planResidency(problem)
    try validate(good, for: problem)
    #expect(good.bytes > 0)
    var generator = SplitMix64(seed: 2)
    var rejected = 0
    for round in 0..<1_000 {
      var bad = good
      let place = Int.random(in: 0..<good.actions.count, using: &generator)
      switch round % 6 {
      // A drop too few may do no harm where the buffer is not needed again; so others are left out.
      case 0:
        let others = good.actions.indices.filter { if case .drop = good.actions[$0] { false } else { true } }
        bad.actions.remove(at: others[place % others.count])
      case 1: bad.actions.insert(good.actions[place], at: place)
      case 2: bad.bytes += 1 + place
      case 3: bad.bound = bad.bytes + 1 + place
      case 4: bad.actions.insert(.load(place % graph.buffers.count), at: place)
      case _: bad.actions.insert(.drop(place % graph.buffers.count), at: place)
      }
      if id({ try validate(bad, for: problem) }) == "memory.invalid" { rejected += 1 }
    }
    #expect(rejected == 1_000)
  }
}
