/// What is alive along a sequence of ops of which some run more than once.
struct RunProfile {
  /// A buffer from the run that writes it, or from the start, to the last that reads it before it is written again.
  struct Episode {
    var buffer: Int
    /// −1 for what is there from the start.
    var start: Int
    var end: Int
  }

  let sequence: [Int]
  private(set) var episodes: [Episode] = []
  /// The bytes alive at each step.
  private(set) var during: [Int] = []
  private(set) var peak = 0

  init(_ graph: Dataflow, _ sequence: [Int]) {
    self.sequence = sequence
    var current = [Int](repeating: -1, count: graph.buffers.count)
    for buffer in graph.buffers.indices where graph.producers[buffer] == nil {
      current[buffer] = episodes.count
      episodes.append(Episode(buffer: buffer, start: -1, end: -1))
    }
    // The episodes that pairs in place read, in the order in which they are met.
    var pairEpisodes: [Int] = []
    for (step, op) in sequence.enumerated() {
      for input in graph.ops[op].inputs where current[input] >= 0 { episodes[current[input]].end = step }
      for pair in graph.ops[op].inPlace { pairEpisodes.append(current[pair.input]) }
      for output in graph.ops[op].outputs {
        current[output] = episodes.count
        episodes.append(Episode(buffer: output, start: step, end: step))
      }
    }
    for buffer in graph.buffers.indices where graph.buffers[buffer].isResult && current[buffer] >= 0 {
      episodes[current[buffer]].end = max(sequence.count - 1, episodes[current[buffer]].end)
    }
    var changes = [Int](repeating: 0, count: sequence.count + 1)
    for episode in episodes where episode.end >= 0 {
      changes[max(episode.start, 0)] += graph.buffers[episode.buffer].size
      changes[episode.end + 1] -= graph.buffers[episode.buffer].size
    }
    var live = 0
    var pairCount = 0
    for (step, op) in sequence.enumerated() {
      live += changes[step]
      let row = graph.ops[op]
      var shared = 0
      var taken: [Int] = []
      for pair in row.inPlace {
        let episode = pairEpisodes[pairCount]
        pairCount += 1
        guard episode >= 0, episodes[episode].end == step, !taken.contains(pair.input), !taken.contains(pair.output) else { continue }
        let (input, output) = (graph.buffers[pair.input], graph.buffers[pair.output])
        guard output.size <= input.size, !input.isResult else { continue }
        shared += output.size
        taken += [pair.input, pair.output]
      }
      during.append(live + row.scratch - shared)
    }
    peak = during.max() ?? graph.buffers.reduce(0) { $0 + ($1.isResult ? $1.size : 0) }
  }

  /// Bytes above `budget`, added up over all steps.
  func excess(over budget: Int) -> Int { during.reduce(0) { $0 + max(0, $1 - budget) } }
}
