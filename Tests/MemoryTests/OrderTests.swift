import ApusMemory
import ApusSupport
import NetworkShapes
import Testing

@Suite struct OrderTests {
  /// The least peak of all orders, by trying each.
  private func leastPeak(_ graph: Dataflow) throws -> Int {
    let before = graph.ops.map { op in
      op.after + graph.ops.indices.filter { !graph.ops[$0].outputs.allSatisfy { !op.inputs.contains($0) } }
    }
    var best = Int.max
    var order: [Int] = []
    func extend() throws {
      if order.count == graph.ops.count { best = min(best, peak(of: order, graph)) }
      for op in graph.ops.indices where !order.contains(op) && before[op].allSatisfy(order.contains) {
        order.append(op)
        try extend()
        order.removeLast()
      }
    }
    try extend()
    return best
  }

  /// What the validator counts, which says so when it is told wrongly.
  private func peak(of order: [Int], _ graph: Dataflow) -> Int {
    let plan = OrderPlan(order: order, peak: -1, bound: -1, method: "", states: 0)
    do {
      try validate(plan, for: graph)
    } catch {
      let words = error.diagnostics[0].message.split(separator: " ")
      return words.compactMap { Int($0) }.last ?? -1
    }
    return -1
  }

  @Test(arguments: 0..<60) func smallGraphsAreOrderedWithTheLeastPeak(seed: Int) throws {
    let graph = try DrawnGraph.graph(5 + seed % 3, reach: 2 + seed % 5, seed: seed)
    let plan = planOrder(graph)
    try validate(plan, for: graph)
    let least = try leastPeak(graph)
    #expect(plan.peak == least)
    #expect(plan.bound == least)
  }

  /// Neither the beam nor repairs are needed for the proof, and the search without them finds the same.
  @Test(arguments: 0..<20) func effortsAgreeWhereEachIsProven(seed: Int) throws {
    let graph = try DrawnGraph.graph(30, reach: 4, seed: seed)
    let bare = planOrder(graph, effort: OrderEffort(states: 50_000, beam: 0, repairs: 0, cuts: 0))
    let full = planOrder(graph)
    try validate(bare, for: graph)
    try validate(full, for: graph)
    #expect(bare.isProven)
    #expect(full.bound <= bare.peak && bare.peak <= full.peak)
  }

  @Test(arguments: [(300, 6), (300, 40), (600, 3)])
  func largeGraphsAreNeverWorseThanListed(count: Int, reach: Int) throws {
    let graph = try DrawnGraph.graph(count, reach: reach, seed: count + reach)
    for effort in [
      OrderEffort(states: 0, beam: 0, repairs: 0, cuts: 0), OrderEffort(states: 100, beam: 1, repairs: 4, cuts: 4),
    ] {
      let plan = planOrder(graph, effort: effort)
      try validate(plan, for: graph)
      #expect(plan.peak <= peak(of: Array(graph.ops.indices), graph))
      #expect(plan == planOrder(graph, effort: effort))
    }
  }

  /// A cut through what must be alive is a bound that looking at each op alone does not give.
  @Test func minimumCutsRaiseTheBound() throws {
    var buffers = [Dataflow.Buffer(size: 10)]
    var ops: [Dataflow.Op] = []
    // Eight values that all have to be there before either of two ops, which the eight readers of the values wait for.
    for index in 1...8 {
      buffers.append(.init(size: 10))
      ops.append(.init(inputs: [0], outputs: [index]))
    }
    for index in 1...2 {
      buffers.append(.init(size: 1))
      ops.append(.init(inputs: [index], outputs: [8 + index], after: Array(0..<8)))
    }
    for index in 1...8 {
      buffers.append(.init(size: 1, isResult: true))
      ops.append(.init(inputs: [index, 9, 10], outputs: [10 + index]))
    }
    let graph = try Dataflow(buffers: buffers, ops: ops)
    let without = planOrder(graph, effort: OrderEffort(states: 0, beam: 0, repairs: 0, cuts: 0))
    let with = planOrder(graph, effort: OrderEffort(states: 0, beam: 0, repairs: 0, cuts: 100))
    try validate(with, for: graph)
    #expect(with.bound > without.bound)
    #expect(with.bound == 81)
  }

  /// The op that shrinks runs before the one that grows, and takes its input's memory.
  @Test func inPlaceOpsShareTheirInput() throws {
    let graph = try Dataflow(
      buffers: [.init(size: 100), .init(size: 100), .init(size: 300), .init(size: 10, isResult: true)],
      ops: [
        .init(inputs: [0], outputs: [1], inPlace: [.init(output: 1, input: 0)]),
        .init(inputs: [1], outputs: [2]), .init(inputs: [2], outputs: [3]),
      ])
    let plan = planOrder(graph)
    try validate(plan, for: graph)
    #expect(plan.order == [0, 1, 2])
    #expect(plan.peak == 400)
    #expect(plan.isProven)
  }

  @Test func graphsWithoutOpsHaveAnOrder() throws {
    let graph = try Dataflow(buffers: [.init(size: 5, isResult: true), .init(size: 7)], ops: [])
    let plan = planOrder(graph)
    try validate(plan, for: graph)
    #expect(plan.peak == 5)
    #expect(plan.isProven)
  }

  @Test func validatorRejectsFaultyOrders() throws {
    let graph = try DrawnGraph.graph(40, reach: 5, seed: 7)
    let good = planOrder(graph)
    try validate(good, for: graph)
    var generator = SplitMix64(seed: 1)
    var rejected = 0
    for round in 0..<1_000 {
      var bad = good
      let (a, b) = (Int.random(in: 0..<40, using: &generator), Int.random(in: 0..<40, using: &generator))
      switch round % 5 {
      case 0: bad.order[a] = bad.order[(a + 1) % 40]
      case 1: bad.peak -= 1 + a
      case 2: bad.bound = bad.peak + 1 + a
      case 3: bad.order.remove(at: a)
      case 4:
        // Moved to before what it needs.
        let movable = graph.ops.indices.filter { op in graph.ops[op].inputs.contains { $0 > 0 } }
        bad.order.removeAll { $0 == movable[b % movable.count] }
        bad.order.insert(movable[b % movable.count], at: 0)
      case _: break
      }
      if id({ try validate(bad, for: graph) }) == "memory.invalid" { rejected += 1 }
    }
    #expect(rejected == 1_000)
  }

  @Test func faultyGraphsAreRefused() {
    let one = [Dataflow.Buffer(size: 1), Dataflow.Buffer(size: 1)]
    func refuse(_ buffers: [Dataflow.Buffer], _ ops: [Dataflow.Op]) -> String? {
      id { _ = try Dataflow(buffers: buffers, ops: ops) }
    }
    #expect(refuse([.init(size: -1)], []) == "memory.problem")
    #expect(refuse([.init(size: .max), .init(size: 2)], []) == "memory.overflow")
    #expect(refuse(one, [.init(inputs: [2], outputs: [])]) == "memory.problem")
    #expect(refuse(one, [.init(inputs: [], outputs: [-1])]) == "memory.problem")
    #expect(refuse(one, [.init(inputs: [], outputs: [1, 1])]) == "memory.problem")
    #expect(refuse(one, [.init(inputs: [1], outputs: [0]), .init(inputs: [], outputs: [1])]) == "memory.problem")
    #expect(refuse(one, [.init(inputs: [], outputs: [], after: [0])]) == "memory.problem")
    #expect(refuse(one, [.init(inputs: [0], outputs: [1], inPlace: [.init(output: 0, input: 1)])]) == "memory.problem")
  }
}
