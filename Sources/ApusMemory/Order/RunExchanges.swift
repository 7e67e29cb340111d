/// Exchanges of neighbouring runs of ops in an order.
struct RunExchanges {
  private let successors: [Set<Int>]

  init(_ graph: Dataflow) {
    var successors = [Set<Int>](repeating: [], count: graph.ops.count)
    for (op, before) in graph.predecessors.enumerated() {
      for other in before { successors[other].insert(op) }
    }
    self.successors = successors
  }

  /// The order with two neighbouring runs exchanged, drawn by `generator`; nil if one depends on the other.
  func exchanged(_ order: [Int], using generator: inout some RandomNumberGenerator) -> [Int]? {
    guard order.count > 1 else { return nil }
    let longest = min(order.count, 1 << Int.random(in: 1...6, using: &generator))
    let start = Int.random(in: 0..<order.count - 1, using: &generator)
    let middle = min(order.count - 1, start + Int.random(in: 1...longest, using: &generator))
    let end = min(order.count, middle + Int.random(in: 1...longest, using: &generator))
    guard start < middle else { return nil }
    let second = order[middle..<end]
    for op in order[start..<middle] where second.contains(where: successors[op].contains) { return nil }
    return Array(order[..<start] + second + order[start..<middle] + order[end...])
  }
}
