import ApusSupport

/// Looks for a placement that moves bytes in less time than the ops do as they are listed; never one that takes longer.
///
/// Actions are drawn by a fixed seed and kept where the cost does not rise: two neighbouring runs of ops are exchanged, a
/// buffer is written past the cache or no longer, a buffer is computed again before a use or no longer. The game is that
/// of Wang et al., "Optimizing memory mapping using deep reinforcement learning" (2023), played by local search.
///
/// - Parameter actions: what may be done; all by default.
public func searchPlacement(
  _ graph: Dataflow, _ costs: MemoryCosts, moves: Int, actions: Set<Placement.Action> = Set(Placement.Action.allCases)
) -> (placement: Placement, cost: Double, listed: Double) {
  var best = Placement(order: Array(graph.ops.indices))
  let listed = best.cost(of: graph, costs) ?? 0
  var cost = listed
  var generator = SplitMix64(seed: 1)
  let written = graph.buffers.indices.filter { graph.producers[$0] != nil }
  let again = graph.buffers.indices.flatMap { buffer -> [Placement.Recomputation] in
    guard let producer = graph.producers[buffer], graph.ops[producer].cost != nil else { return [] }
    return graph.consumers[buffer].map { Placement.Recomputation(buffer: buffer, reader: $0) }
  }
  let exchanges = RunExchanges(graph)
  for _ in 0..<moves {
    var next = best
    let draw = Int.random(in: 0..<4, using: &generator)
    let action: Placement.Action = draw == 0 ? .stream : draw == 1 ? .recompute : .order
    guard actions.contains(action) else { continue }
    switch action {
    case .stream:
      guard let buffer = written.randomElement(using: &generator) else { continue }
      if next.streamed.remove(buffer) == nil { next.streamed.insert(buffer) }
    case .recompute:
      guard let item = again.randomElement(using: &generator) else { continue }
      if next.recomputed.remove(item) == nil { next.recomputed.insert(item) }
    case .order:
      guard let order = exchanges.exchanged(best.order, using: &generator) else { continue }
      next.order = order
    }
    if let price = next.cost(of: graph, costs), price <= cost { (best, cost) = (next, price) }
  }
  return (best, cost, listed)
}
