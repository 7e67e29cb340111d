/// Has ops run again where that keeps what is alive within `budget` bytes, at little cost; as little above it as was found where
/// nothing keeps it within.
///
/// - Parameter order: positions of all ops, in an order in which they can run.
///
/// Greedy: while too much is alive at some step, one of the buffers that wait there for a later reader is dropped and computed again
/// just before that reader, together with what that takes and is not there: whatever saves the most for its cost. At the end,
/// runs that turn out to be needless go. Follows the idea of Chen et al., "Training deep nets with sublinear memory cost" (2016).
public func planRecompute(_ graph: Dataflow, order: [Int], budget: Int) -> RecomputePlan {
  var search = RecomputeSearch(graph, order: order, budget: budget)
  search.run()
  return search.plan
}

private struct RecomputeSearch {
  let graph: Dataflow
  let budget: Int
  var profile: RunProfile
  var excess: Int

  /// How far back what is computed again may reach.
  private static let depths = [0, 1, 2, 3, 4, 6, 8, 12]
  /// Runs more than the ops that there are.
  private static let mostRepeats = 1_000

  init(_ graph: Dataflow, order: [Int], budget: Int) {
    self.graph = graph
    self.budget = budget
    profile = RunProfile(graph, order)
    excess = profile.excess(over: budget)
  }

  var plan: RecomputePlan {
    RecomputePlan(sequence: profile.sequence, peak: profile.peak, cost: cost(of: profile.sequence))
  }

  func cost(of sequence: [Int]) -> Int {
    var isKnown = [Bool](repeating: false, count: graph.ops.count)
    var cost = 0
    for op in sequence {
      if isKnown[op] { cost += graph.ops[op].cost ?? 0 }
      isKnown[op] = true
    }
    return cost
  }

  mutating func run() {
    while excess > 0, profile.sequence.count < graph.ops.count + Self.mostRepeats {
      guard let better = bestRepeat() else { break }
      excess = better.excess(over: budget)
      profile = better
    }
    dropNeedless()
  }

  /// The sequence with the repeat that saves the most for its cost, nil if none saves anything.
  private func bestRepeat() -> RunProfile? {
    var best: (profile: RunProfile, saved: Double)?
    for step in highestSteps() {
      for episode in profile.episodes where episode.start < step && step < episode.end && episode.start >= 0 {
        guard graph.buffers[episode.buffer].size > 0, let reader = reader(of: episode.buffer, after: step, until: episode.end) else {
          continue
        }
        var tried: Set<[Int]> = []
        for depth in Self.depths {
          guard let chain = chain(for: episode.buffer, before: reader, depth: depth), tried.insert(chain).inserted else { continue }
          var sequence = profile.sequence
          sequence.insert(contentsOf: chain, at: reader)
          let changed = RunProfile(graph, sequence)
          let saved = excess - changed.excess(over: budget)
          guard saved > 0 else { continue }
          let value = Double(saved) / Double(1 + chain.reduce(0) { $0 + (graph.ops[$1].cost ?? 0) })
          if best.map({ value > $0.saved }) ?? true { best = (changed, value) }
        }
      }
      if best != nil { break }
    }
    return best?.profile
  }

  /// Steps at which too much is alive, the highest first, those of one height from the start.
  private func highestSteps() -> [Int] {
    let over = profile.during.indices.filter { profile.during[$0] > budget }
    return Array(over.sorted { (-profile.during[$0], $0) < (-profile.during[$1], $1) }.prefix(4))
  }

  /// The first step after `step` that reads the buffer; nil if the step itself does.
  private func reader(of buffer: Int, after step: Int, until end: Int) -> Int? {
    if graph.ops[profile.sequence[step]].inputs.contains(buffer) { return nil }
    return (step + 1...end).first { graph.ops[profile.sequence[$0]].inputs.contains(buffer) }
  }

  /// The ops that run again, in order, so that the buffer is there anew before a step: at most `depth` of them one behind another
  /// before the one that writes it. What else they read is kept until then. Nil if one of them must not run twice.
  private func chain(for buffer: Int, before step: Int, depth: Int) -> [Int]? {
    var chain: [Int] = []
    var isChosen: Set<Int> = []
    func choose(_ buffer: Int, _ depth: Int) -> Bool {
      guard let op = graph.producers[buffer], graph.isRepeatable(op) else { return false }
      if isChosen.contains(op) { return true }
      for input in graph.ops[op].inputs.sorted() where graph.buffers[input].size > 0 && !isAlive(input, at: step) {
        guard let producer = graph.producers[input], !isChosen.contains(producer) else { continue }
        if depth > 0, graph.isRepeatable(producer) { guard choose(input, depth - 1) else { return false } }
      }
      isChosen.insert(op)
      chain.append(op)
      return true
    }
    return choose(buffer, depth) ? chain : nil
  }

  private func isAlive(_ buffer: Int, at step: Int) -> Bool {
    // A step reads what was written last before it.
    guard let episode = profile.episodes.last(where: { $0.buffer == buffer && $0.start < step }) else { return false }
    return episode.end >= step
  }

  /// Leaves out repeats without which no more is alive than may be, the dearest first.
  private mutating func dropNeedless() {
    var isKnown = [Bool](repeating: false, count: graph.ops.count)
    var repeats: [(place: Int, cost: Int)] = []
    for (place, op) in profile.sequence.enumerated() {
      if isKnown[op] { repeats.append((place, graph.ops[op].cost ?? 0)) }
      isKnown[op] = true
    }
    var removed: Set<Int> = []
    for place in repeats.sorted(by: { ($0.cost, $0.place) > ($1.cost, $1.place) }).map(\.place) {
      let sequence = profile.sequence.indices.filter { !removed.contains($0) && $0 != place }.map { profile.sequence[$0] }
      let changed = RunProfile(graph, sequence)
      if changed.excess(over: budget) <= excess, changed.peak <= max(budget, profile.peak) { removed.insert(place) }
    }
    if removed.isEmpty { return }
    profile = RunProfile(graph, profile.sequence.indices.filter { !removed.contains($0) }.map { profile.sequence[$0] })
    excess = profile.excess(over: budget)
  }
}
