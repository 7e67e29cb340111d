/// Searches the sets of executed ops of a stretch of an order for a way through with the least peak.
///
/// A state is a set of executed ops that contains whatever its members need. What is alive depends on the set alone, so
/// two ways to the same set differ only in their peak, and a best-first search by peak finds the least one.
///
/// A run of ops, each needing the one before, is executed at once when it leaves no more alive than it found, no prefix of
/// it leaves less, and it stays within the peak that cannot be avoided anyway. Nothing is lost: what a set leaves alive
/// is submodular, so the run executed now leaves every later set at most what it would have been without.
struct OrderSearch {
  let space: OrderSpace
  let lower: Int
  let upper: Int
  /// No way through is below it, or it is of no use to be.
  let floor: Int
  private let words: Int

  /// Sets that were reached, one row each.
  private var keys: [UInt64] = []
  private var live: [Int] = []
  private var peaks: [Int] = []
  private var parents: [Int32] = []
  private var trails = OrderSpace.Rows()
  private var ready = OrderSpace.Rows()
  private var known: [UInt64: Int32] = [:]
  private var twins: [Int32] = []

  /// The set that is worked on.
  private var set: [UInt64]
  private var candidates: [Int] = []
  private var trail: [Int] = []
  private var chain: [Int] = []
  private var bytes = 0

  init(_ space: OrderSpace, _ stretch: Range<Int>, floor: Int) {
    self.space = space
    (lower, upper) = (stretch.lowerBound, stretch.upperBound)
    self.floor = floor
    words = (stretch.count + 63) / 64
    set = [UInt64](repeating: 0, count: words)
  }

  var states: Int { live.count }

  struct Outcome {
    /// Places in the order that they should be executed; nil if none below the limit was found.
    var order: [Int]?
    /// Its peak, or `floor` if that is higher.
    var peak = 0
    /// What no way through is below.
    var bound: Int
  }

  /// Looks for a way with a peak below `limit`, which is exact if the search ends before it has reached `states` sets.
  mutating func search(below limit: Int, from live: Int, states: Int) -> Outcome {
    forget()
    begin(live)
    var heap = OrderQueue()
    if let end = store(parent: -1, peak: floor) { return Outcome(order: path(to: end), peak: floor, bound: floor) }
    push(from: 0, below: limit, into: &heap)
    while let next = heap.pop() {
      if self.live.count >= states { return Outcome(order: nil, bound: min(next.peak, limit)) }
      load(next.parent)
      execute(next.op)
      settle(within: next.peak)
      let index = self.live.count
      if let end = store(parent: next.parent, peak: next.peak) {
        return Outcome(order: path(to: end), peak: next.peak, bound: next.peak)
      }
      if self.live.count > index { push(from: index, below: limit, into: &heap) }
    }
    return Outcome(order: nil, bound: limit)
  }

  /// Keeps the best `width` sets of each size.
  mutating func beam(below limit: Int, from live: Int, width: Int) -> Outcome {
    forget()
    begin(live)
    if let end = store(parent: -1, peak: floor) { return Outcome(order: path(to: end), peak: floor, bound: floor) }
    var layers = [OrderQueue](repeating: OrderQueue(), count: upper - lower + 1)
    var sizes = [executedCount()]
    var best: (peak: Int, state: Int)?
    pushByBytes(from: 0, below: limit, into: &layers[sizes[0]])
    for layer in layers.indices {
      var accepted = 0
      while accepted < width, let next = layers[layer].pop() {
        if next.peak >= min(limit, best?.peak ?? limit) { continue }
        load(next.parent)
        execute(next.op)
        settle(within: next.peak)
        let index = self.live.count
        let end = store(parent: next.parent, peak: next.peak)
        guard self.live.count > index else { continue }
        sizes.append(executedCount())
        if let end {
          best = (next.peak, end)
          continue
        }
        accepted += 1
        pushByBytes(from: index, below: limit, into: &layers[sizes[index]])
      }
      layers[layer] = OrderQueue()
    }
    return Outcome(order: best.map { path(to: $0.state) }, peak: best?.peak ?? 0, bound: floor)
  }
}

/// The sets and the ways to them
extension OrderSearch {
  private mutating func forget() {
    keys.removeAll(keepingCapacity: true)
    live.removeAll(keepingCapacity: true)
    peaks.removeAll(keepingCapacity: true)
    parents.removeAll(keepingCapacity: true)
    twins.removeAll(keepingCapacity: true)
    known.removeAll(keepingCapacity: true)
    (trails, ready) = (OrderSpace.Rows(), OrderSpace.Rows())
  }

  private mutating func begin(_ live: Int) {
    for word in 0..<words { set[word] = 0 }
    bytes = live
    trail.removeAll(keepingCapacity: true)
    candidates = (lower..<upper).filter { place in
      space.predecessors[place].allSatisfy { Int(space.predecessors.items[$0]) < lower }
    }
    settle(within: floor)
  }

  private func executedCount() -> Int { set.reduce(0) { $0 + $1.nonzeroBitCount } }

