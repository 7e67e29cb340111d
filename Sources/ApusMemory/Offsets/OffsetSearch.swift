/// Looks for a plan within a capacity by deciding, buffer by buffer, whether it lies as low as it can.
///
/// For each buffer that is not placed, `levels` holds a proven least offset and `support` the top of what is placed beneath it.
/// The search only looks for plans whose offsets have the least sum. In these each buffer lies at 0 or on another, so
/// - a buffer whose level is its support, and beneath which no other can still slip, either lies right there, and all its
///   neighbors above it (first branch), or lies on a neighbor that is not placed yet (second branch);
/// - the level of a buffer above its support is that of the lowest top of its neighbors: it *leans* on one of them;
/// - a buffer that leans is refuted when it could as well drop to its support, beneath all its neighbors to come.
///
/// A section is refuted when its lowest level and all that is not placed in it exceed the capacity. Where the last buffer that
/// reaches from one section to the next is placed, the rest falls apart and is searched one part after the other. When a buffer
/// was placed and lifted none, the second branch holds nothing new.
///
/// After Moffitt's MiniMalloc (sections, floors, decomposition, no siblings where nothing lies above), with the choice between
/// "here" and "higher" in place of the choice of the next buffer, as in Le Pape et al.'s set-times branching for schedules.
/// A search that ends without a plan and within its limits proves that there is none.
final class OffsetSearch {
  enum Outcome {
    case found
    /// There is no plan.
    case infeasible
    case limited
  }

  let map: SectionMap
  /// Placements tried since the search was made.
  private(set) var nodes = 0

  // What the search reads of the map, and its ranks.
  let sizes: FlatArray<Int32>
  let first: FlatArray<Int32>
  let last: FlatArray<Int32>
  let memberStarts: FlatArray<Int32>
  let members: FlatArray<Int32>
  let neighborStarts: FlatArray<Int32>
  let neighbors: FlatArray<Int32>
  let ranks: FlatArray<Int32>
  /// The next buffer of the same size and sections, in a circle.
  let twins: FlatArray<Int32>

  // Buffers.
  let levels: FlatArray<Int32>
  let support: FlatArray<Int32>
  let offsets: FlatArray<Int32>
  /// All buffers; those of a part that are not placed lie side by side.
  let list: FlatArray<Int32>
  let positions: FlatArray<Int32>

  // Sections.
  let floors: FlatArray<Int32>
  let totals: FlatArray<Int32>
  /// How many buffers that are not placed reach into the next section.
  let spans: FlatArray<Int32>

  // Propagation. No method holds one of these while it calls another, so that their accesses need no checks.
  let queue: FlatArray<Int32>
  let isQueued: FlatArray<Bool>
  @exclusivity(unchecked) var queueStart = 0
  @exclusivity(unchecked) var queueEnd = 0
  /// Who has come to lean on the way here; some may be placed by now, or lie on what is placed.
  let leaners: FlatArray<Int32>
  let isLeaner: FlatArray<Bool>
  @exclusivity(unchecked) var leanerCount: Int32 = 0
  let changedSections: FlatArray<Int32>
  @exclusivity(unchecked) var changedCount = 0
  let stamps: FlatArray<Int32>
  @exclusivity(unchecked) var stamp: Int32 = 0

  @exclusivity(unchecked) var capacity: Int32 = 0
  /// The positions in `list` of the part that is searched.
  @exclusivity(unchecked) var part: Range<Int32> = 0..<0
  /// Where the last attempt failed; -1 when none has.
  @exclusivity(unchecked) var failure: Int32 = -1
  @exclusivity(unchecked) var trail: [Change] = []
  private var frames: [Frame] = []
  private var strategy = SearchStrategy.portfolio[0]

  /// What is taken back when a decision is.
  enum Change {
    case level(Int32, old: Int32)
    case support(Int32, old: Int32)
    case floor(Int32, old: Int32)
    case placed(Int32)
    case leaner
  }

  private struct Frame {
    enum Stage { case split, start, here, higher }
    var stage: Stage
    var part: Range<Int32>
    var sections: Range<Int32>
    /// Where the part after the one that is searched begins; of a split.
    var next: Int32 = 0
    var buffer: Int32 = -1
    /// Whether placing the buffer lifted no other.
    var liftsNone = false
    var mark = 0
  }

