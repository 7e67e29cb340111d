/// Plans for very many buffers, in n log n steps.
extension Problem {
  /// Goes through time and gives each buffer the lowest free range as it begins, as an allocator does; or backwards, as it ends.
  func placeInTime(_ chosen: [Int], isReversed: Bool) -> GreedyPlan {
    var placement = GreedyPlan(offsets: [Int](repeating: 0, count: buffers.count), peak: 0)
    var free = FreeRanges()
    let events = events(of: chosen)
    for place in events.indices {
      let event = isReversed ? events[events.count - 1 - place] : events[place]
      let index = chosen[event.buffer]
      let room = room(index)
      if event.isStart != isReversed {
        placement.offsets[index] = free.take(room)
      } else {
        free.give(placement.offsets[index]..<placement.offsets[index] + room)
      }
    }
    placement.peak = free.peak
    return placement
  }

  /// Puts each buffer of `order` on top of all that it shares time with.
  func stack(_ order: [Int]) -> GreedyPlan {
    var placement = GreedyPlan(offsets: [Int](repeating: 0, count: buffers.count), peak: 0)
    let steps = order.flatMap { [buffers[$0].lower, buffers[$0].upper] }.sorted()
    var times: [Int] = []
    for step in steps where times.last != step { times.append(step) }
    func position(_ step: Int) -> Int {
      var (low, high) = (0, times.count)
      while low < high {
        let middle = (low + high) / 2
        if times[middle] < step { low = middle + 1 } else { high = middle }
      }
      return low
    }
    let skyline = Skyline(count: max(times.count - 1, 1))
    for index in order {
      let range = position(buffers[index].lower)..<position(buffers[index].upper)
      let offset = skyline.height(over: range)
      skyline.raise(range, to: offset + room(index))
      placement.offsets[index] = offset
      placement.peak = max(placement.peak, offset + room(index))
    }
    return placement
  }
}

/// The free ranges beneath the top of memory, by offset, in chunks that each know their longest.
private struct FreeRanges {
  private struct Chunk {
    var ranges: [Range<Int>]
    var longest: Int

    mutating func measure() { longest = ranges.reduce(0) { max($0, $1.count) } }
  }

  private static let mostInChunk = 256
  private var chunks: [Chunk] = []
  private var top = 0
  private(set) var peak = 0

  /// The lowest offset with `length` free bytes, which then are not free.
  mutating func take(_ length: Int) -> Int {
    if let chunk = chunks.firstIndex(where: { $0.longest >= length }),
      let place = chunks[chunk].ranges.firstIndex(where: { $0.count >= length })
    {
      let range = chunks[chunk].ranges[place]
      if range.count == length {
        chunks[chunk].ranges.remove(at: place)
      } else {
        chunks[chunk].ranges[place] = range.lowerBound + length..<range.upperBound
      }
      finish(chunk)
      return range.lowerBound
    }
    defer {
      top += length
      peak = max(peak, top)
    }
    return top
  }

  /// Frees a range that was taken.
  mutating func give(_ range: Range<Int>) {
    // The last chunk that begins below the range takes it in.
    var (low, high) = (0, chunks.count)
    while low < high {
      let middle = (low + high) / 2
      if chunks[middle].ranges[0].lowerBound < range.lowerBound { low = middle + 1 } else { high = middle }
    }
    let chunk = max(low - 1, 0)
    if chunks.isEmpty { chunks.append(Chunk(ranges: [], longest: 0)) }
    var joined = range
    // What follows may lie in the next chunk.
    if low < chunks.count, low > chunk, chunks[low].ranges[0].lowerBound == joined.upperBound {
      joined = joined.lowerBound..<chunks[low].ranges[0].upperBound
      chunks[low].ranges.removeFirst()
      finish(low)
    }
    var place = chunks[chunk].ranges.count
    (low, high) = (0, place)
    while low < high {
      let middle = (low + high) / 2
      if chunks[chunk].ranges[middle].lowerBound < joined.lowerBound { low = middle + 1 } else { high = middle }
    }
    place = low
    if place < chunks[chunk].ranges.count, chunks[chunk].ranges[place].lowerBound == joined.upperBound {
      joined = joined.lowerBound..<chunks[chunk].ranges[place].upperBound
      chunks[chunk].ranges.remove(at: place)
    }
    if place > 0, chunks[chunk].ranges[place - 1].upperBound == joined.lowerBound {
      joined = chunks[chunk].ranges[place - 1].lowerBound..<joined.upperBound
      chunks[chunk].ranges[place - 1] = joined
    } else if joined.upperBound == top {
      top = joined.lowerBound
      finish(chunk)
      return
    } else {
      chunks[chunk].ranges.insert(joined, at: place)
    }
    // A range that reaches the top is not kept.
    if let last = chunks[chunk].ranges.last, last.upperBound == top {
      top = last.lowerBound
      chunks[chunk].ranges.removeLast()
    }
    finish(chunk)
  }

  /// Measures a chunk that has changed, splits it when it is long, and drops it when it is empty.
  private mutating func finish(_ chunk: Int) {
    let count = chunks[chunk].ranges.count
    guard count > 0 else {
      chunks.remove(at: chunk)
      return
    }
    if count > Self.mostInChunk {
      var second = Chunk(ranges: Array(chunks[chunk].ranges[(count / 2)...]), longest: 0)
      second.measure()
      chunks[chunk].ranges.removeSubrange((count / 2)...)
      chunks.insert(second, at: chunk + 1)
    }
    chunks[chunk].measure()
  }
}

/// The top of what is stacked at each time, as a tree of maxima.
private struct Skyline: ~Copyable {
  private let highest: FlatArray<Int>
  /// What all of a node's times are at least.
  private let least: FlatArray<Int>
  private let leaves: Int

  init(count: Int) {
    var leaves = 1
    while leaves < count { leaves *= 2 }
    self.leaves = leaves
    highest = FlatArray(repeating: 0, count: 2 * leaves)
    least = FlatArray(repeating: 0, count: 2 * leaves)
  }

  func height(over range: Range<Int>) -> Int { height(over: range, node: 1, of: 0..<leaves) }

  func raise(_ range: Range<Int>, to height: Int) { raise(range, to: height, node: 1, of: 0..<leaves) }

  private func height(over range: Range<Int>, node: Int, of times: Range<Int>) -> Int {
    if range.lowerBound <= times.lowerBound && times.upperBound <= range.upperBound { return highest[node] }
    let middle = (times.lowerBound + times.upperBound) / 2
    var height = least[node]
    if range.lowerBound < middle {
      height = max(height, self.height(over: range, node: 2 * node, of: times.lowerBound..<middle))
    }
    if range.upperBound > middle {
      height = max(height, self.height(over: range, node: 2 * node + 1, of: middle..<times.upperBound))
    }
    return height
  }

  private func raise(_ range: Range<Int>, to height: Int, node: Int, of times: Range<Int>) {
    highest[node] = max(highest[node], height)
    if range.lowerBound <= times.lowerBound && times.upperBound <= range.upperBound {
      least[node] = max(least[node], height)
      return
    }
    let middle = (times.lowerBound + times.upperBound) / 2
    if range.lowerBound < middle { raise(range, to: height, node: 2 * node, of: times.lowerBound..<middle) }
    if range.upperBound > middle { raise(range, to: height, node: 2 * node + 1, of: middle..<times.upperBound) }
  }
}