  /// Keeps the set that is worked on unless it is there already; its index if nothing is left to execute.
  private mutating func store(parent: Int, peak: Int) -> Int? {
    var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
    for word in set {
      hash = (hash ^ word) &* 0xFF51_AFD7_ED55_8CCD
      hash ^= hash >> 32
    }
    var other = known[hash] ?? -1
    while other >= 0 {
      if (0..<words).allSatisfy({ keys[Int(other) * words + $0] == set[$0] }) { return nil }
      other = twins[Int(other)]
    }
    let index = live.count
    twins.append(known[hash] ?? -1)
    known[hash] = Int32(index)
    keys.append(contentsOf: set)
    live.append(bytes)
    peaks.append(peak)
    parents.append(Int32(parent))
    trails.append(trail)
    ready.append(candidates)
    return candidates.isEmpty ? index : nil
  }

  private mutating func load(_ state: Int) {
    for word in 0..<words { set[word] = keys[state * words + word] }
    bytes = live[state]
    trail.removeAll(keepingCapacity: true)
    candidates.removeAll(keepingCapacity: true)
    for slot in ready[state] { candidates.append(Int(ready.items[slot])) }
  }

  private func path(to state: Int) -> [Int] {
    var runs: [[Int]] = []
    var index = state
    while index >= 0 {
      runs.append(trails[index].map { Int(trails.items[$0]) })
      index = Int(parents[index])
    }
    return runs.reversed().flatMap { $0 }
  }

  private func push(from state: Int, below limit: Int, into heap: inout OrderQueue) {
    let depth = executedCount()
    for op in candidates {
      let step = self.step(op)
      let peak = max(peaks[state], bytes + step.rise)
      if peak >= limit { continue }
      heap.push(OrderQueue.Entry(peak: peak, depth: depth, live: bytes + step.net, parent: state, op: op))
    }
  }

  private func pushByBytes(from state: Int, below limit: Int, into heap: inout OrderQueue) {
    for op in candidates {
      let step = self.step(op)
      let peak = max(peaks[state], bytes + step.rise)
      if peak >= limit { continue }
      heap.push(OrderQueue.Entry(peak: peak, depth: 0, live: bytes + step.net, parent: state, op: op))
    }
  }
}

/// Executing ops
extension OrderSearch {
  @inline(__always)
  private func isExecuted(_ place: Int) -> Bool {
    if place < lower { return true }
    if place >= upper { return false }
    let bit = place &- lower
    return set[bit >> 6] & (1 << UInt64(bit & 63)) != 0
  }

  /// Whether no op but `reader` is still to read the buffer.
  @inline(__always)
  private func isLast(_ reader: Int, of buffer: Int) -> Bool {
    for slot in space.consumers[buffer] {
      let place = Int(space.consumers.items[slot])
      if place != reader, !isExecuted(place) { return false }
    }
    return true
  }

  /// How much more is alive while the op runs, and after it.
  @inline(__always)
  private func step(_ op: Int) -> (rise: Int, net: Int) {
    var freed = 0
    for slot in space.inputs[op] {
      let buffer = Int(space.inputs.items[slot])
      if isLast(op, of: buffer) { freed += space.sizes[buffer] }
    }
    let shared = freed == 0 ? 0 : space.sharedBytes(op) { isLast(op, of: $0) }
    return (space.allocated[op] - shared, space.kept[op] - freed)
  }

  private mutating func mark(_ op: Int) {
    let bit = op - lower
    set[bit >> 6] |= 1 << UInt64(bit & 63)
  }

  private mutating func unmark(_ op: Int) {
    let bit = op - lower
    set[bit >> 6] &= ~(1 << UInt64(bit & 63))
  }

  private func isReady(_ op: Int) -> Bool {
    for slot in space.predecessors[op] where !isExecuted(Int(space.predecessors.items[slot])) { return false }
    return true
  }

  private mutating func execute(_ op: Int) {
    bytes += step(op).net
    mark(op)
    trail.append(op)
    if let position = candidates.firstIndex(of: op) { candidates.remove(at: position) }
    for slot in space.successors[op] {
      let next = Int(space.successors.items[slot])
      if next < upper, isReady(next) { candidates.append(next) }
    }
  }

  /// Executes what loses nothing as long as there is any.
  private mutating func settle(within peak: Int) {
    var position = 0
    var misses = 0
    while misses < candidates.count {
      if position >= candidates.count { position = 0 }
      let length = run(from: candidates[position], within: peak)
      if length == 0 {
        position += 1
        misses += 1
        continue
      }
      for index in 0..<length { execute(chain[index]) }
      misses = 0
    }
  }

  private static let longestRun = 24

  /// The length of the run from `first` on that may be executed at once, which is left in `chain`; or 0.
  private mutating func run(from first: Int, within peak: Int) -> Int {
    chain.removeAll(keepingCapacity: true)
    var change = 0
    var op = first
    var isSafe = false
    var marked = 0
    while chain.count < Self.longestRun {
      let step = self.step(op)
      if bytes + change + step.rise > peak { break }
      change += step.net
      chain.append(op)
      if change <= 0 {
        isSafe = true
        break
      }
      guard let next = successor(of: op) else { break }
      mark(op)
      marked += 1
      op = next
    }
    for index in 0..<marked { unmark(chain[index]) }
    return isSafe ? chain.count : 0
  }

  /// The one op that becomes ready by this one.
  private mutating func successor(of op: Int) -> Int? {
    mark(op)
    defer { unmark(op) }
    var found: Int?
    for slot in space.successors[op] {
      let next = Int(space.successors.items[slot])
      if next >= upper || !isReady(next) { continue }
      if found != nil { return nil }
      found = next
    }
    return found
  }
}
