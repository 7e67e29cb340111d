/// The least that can be alive while an op runs, whatever ran before it that need not run after it.
///
/// What a set of executed ops leaves alive is a cut: a buffer costs its size where its producer has run and one of its
/// readers has not. A minimum cut between what must have run and what cannot have is found by augmenting paths.
func leastAlive(during place: Int, in space: OrderSpace) -> Int {
  var before = [Bool](repeating: false, count: space.count)
  var after = [Bool](repeating: false, count: space.count)
  spread(from: place, along: space.predecessors, into: &before)
  spread(from: place, along: space.successors, into: &after)

  // Nodes: what may run before or after is a node of its own; 0 stands for what has run, 1 for what has not.
  var nodes = [Int](repeating: 1, count: space.count + 1)
  var count = 2
  for other in 0..<space.count {
    if before[other] {
      nodes[other] = 0
    } else if !after[other], other != place {
      nodes[other] = count
      count += 1
    }
  }
  var network = FlowNetwork(nodes: count)
  // What runs later cannot run before what it needs.
  for other in 0..<space.count where nodes[other] > 1 {
    for slot in space.predecessors[other] {
      let needed = nodes[Int(space.predecessors.items[slot])]
      if needed != 0 { network.connect(nodes[other], needed, FlowNetwork.unbounded) }
    }
  }
  var isInput = [Bool](repeating: false, count: space.sizes.count)
  for slot in space.inputs[place] { isInput[Int(space.inputs.items[slot])] = true }
  var always = 0
  for buffer in space.sizes.indices {
    let producer = space.producers[buffer]
    // The op's own outputs are counted with it.
    if producer == place || space.sizes[buffer] == 0 { continue }
    let from = producer < 0 ? 0 : nodes[producer]
    let readers = Set(space.consumers[buffer].map { nodes[Int(space.consumers.items[$0])] })
    if readers.isEmpty || from == 1 { continue }
    if isInput[buffer] || (from == 0 && readers.contains(1)) {
      always += space.sizes[buffer]
      continue
    }
    if readers == [from] { continue }
    let middle = network.add()
    network.connect(from, middle, space.sizes[buffer])
    for reader in readers where reader != 0 { network.connect(middle, reader, FlowNetwork.unbounded) }
  }
  let shared = space.sharedBytes(place) { _ in true }
  return always + network.flow(from: 0, to: 1) + space.allocated[place] - shared
}

private func spread(from place: Int, along rows: OrderSpace.Rows, into marks: inout [Bool]) {
  var open = [place]
  while let next = open.popLast() {
    for slot in rows[next] where !marks[Int(rows.items[slot])] {
      marks[Int(rows.items[slot])] = true
      open.append(Int(rows.items[slot]))
    }
  }
}

/// A network of pipes, for Dinic's algorithm.
private struct FlowNetwork {
  static let unbounded = Int.max / 4
  private var heads: [Int]
  private var next: [Int] = []
  private var targets: [Int] = []
  private var room: [Int] = []

  init(nodes: Int) { heads = [Int](repeating: -1, count: nodes) }

  mutating func add() -> Int {
    heads.append(-1)
    return heads.count - 1
  }

  mutating func connect(_ from: Int, _ to: Int, _ capacity: Int) {
    for (a, b, size) in [(from, to, capacity), (to, from, 0)] {
      targets.append(b)
      room.append(size)
      next.append(heads[a])
      heads[a] = targets.count - 1
    }
  }

  mutating func flow(from source: Int, to sink: Int) -> Int {
    var total = 0
    while true {
      var levels = [Int](repeating: -1, count: heads.count)
      levels[source] = 0
      var queue = [source]
      var first = 0
      while first < queue.count {
        let node = queue[first]
        first += 1
        var pipe = heads[node]
        while pipe >= 0 {
          if room[pipe] > 0, levels[targets[pipe]] < 0 {
            levels[targets[pipe]] = levels[node] + 1
            queue.append(targets[pipe])
          }
          pipe = next[pipe]
        }
      }
      if levels[sink] < 0 { return total }
      var current = heads
      while true {
        let pushed = push(from: source, to: sink, levels, &current)
        if pushed == 0 { break }
        total += pushed
      }
    }
  }

  /// One path, found without recursion: graphs are as deep as they are long.
  private mutating func push(from source: Int, to sink: Int, _ levels: [Int], _ current: inout [Int]) -> Int {
    var path: [Int] = []
    var node = source
    while node != sink {
      let pipe = current[node]
      if pipe >= 0 {
        if room[pipe] > 0, levels[targets[pipe]] == levels[node] + 1 {
          path.append(pipe)
          node = targets[pipe]
        } else {
          current[node] = next[pipe]
        }
        continue
      }
      guard let last = path.popLast() else { return 0 }
      node = targets[last ^ 1]
      current[node] = next[last]
    }
    let amount = path.reduce(Self.unbounded) { min($0, room[$1]) }
    for pipe in path {
      room[pipe] -= amount
      room[pipe ^ 1] += amount
    }
    return amount
  }
}
