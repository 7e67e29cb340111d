import ApusSupport

/// What is wrong with a plan.
public struct PlanFault: Error, Sendable, Hashable {
  public var message: String
  /// The position of the buffer at fault; nothing when it is none of them.
  public var buffer: Int?
}

/// Throws `memory.invalid` naming what ``check(_:for:naming:)`` finds.
public func validate(_ plan: Plan, for problem: Problem) throws(DiagnosticError) {
  do {
    try check(plan, for: problem) { "\($0)" }
  } catch {
    throw DiagnosticError(id: "memory.invalid", error.message)
  }
}

/// Checks a plan by a sweep over time that shares nothing with the planners, in n log n steps.
///
/// Throws the first fault: an offset too many or too few, negative, not aligned, or beyond the peak; two buffers that share time
/// and memory; a bound above the peak, or above what is alive at any step when nothing else proves it. What an exhausted search
/// proves can only be searched again, and is taken as it is.
///
/// - Parameter name: what a message calls the buffer at a position.
public func check(_ plan: Plan, for problem: Problem, naming name: (Int) -> String) throws(PlanFault) {
  func invalid(_ message: String, _ buffer: Int? = nil) -> PlanFault { PlanFault(message: message, buffer: buffer) }
  guard plan.offsets.count == problem.buffers.count else {
    throw invalid("\(plan.offsets.count) offsets for \(problem.buffers.count) buffers")
  }
  var used: [Int] = []
  for (index, buffer) in problem.buffers.enumerated() where buffer.size > 0 && buffer.lower < buffer.upper {
    let offset = plan.offsets[index]
    guard offset >= 0, offset % problem.alignment == 0 else {
      throw invalid(
        offset < 0
          ? "buffer \(name(index)) lies at the negative offset \(offset)"
          : "buffer \(name(index)) lies at offset \(offset), not a multiple of \(problem.alignment)", index)
    }
    let (end, overflow) = offset.addingReportingOverflow(buffer.size)
    guard !overflow, end <= plan.peak else {
      throw invalid(
        "buffer \(name(index)) ends at \(overflow ? "more than 2^63" : "\(end)"), beyond the peak of \(plan.peak) bytes", index)
    }
    used.append(index)
  }
  // Who lies lowest has rank 0. A newcomer is compared with the live buffers next above and beneath it.
  let byOffset = used.sorted { (plan.offsets[$0], $0) < (plan.offsets[$1], $1) }
  var rank = [Int](repeating: 0, count: problem.buffers.count)
  for (position, index) in byOffset.enumerated() { rank[index] = position }
  let starts = used.sorted { problem.buffers[$0].lower < problem.buffers[$1].lower }
  let ends = used.sorted { problem.buffers[$0].upper < problem.buffers[$1].upper }
  var live = RankSet(count: used.count)
  var (bytes, most, ended) = (0, 0, 0)
  for index in starts {
    let step = problem.buffers[index].lower
    while ended < ends.count, problem.buffers[ends[ended]].upper <= step {
      live.remove(rank[ends[ended]])
      bytes -= wholeUnits(problem.buffers[ends[ended]].size, of: problem.alignment)
      ended += 1
    }
    if let beneath = live.greatest(below: rank[index]) {
      let other = byOffset[beneath]
      if plan.offsets[other] + problem.buffers[other].size > plan.offsets[index] {
        throw invalid("buffers \(name(other)) and \(name(index)) overlap at step \(step)", index)
      }
    }
    if let above = live.least(above: rank[index]) {
      let other = byOffset[above]
      if plan.offsets[index] + problem.buffers[index].size > plan.offsets[other] {
        throw invalid("buffers \(name(index)) and \(name(other)) overlap at step \(step)", index)
      }
    }
    live.insert(rank[index])
    bytes += wholeUnits(problem.buffers[index].size, of: problem.alignment)
    most = max(most, bytes)
  }
  guard plan.peak >= 0, plan.bound <= plan.peak || wholeUnits(plan.peak, of: problem.alignment) >= plan.bound else {
    throw invalid("a bound of \(plan.bound) bytes is claimed for a plan of \(plan.peak)")
  }
  switch plan.proof {
  case .live:
    guard plan.bound <= most else {
      throw invalid("a bound of \(plan.bound) bytes is claimed, but no more than \(most) are alive at one step")
    }
  case .exhausted: break
  }
}

private func wholeUnits(_ bytes: Int, of alignment: Int) -> Int {
  let rest = bytes % alignment
  return rest == 0 ? bytes : bytes - rest + alignment
}

/// A set of small numbers: a bit for each, a bit for each word of those that is not empty, and so on.
private struct RankSet {
  private var levels: [[UInt64]] = []

  init(count: Int) {
    var words = count
    repeat {
      words = words / 64 + 1
      levels.append([UInt64](repeating: 0, count: words))
    } while words > 1
  }

  mutating func insert(_ number: Int) {
    var number = number
    for level in levels.indices {
      levels[level][number >> 6] |= 1 << UInt64(number & 63)
      number >>= 6
    }
  }

  mutating func remove(_ number: Int) {
    var number = number
    for level in levels.indices {
      levels[level][number >> 6] &= ~(1 << UInt64(number & 63))
      if levels[level][number >> 6] != 0 { return }
      number >>= 6
    }
  }

  func least(above number: Int) -> Int? {
    var position = number + 1
    for level in levels.indices {
      guard position >> 6 < levels[level].count else { return nil }
      let word = levels[level][position >> 6] >> UInt64(position & 63)
      if word != 0 { return descend(from: level, position + word.trailingZeroBitCount) { $0.trailingZeroBitCount } }
      position = position >> 6 + 1
    }
    return nil
  }

  func greatest(below number: Int) -> Int? {
    var position = number - 1
    for level in levels.indices {
      guard position >= 0 else { return nil }
      let word = levels[level][position >> 6] << UInt64(63 - position & 63)
      if word != 0 { return descend(from: level, position - word.leadingZeroBitCount) { 63 - $0.leadingZeroBitCount } }
      position = position >> 6 - 1
    }
    return nil
  }

  private func descend(from level: Int, _ position: Int, _ bit: (UInt64) -> Int) -> Int {
    var position = position
    for below in levels[..<level].reversed() { position = position << 6 + bit(below[position]) }
    return position
  }
}
