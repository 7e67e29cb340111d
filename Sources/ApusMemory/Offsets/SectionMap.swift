/// A problem as the search sees it: time cut into sections, sizes in the largest unit that divides them all.
///
/// A section is a largest set of buffers that are alive together. Two buffers overlap in time exactly if they share a section,
/// each buffer's sections follow one another, and where no buffer reaches from one section to the next the problem falls apart.
/// Moffitt, "MiniMalloc: A lightweight memory allocator for hardware-accelerated machine learning" (2023).
struct SectionMap {
  /// The problem's buffers that need memory at some time; all else is counted by position in it.
  let buffers: [Int]
  /// Bytes. Offsets of a plan in which nothing can be moved down are sums of sizes, so multiples of it.
  let unit: Int
  let sizes: [Int32]
  /// The first and the last section of each.
  let first: [Int32]
  let last: [Int32]
  /// The lifetimes in steps.
  let lengths: [Int]
  let sectionCount: Int
  /// Who is alive in section `s`: `members[memberStarts[s]..<memberStarts[s + 1]]`.
  let memberStarts: [Int32]
  let members: [Int32]
  /// Who shares time with buffer `b`: `neighbors[neighborStarts[b]..<neighborStarts[b + 1]]`.
  let neighborStarts: [Int32]
  let neighbors: [Int32]
  /// The units that are alive in each section.
  let totals: [Int32]

  /// The most pairs of buffers that overlap in time, and buffers summed over sections, that are worth their memory.
  static let mostPairs = 20_000_000

  /// Nothing when there are too many buffers for a search, or numbers that do not fit its 32 bits.
  init?(_ problem: Problem, mostPairs: Int = Self.mostPairs) {
    let buffers = problem.buffers.indices.filter { problem.needsMemory($0) }
    let unit = buffers.reduce(0) { greatestCommonDivisor($0, problem.room($1)) }
    let sum = buffers.reduce(0) { $0 + problem.room($1) }
    // Levels are compared after a size was added to them.
    guard unit > 0, sum / unit < 1 << 29, buffers.count < 1 << 24 else { return nil }
    self.buffers = buffers
    self.unit = unit
    sizes = buffers.map { Int32(problem.room($0) / unit) }
    lengths = buffers.map {
      let (length, overflow) = problem.buffers[$0].upper.subtractingReportingOverflow(problem.buffers[$0].lower)
      return overflow ? .max : length
    }

    var first = [Int32](repeating: 0, count: buffers.count)
    var last = first
    var sections: Int32 = 0
    var hasGrown = false
    for event in problem.events(of: buffers) {
      if event.isStart {
        first[event.buffer] = sections
        hasGrown = true
      } else {
        if hasGrown { sections += 1 }
        hasGrown = false
        last[event.buffer] = sections - 1
      }
    }
    sectionCount = Int(sections)

    var counts = [Int32](repeating: 0, count: sectionCount + 1)
    var totals = [Int32](repeating: 0, count: sectionCount)
    var memberCount = 0
    for index in buffers.indices {
      memberCount += Int(last[index] - first[index]) + 1
      guard memberCount <= mostPairs else { return nil }
      for section in Int(first[index])...Int(last[index]) {
        counts[section + 1] += 1
        totals[section] += sizes[index]
      }
    }
    for section in 0..<sectionCount { counts[section + 1] += counts[section] }
    memberStarts = counts
    var members = [Int32](repeating: 0, count: memberCount)
    for index in buffers.indices {
      for section in Int(first[index])...Int(last[index]) {
        members[Int(counts[section])] = Int32(index)
        counts[section] += 1
      }
    }
    self.members = members
    self.totals = totals

    // Those that are alive in a buffer's first section, and those that begin in a later one of its sections.
    var begins = [Int32](repeating: 0, count: sectionCount + 1)
    for index in buffers.indices { begins[Int(first[index]) + 1] += 1 }
    for section in 0..<sectionCount { begins[section + 1] += begins[section] }
    var starting = [Int32](repeating: 0, count: buffers.count)
    var next = begins
    for index in buffers.indices {
      starting[Int(next[Int(first[index])])] = Int32(index)
      next[Int(first[index])] += 1
    }
    var starts: [Int32] = [0]
    var neighbors: [Int32] = []
    starts.reserveCapacity(buffers.count + 1)
    for index in buffers.indices {
      let section = Int(first[index])
      for place in Int(memberStarts[section])..<Int(memberStarts[section + 1]) where members[place] != index {
        neighbors.append(members[place])
      }
      neighbors += starting[Int(begins[section + 1])..<Int(begins[Int(last[index]) + 1])]
      guard neighbors.count <= mostPairs else { return nil }
      starts.append(Int32(neighbors.count))
    }
    self.first = first
    self.last = last
    neighborStarts = starts
    self.neighbors = neighbors
  }
}
