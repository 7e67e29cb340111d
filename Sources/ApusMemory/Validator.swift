import ApusSupport

/// Checks a plan by a sweep over time that shares nothing with the planners. Throws `memory.invalid` naming the first fault.
public func validate(_ plan: Plan, for problem: Problem) throws(DiagnosticError) {
  func invalid(_ message: String) -> DiagnosticError { DiagnosticError(id: "memory.invalid", message) }
  guard plan.offsets.count == problem.buffers.count else {
    throw invalid("\(plan.offsets.count) offsets for \(problem.buffers.count) buffers")
  }
  var events: [(step: Int, isStart: Bool, buffer: Int)] = []
  for (index, buffer) in problem.buffers.enumerated() where buffer.size > 0 && buffer.lower < buffer.upper {
    let offset = plan.offsets[index]
    guard offset >= 0, offset % problem.alignment == 0 else {
      throw invalid("buffer \(index) lies at offset \(offset), not a multiple of \(problem.alignment)")
    }
    let (end, overflow) = offset.addingReportingOverflow(buffer.size)
    guard !overflow, end <= plan.peak else {
      throw invalid("buffer \(index) ends at \(end), beyond the peak of \(plan.peak) bytes")
    }
    events.append((buffer.lower, true, index))
    events.append((buffer.upper, false, index))
  }
  events.sort { a, b in (a.step, a.isStart ? 1 : 0) < (b.step, b.isStart ? 1 : 0) }
  // The live buffers by offset: each newcomer is compared with its two neighbours.
  var live: [Int] = []
  for event in events {
    let offset = plan.offsets[event.buffer]
    let position = lowerBound(live, plan.offsets, offset)
    if !event.isStart {
      live.removeAll { $0 == event.buffer }
      continue
    }
    if position > 0 {
      let before = live[position - 1]
      if plan.offsets[before] + problem.buffers[before].size > offset {
        throw invalid("buffers \(before) and \(event.buffer) overlap at step \(event.step)")
      }
    }
    if position < live.count {
      let after = live[position]
      if offset + problem.buffers[event.buffer].size > plan.offsets[after] {
        throw invalid("buffers \(event.buffer) and \(after) overlap at step \(event.step)")
      }
    }
    live.insert(event.buffer, at: position)
  }
}

private func lowerBound(_ live: [Int], _ offsets: [Int], _ offset: Int) -> Int {
  var low = 0
  var high = live.count
  while low < high {
    let middle = (low + high) / 2
    if offsets[live[middle]] < offset { low = middle + 1 } else { high = middle }
  }
  return low
}
