import ApusSupport

/// Places buffers from the largest to the smallest, each at the lowest offset that is free for all of its lifetime.
///
/// Pisarchyk and Lee, "Efficient memory management for deep neural net inference" (2020), greedy by size.
public func planGreedily(_ problem: Problem) -> Plan {
  let order = problem.buffers.indices.sorted { a, b in
    let (x, y) = (problem.buffers[a], problem.buffers[b])
    return (y.size, x.lower, a) < (x.size, y.lower, b)
  }
  var offsets = [Int](repeating: 0, count: problem.buffers.count)
  // Placed buffers by offset, so that the first gap is found in one sweep.
  var placed: [Int] = []
  var peak = 0
  for index in order {
    let room = problem.room(index)
    guard room > 0, problem.buffers[index].lower < problem.buffers[index].upper else { continue }
    var offset = 0
    for other in placed where problem.buffers[other].overlapsInTime(problem.buffers[index]) {
      if offsets[other] >= offset + room - (isPlanted(.gapsAreMeasuredWithoutTheirEnd) ? problem.alignment : 0) { break }
      offset = max(offset, offsets[other] + problem.room(other))
    }
    offsets[index] = offset
    peak = max(peak, offset + room)
    placed.insert(index, at: placed.firstIndex { offsets[$0] > offset } ?? placed.count)
  }
  return Plan(offsets: offsets, peak: peak, bound: problem.maximumLive(), method: "greedy by size")
}
