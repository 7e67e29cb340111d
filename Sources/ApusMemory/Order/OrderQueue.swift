/// Ops to execute next, the one with the lowest peak first, then the one whose set is the largest, then what leaves the
/// least alive.
struct OrderQueue {
  struct Entry {
    var peak: Int
    var depth: Int
    var live: Int
    var parent: Int
    var op: Int

    @inline(__always)
    func precedes(_ other: Entry) -> Bool {
      if peak != other.peak { return peak < other.peak }
      if depth != other.depth { return depth > other.depth }
      if live != other.live { return live < other.live }
      // The latest first, so that ties are followed to their end.
      if parent != other.parent { return parent > other.parent }
      return op < other.op
    }
  }

  private var entries: [Entry] = []

  mutating func push(_ entry: Entry) {
    entries.append(entry)
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard entries[child].precedes(entries[parent]) else { break }
      entries.swapAt(child, parent)
      child = parent
    }
  }

  mutating func pop() -> Entry? {
    guard let last = entries.popLast() else { return nil }
    guard let first = entries.first else { return last }
    entries[0] = last
    var parent = 0
    while true {
      var child = 2 * parent + 1
      if child >= entries.count { break }
      if child + 1 < entries.count, entries[child + 1].precedes(entries[child]) { child += 1 }
      guard entries[child].precedes(entries[parent]) else { break }
      entries.swapAt(child, parent)
      parent = child
    }
    return first
  }
}
