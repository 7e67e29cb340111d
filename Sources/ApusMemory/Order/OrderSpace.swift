/// A graph as the search for an order reads it: ops are named by their place in an order that is already known, so that
/// what runs before a stretch of it is all that comes before, and rows lie flat.
struct OrderSpace {
  /// The op of the graph at each place.
  let order: [Int]
  let sizes: [Int]
  /// The place that writes each buffer; -1 for what is there from the start.
  let producers: [Int]
  let inputs: Rows
  /// Pairs of output and input, as positions of buffers, two entries each.
  let inPlace: Rows
  let predecessors: Rows
  let successors: Rows
  /// The places that read each buffer; `count`, which never runs, for what has to stay.
  let consumers: Rows
  /// Outputs and scratch of each op.
  let allocated: [Int]
  /// Outputs of each op that outlive it.
  let kept: [Int]
  /// What is alive before anything runs.
  let initial: Int
  /// Whether each buffer is there from the first op to the last, and the bytes that are, whatever the order.
  let isPermanent: [Bool]
  let permanent: Int

  /// Lists of numbers behind one another.
  struct Rows {
    var starts: [Int32] = [0]
    var items: [Int32] = []

    mutating func append(_ row: some Sequence<Int>) {
      for item in row { items.append(Int32(item)) }
      starts.append(Int32(items.count))
    }

    @inline(__always) subscript(row: Int) -> Range<Int> { Int(starts[row])..<Int(starts[row + 1]) }
  }

  var count: Int { order.count }

  init(_ graph: Dataflow, order: [Int]) {
    var places = [Int](repeating: 0, count: order.count)
    for (place, op) in order.enumerated() { places[op] = place }
    self.order = order
    let sizes = graph.buffers.map(\.size)
    self.sizes = sizes
    producers = graph.producers.map { $0.map { places[$0] } ?? -1 }
    var consumers = Rows()
    var initial = 0
    var permanent = 0
    isPermanent = graph.buffers.indices.map { graph.buffers[$0].isResult && graph.producers[$0] == nil }
    for (buffer, row) in graph.buffers.enumerated() {
      consumers.append(graph.consumers[buffer].map { places[$0] } + (row.isResult ? [order.count] : []))
      guard graph.producers[buffer] == nil else { continue }
      if row.isResult { permanent += row.size }
      if row.isResult || !graph.consumers[buffer].isEmpty { initial += row.size }
    }
    var (inputs, inPlace, predecessors) = (Rows(), Rows(), Rows())
    var successorLists = [[Int]](repeating: [], count: order.count)
    var allocated: [Int] = []
    var kept: [Int] = []
    for (place, index) in order.enumerated() {
      let op = graph.ops[index]
      var seen: [Int] = []
      for input in op.inputs where !seen.contains(input) { seen.append(input) }
      inputs.append(seen)
      inPlace.append(
        op.inPlace.filter { sizes[$0.output] <= sizes[$0.input] && !graph.buffers[$0.input].isResult }
          .flatMap { [$0.output, $0.input] })
      let before = graph.predecessors[index].map { places[$0] }
      predecessors.append(before)
      for other in before { successorLists[other].append(place) }
      allocated.append(op.outputs.reduce(op.scratch) { $0 + sizes[$1] })
      kept.append(
        op.outputs.reduce(0) { sum, output in
          let outlives = graph.buffers[output].isResult || !graph.consumers[output].isEmpty
          return sum + (outlives ? sizes[output] : 0)
        })
    }
    var successors = Rows()
    for list in successorLists { successors.append(list) }
    (self.consumers, self.inputs, self.inPlace) = (consumers, inputs, inPlace)
    (self.predecessors, self.successors) = (predecessors, successors)
    (self.allocated, self.kept) = (allocated, kept)
    (self.initial, self.permanent) = (initial, permanent)
  }

  /// What each op needs at the least: its inputs, outputs and scratch, all that can be shared being shared.
  func needs() -> [Int] {
    order.indices.map { place in
      var need = allocated[place] + permanent
      for slot in inputs[place] {
        let buffer = Int(inputs.items[slot])
        if !isPermanent[buffer] { need += sizes[buffer] }
      }
      return need - sharedBytes(place) { _ in true }
    }
  }

  /// Bytes of outputs that lie where inputs did, where `dies` tells which inputs no later op reads.
  @inline(__always)
  func sharedBytes(_ place: Int, dies: (Int) -> Bool) -> Int {
    let pairs = inPlace[place]
    if pairs.isEmpty { return 0 }
    var shared = 0
    var chosen: UInt64 = 0
    for pair in 0..<pairs.count / 2 {
      let slot = pairs.lowerBound + 2 * pair
      let (output, input) = (inPlace.items[slot], inPlace.items[slot + 1])
      guard dies(Int(input)) else { continue }
      var isTaken = false
      for earlier in 0..<pair where chosen & 1 << UInt64(earlier) != 0 {
        let other = pairs.lowerBound + 2 * earlier
        if inPlace.items[other] == output || inPlace.items[other + 1] == input { isTaken = true }
      }
      if isTaken { continue }
      chosen |= 1 << UInt64(pair)
      shared += sizes[Int(output)]
    }
    return shared
  }
}

/// What is alive along the order as it is
extension OrderSpace {
  struct Profile {
    /// The bytes alive before each op.
    var before: [Int]
    /// The bytes alive while each op runs.
    var during: [Int]

    var peak: Int { during.max() ?? 0 }
  }

  func profile() -> Profile {
    var result = Profile(before: [], during: [])
    var live = initial
    for place in order.indices {
      var freed = 0
      for slot in inputs[place] {
        let buffer = Int(inputs.items[slot])
        if lastReader(of: buffer) == place { freed += sizes[buffer] }
      }
      result.before.append(live)
      result.during.append(live + allocated[place] - sharedBytes(place) { lastReader(of: $0) == place })
      live += kept[place] - freed
    }
    return result
  }

  private func lastReader(of buffer: Int) -> Int {
    consumers[buffer].reduce(-1) { max($0, Int(consumers.items[$1])) }
  }

  /// Stretches that can be ordered one by one: they end where one op runs before or after every other op, and that op is
  /// a stretch of its own.
  func stretches() -> [Range<Int>] {
    // All before an op are needed by it if none of them is a sink among them; all after it need it if none of them is a
    // source among them.
    var isWaited = [Bool](repeating: false, count: count)
    var follows = [Bool](repeating: false, count: count)
    var open = 0
    var lastSinks = [Bool](repeating: false, count: count)
    for place in 0..<count {
      for slot in predecessors[place] {
        let other = Int(predecessors.items[slot])
        if !isWaited[other] { open -= 1 }
        isWaited[other] = true
      }
      open += 1
      lastSinks[place] = open == 1
    }
    open = 0
    var cuts: [Int] = []
    for place in (0..<count).reversed() {
      for slot in successors[place] {
        let other = Int(successors.items[slot])
        if !follows[other] { open -= 1 }
        follows[other] = true
      }
      open += 1
      if open == 1, lastSinks[place] { cuts.append(place) }
    }
    var result: [Range<Int>] = []
    var start = 0
    for cut in cuts.reversed() {
      if start < cut { result.append(start..<cut) }
      result.append(cut..<cut + 1)
      start = cut + 1
    }
    if start < count { result.append(start..<count) }
    return result
  }
}
