import ApusSupport

/// Looks for an order of ops in which few bytes are moved under a budget, by exchanging runs of ops that do not depend on
/// each other. What an order costs is counted by Belady's rule.
struct SpillOrder {
  private let graph: Dataflow
  private let budget: Int
  private let uses: [[Int]]
  private let isStoredAnyway: [Bool]
  private let exchanges: RunExchanges
  private(set) var order: [Int]
  private(set) var cost: Cost

  /// Bytes that are moved, and, where orders move as many, what is alive added up over all steps.
  struct Cost: Comparable {
    var bytes: Int
    var area: Double

    static func < (a: Cost, b: Cost) -> Bool { (a.bytes, a.area) < (b.bytes, b.area) }
  }

  init(_ graph: Dataflow, order: [Int], budget: Int) {
    self.graph = graph
    self.budget = budget
    self.order = order
    uses = graph.ops.map { Array(Set($0.inputs).union($0.outputs)).sorted() }
    isStoredAnyway = graph.buffers.indices.map { graph.producers[$0] == nil || graph.buffers[$0].isResult }
    exchanges = RunExchanges(graph)
    cost = Cost(bytes: .max, area: 0)
    cost = self.cost(of: order)
  }

  /// Tries so many exchanges, drawn by a fixed seed.
  mutating func improve(moves: Int) {
    var generator = SplitMix64(seed: 1)
    guard order.count > 1, cost.bytes > 0 else { return }
    for _ in 0..<moves where cost.bytes > 0 {
      guard let other = exchanges.exchanged(order, using: &generator) else { continue }
      let price = cost(of: other)
      if price <= cost { (order, cost) = (other, price) }
    }
  }

  func cost(of order: [Int]) -> Cost {
    // The next use of each use, from the last step to the first.
    var next = [Int](repeating: .max, count: graph.buffers.count)
    var following = [[Int]](repeating: [], count: order.count)
    for (step, op) in order.enumerated().reversed() {
      following[step] = uses[op].map { next[$0] }
      for buffer in uses[op] { next[buffer] = step }
    }
    var waiting: [(buffer: Int, next: Int)] = []
    var waitingBytes = 0
    var isStored = isStoredAnyway
    var result = Cost(bytes: 0, area: 0)
    for (step, op) in order.enumerated() {
      waiting.removeAll {
        guard $0.next == step else { return false }
        waitingBytes -= graph.buffers[$0.buffer].size
        return true
      }
      var need = uses[op].reduce(graph.ops[op].scratch) { $0 + graph.buffers[$1].size }
      need -= shared(op, following[step])
      guard need <= budget else { return Cost(bytes: .max, area: 0) }
      result.area += Double(need + waitingBytes)
      while need + waitingBytes > budget {
        guard let place = waiting.indices.max(by: { waiting[$0].next < waiting[$1].next }) else { break }
        let buffer = waiting.remove(at: place).buffer
        let size = graph.buffers[buffer].size
        waitingBytes -= size
        result.bytes += isStored[buffer] ? size : 2 * size
        isStored[buffer] = true
      }
      for (buffer, next) in zip(uses[op], following[step]) where next < .max {
        waiting.append((buffer, next))
        waitingBytes += graph.buffers[buffer].size
      }
    }
    return result
  }

  private func shared(_ op: Int, _ following: [Int]) -> Int {
    if graph.ops[op].inPlace.isEmpty { return 0 }
    var taken: [Int] = []
    var bytes = 0
    for pair in graph.ops[op].inPlace where !taken.contains(pair.input) && !taken.contains(pair.output) {
      guard let place = uses[op].firstIndex(of: pair.input), following[place] == .max else { continue }
      let (input, output) = (graph.buffers[pair.input], graph.buffers[pair.output].size)
      guard !input.isResult, output <= input.size else { continue }
      taken += [pair.input, pair.output]
      bytes += output
    }
    return bytes
  }
}