  init(_ map: SectionMap) {
    let count = map.buffers.count
    self.map = map
    sizes = FlatArray(map.sizes)
    first = FlatArray(map.first)
    last = FlatArray(map.last)
    memberStarts = FlatArray(map.memberStarts)
    members = FlatArray(map.members)
    neighborStarts = FlatArray(map.neighborStarts)
    neighbors = FlatArray(map.neighbors)
    ranks = FlatArray(repeating: 0, count: count)
    twins = FlatArray(map.twins())
    levels = FlatArray(repeating: 0, count: count)
    support = FlatArray(repeating: 0, count: count)
    offsets = FlatArray(repeating: 0, count: count)
    list = FlatArray(repeating: 0, count: count)
    positions = FlatArray(repeating: 0, count: count)
    floors = FlatArray(repeating: 0, count: map.sectionCount)
    totals = FlatArray(repeating: 0, count: map.sectionCount)
    spans = FlatArray(repeating: 0, count: map.sectionCount)
    queue = FlatArray(repeating: 0, count: count + 1)
    isQueued = FlatArray(repeating: false, count: count)
    leaners = FlatArray(repeating: 0, count: count)
    isLeaner = FlatArray(repeating: false, count: count)
    changedSections = FlatArray(repeating: 0, count: map.sectionCount)
    stamps = FlatArray(repeating: 0, count: map.sectionCount)
  }

  /// The units up to the highest top of the plan that was found.
  var height: Int32 {
    var height: Int32 = 0
    for buffer in 0..<offsets.count { height = max(height, offsets[buffer] + sizes[buffer]) }
    return height
  }

  /// Searches within `capacity` units and `limit` placements; `offsets` hold the plan if one is found.
  func run(
    capacity: Int32, strategy: SearchStrategy, limit: Int, shouldStop: () -> Bool
  ) -> Outcome {
    self.capacity = capacity
    self.strategy = strategy
    reset()
    for section in 0..<totals.count where totals[section] > capacity { return .infeasible }
    let end = limit > .max - nodes ? .max : nodes + limit
    split(0..<Int32(offsets.count))
    var outcome: Outcome?
    while let frame = frames.last {
      let top = frames.count - 1
      switch frame.stage {
      case .split:
        if let outcome, outcome != .found { break }
        outcome = nil
        if openPart() { continue }
        outcome = .found
      case .start:
        if frame.part.isEmpty {
          outcome = .found
          break
        }
        if nodes >= end || (nodes & 1023 == 1023 && shouldStop()) {
          outcome = .limited
          break
        }
        nodes += 1
        part = frame.part
        frames[top].mark = trail.count
        frames[top].buffer = choose(in: frame)
        frames[top].stage = .here
        if let fallsApart = place(top) {
          let rest = frame.part.lowerBound..<frame.part.upperBound - 1
          if fallsApart {
            split(rest)
          } else {
            frames.append(Frame(stage: .start, part: rest, sections: frame.sections))
          }
        } else {
          outcome = .infeasible
        }
        continue
      case .here:
        undo(to: frame.mark)
        if outcome != .infeasible || frame.liftsNone { break }
        outcome = nil
        frames[top].stage = .higher
        part = frame.part
        if lift(frame.buffer) {
          frames.append(Frame(stage: .start, part: frame.part, sections: frame.sections))
        } else {
          outcome = .infeasible
        }
        continue
      case .higher:
        undo(to: frame.mark)
      }
      frames.removeLast()
    }
    return outcome ?? .found
  }
}

extension OffsetSearch {
  private func reset() {
    frames.removeAll(keepingCapacity: true)
    trail.removeAll(keepingCapacity: true)
    levels.fill(0)
    support.fill(0)
    floors.fill(0)
    spans.fill(0)
    isLeaner.fill(false)
    leanerCount = 0
    failure = -1
    for section in 0..<totals.count { totals[section] = map.totals[section] }
    for (buffer, rank) in strategy.order.ranks(in: map, disturbance: strategy.disturbance).enumerated() {
      ranks[buffer] = rank
      list[buffer] = Int32(buffer)
      positions[buffer] = Int32(buffer)
      for section in first[buffer]..<last[buffer] { spans[section] += 1 }
    }
  }

