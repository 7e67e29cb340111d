import ApusMemory
import ApusSupport
import Testing

/// Ops that run again so that less is alive.
@Suite struct RecomputeTests {
  /// `x` is read by the first and the last op of a chain.
  private func chain(_ count: Int, cost: Int? = 10) throws -> Dataflow {
    var buffers = [Dataflow.Buffer(size: 0)]
    var ops: [Dataflow.Op] = []
    for index in 0...count {
      buffers.append(Dataflow.Buffer(size: 100))
      ops.append(Dataflow.Op(inputs: [index], outputs: [index + 1], cost: cost))
    }
    buffers.append(Dataflow.Buffer(size: 0, isResult: true))
    ops.append(Dataflow.Op(inputs: [1, count + 1], outputs: [count + 2]))
    return try Dataflow(buffers: buffers, ops: ops)
  }

  @Test func whatWaitsIsComputedAgain() throws {
    let graph = try chain(4)
    let order = Array(graph.ops.indices)
    let plan = planRecompute(graph, order: order, budget: 200)
    #expect(plan == RecomputePlan(sequence: [0, 1, 2, 3, 4, 0, 5], peak: 200, cost: 10))
    try validate(plan, for: graph)
    let roomy = planRecompute(graph, order: order, budget: 300)
    #expect(roomy.sequence == order && roomy.cost == 0 && roomy.peak == 300)
  }

  @Test func whatMustNotRunTwiceDoesNot() throws {
    let graph = try chain(4, cost: nil)
    let plan = planRecompute(graph, order: Array(graph.ops.indices), budget: 200)
    #expect(plan.sequence == Array(graph.ops.indices) && plan.peak == 300)
  }

  /// As little above the budget as was found.
  @Test func tooSmallBudgets() throws {
    let graph = try chain(4)
    let plan = planRecompute(graph, order: Array(graph.ops.indices), budget: 1)
    try validate(plan, for: graph)
    #expect(plan.peak <= 300)
  }

  private func drawn(_ seed: UInt64) throws -> Dataflow {
    var generator = SplitMix64(seed: seed)
    var buffers = [Dataflow.Buffer(size: 0)]
    var ops: [Dataflow.Op] = []
    for _ in 0..<20 {
      let inputs = Set((0..<2).map { _ in Int(generator.next() % UInt64(min(buffers.count, 12))) }.map { buffers.count - 1 - $0 })
      buffers.append(Dataflow.Buffer(size: 8 * Int(generator.next() % 20), isResult: generator.next() % 10 == 0))
      let input = inputs.sorted()[0]
      let isInPlace = generator.next() % 3 == 0
      ops.append(
        Dataflow.Op(
          inputs: inputs.sorted(), outputs: [buffers.count - 1],
          inPlace: isInPlace ? [Dataflow.InPlace(output: buffers.count - 1, input: input)] : [],
          scratch: Int(generator.next() % 9), cost: generator.next() % 4 == 0 ? nil : Int(generator.next() % 100)))
    }
    return try Dataflow(buffers: buffers, ops: ops)
  }

  @Test func drawnPlansHold() throws {
    var lower = 0
    for seed in 0..<12 as Range<UInt64> {
      let graph = try drawn(seed)
      let order = Array(graph.ops.indices)
      let all = planRecompute(graph, order: order, budget: .max)
      #expect(all.sequence == order)
      for budget in [all.peak - 1, all.peak * 3 / 4, all.peak / 2] {
        let plan = planRecompute(graph, order: order, budget: budget)
        try validate(plan, for: graph)
        if plan.peak < all.peak { lower += 1 }
      }
    }
    #expect(lower > 6)
  }

  @Test func wrongPlansAreFound() throws {
    let graph = try chain(3)
    let right = planRecompute(graph, order: Array(graph.ops.indices), budget: 200)
    var wrong: [RecomputePlan] = []
    for index in right.sequence.indices {
      var plan = right
      plan.sequence.remove(at: index)
      wrong.append(plan)
    }
    wrong += [1, -1].flatMap { [RecomputePlan(sequence: right.sequence, peak: right.peak + $0, cost: right.cost),
      RecomputePlan(sequence: right.sequence, peak: right.peak, cost: right.cost + $0)] }
    wrong.append(RecomputePlan(sequence: right.sequence + [4], peak: right.peak, cost: right.cost))
    wrong.append(RecomputePlan(sequence: [9] + right.sequence, peak: right.peak, cost: right.cost))
    for plan in wrong { #expect(throws: DiagnosticError.self) { try validate(plan, for: graph) } }
  }

  /// A window in parts: what its ops hand to each other takes a part of the memory.
  @Test func windowsInParts() throws {
    let graph = try chain(2)
    let split = WindowSplit(window: 1..<3, parts: 4, partialInputs: [[1], [2]])
    let changed = try graph.splitting(split, unit: 1) { graph.buffers[$0].size }
    #expect(changed.ops.count == 2 + 4 * 2)
    // The first value, the last, and a part of what lies between.
    #expect(changed.liveBytes() == [100, 125, 225, 225, 225, 225, 225, 225, 225, 200])
    #expect(throws: DiagnosticError.self) {
      try graph.splitting(WindowSplit(window: 1..<3, parts: 4, partialInputs: [[1], []]), unit: 1) { graph.buffers[$0].size }
    }
  }
}