  /// Prepares to search the parts into which buffers fall that share no section, one after the other.
  private func split(_ range: Range<Int32>) {
    list.sort(Int(range.lowerBound)..<Int(range.upperBound)) { first[$0] < first[$1] }
    for position in range { positions[list[position]] = position }
    frames.append(Frame(stage: .split, part: range, sections: 0..<0, next: range.lowerBound))
  }

  /// Whether there is a next part; begins to search it.
  private func openPart() -> Bool {
    let frame = frames[frames.count - 1]
    guard frame.next < frame.part.upperBound else { return false }
    let begin = first[list[frame.next]]
    var reach = last[list[frame.next]]
    var end = frame.next + 1
    while end < frame.part.upperBound, first[list[end]] <= reach {
      reach = max(reach, last[list[end]])
      end += 1
    }
    frames[frames.count - 1].next = end
    frames.append(Frame(stage: .start, part: frame.next..<end, sections: begin..<reach + 1))
    return true
  }

  /// A buffer that lies either at its level, beneath all neighbors that are not placed, or higher.
  private func choose(in frame: Frame) -> Int32 {
    var candidate: Int32 = -1
    var lowest = UInt64.max
    func consider(_ buffer: Int32) {
      let key = UInt64(UInt32(bitPattern: levels[buffer])) << 32 | UInt64(UInt32(bitPattern: ranks[buffer]))
      if key < lowest { (lowest, candidate) = (key, buffer) }
    }
    guard let section = chooseSection(in: frame) else {
      for position in frame.part { consider(list[position]) }
      return candidate
    }
    for place in memberStarts[section]..<memberStarts[section + 1] where isOpen(members[place]) {
      consider(members[place])
    }
    // Down to one beneath which no neighbor can slip. Levels fall at each step, and what leans is not the last.
    while true {
      let chosen = candidate
      let level = levels[chosen]
      lowest = .max
      for place in neighborStarts[chosen]..<neighborStarts[chosen + 1] {
        let neighbor = neighbors[place]
        if isOpen(neighbor), levels[neighbor] + sizes[neighbor] <= level { consider(neighbor) }
      }
      if candidate == chosen { return chosen }
    }
  }

  /// The section in which the next buffer is looked for; nothing when any will do.
  private func chooseSection(in frame: Frame) -> Int32? {
    if strategy.followsFailures, frame.sections.contains(failure), totals[failure] > 0 { return failure }
    switch strategy.place {
    case .lowestLevel: return nil
    case .tightestSection: break
    }
    var chosen: Int32?
    var least = (room: Int32.max, floor: Int32.max)
    for section in frame.sections where totals[section] > 0 {
      let room = capacity - floors[section] - totals[section]
      if (room, floors[section]) < least {
        least = (room, floors[section])
        chosen = section
      }
    }
    return chosen
  }

  /// Puts the buffer of a frame at its level. Nothing when that is refuted, else whether the rest falls apart.
  private func place(_ top: Int) -> Bool? {
    let buffer = frames[top].buffer
    // To the end of the part, and out of it.
    let end = part.upperBound - 1
    let position = positions[buffer]
    list[position] = list[end]
    positions[list[position]] = position
    list[end] = buffer
    positions[buffer] = end
    part = part.lowerBound..<end
    offsets[buffer] = levels[buffer]
    let cutsApart = take(buffer)
    guard let liftsNone = settle(on: buffer) else {
      frames[top].liftsNone = false
      return nil
    }
    frames[top].liftsNone = liftsNone
    return propagate() ? cutsApart : nil
  }
}

extension SectionMap {
  /// For each buffer the next one with its size and sections, in a circle.
  fileprivate func twins() -> [Int32] {
    struct Key: Hashable { var first, last, size: Int32 }
    var groups: [Key: [Int32]] = [:]
    for index in buffers.indices {
      groups[Key(first: first[index], last: last[index], size: sizes[index]), default: []].append(Int32(index))
    }
    var twins = buffers.indices.map { Int32($0) }
    for group in groups.values {
      for (place, buffer) in group.enumerated() { twins[Int(buffer)] = group[(place + 1) % group.count] }
    }
    return twins
  }
}
