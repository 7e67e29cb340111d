import ApusSupport

/// The best of a few plans that take one buffer after the other, each to where it fits first.
///
/// Pisarchyk and Lee, "Efficient memory management for deep neural net inference" (2020), place by size; which order is best
/// differs from net to net. For more than 2 500 buffers, plans of which each takes n log n steps.
public func planGreedily(_ problem: Problem) -> Plan { planGreedily(problem, mostOrdered: 2_500) }

func planGreedily(_ problem: Problem, mostOrdered: Int) -> Plan {
  let count = problem.buffers.count
  let bound = problem.maximumLive()
  let chosen = problem.buffers.indices.filter(problem.needsMemory)
  var best = Plan(
    offsets: [Int](repeating: 0, count: count), peak: chosen.isEmpty ? 0 : .max, bound: bound, method: "greedy")
  func offer(_ placement: GreedyPlan, _ method: String) {
    if placement.peak < best.peak { (best.offsets, best.peak, best.method) = (placement.offsets, placement.peak, method) }
  }
  if chosen.count <= mostOrdered {
    let totals = problem.greatestLoads(of: chosen)
    for order in GreedyOrder.allCases where best.peak > bound {
      let sorted = order.sorted(chosen, of: problem, totals: totals)
      for choice in GapChoice.allCases where best.peak > bound {
        guard let placement = problem.place(sorted, in: choice, below: best.peak) else { continue }
        offer(placement, "greedy by \(order.rawValue)\(choice == .tightest ? ", best fit" : "")")
      }
    }
  }
  if chosen.count > mostOrdered, chosen.count <= 10_000 {
    // All orders would take a second; this one is the best of them most often.
    let sorted = GreedyOrder.size.sorted(chosen, of: problem, totals: [])
    if let placement = problem.place(sorted, in: .lowest, below: best.peak) { offer(placement, "greedy by size") }
  }
  if best.peak == .max || (chosen.count > 2_500 && best.peak > bound) {
    offer(problem.placeInTime(chosen, isReversed: false), "greedy by time")
    if best.peak > bound { offer(problem.placeInTime(chosen, isReversed: true), "greedy by time, reversed") }
    // Rarely better where there are very many, and as slow as all else together.
    for order in [GreedyOrder.area, .size] where best.peak > bound && chosen.count <= 200_000 {
      let sorted = order.sorted(chosen, of: problem, totals: [])
      offer(problem.stack(sorted), "stacked by \(order.rawValue)")
    }
  }
  return best
}

/// Offsets for all buffers of a problem, and the bytes that they take.
struct GreedyPlan {
  var offsets: [Int]
  var peak: Int
}

/// What comes first.
enum GreedyOrder: String, CaseIterable {
  case size, area, lifetime, start, load = "load and size"

  /// `chosen` in this order; `totals` are the loads of them, used by the last.
  func sorted(_ chosen: [Int], of problem: Problem, totals: [Int]) -> [Int] {
    func length(_ buffer: Problem.Buffer) -> Double { Double(buffer.upper) - Double(buffer.lower) }
    let keys = chosen.indices.map { place -> (Double, Double) in
      let buffer = problem.buffers[chosen[place]]
      return switch self {
      case .size: (-Double(buffer.size), Double(buffer.lower))
      case .area: (-length(buffer) * Double(buffer.size), Double(buffer.lower))
      case .lifetime: (-length(buffer), -Double(buffer.size))
      case .start: (Double(buffer.lower), -Double(buffer.size))
      case .load: (-Double(totals[place]), -Double(buffer.size))
      }
    }
    return chosen.indices.sorted { (keys[$0].0, keys[$0].1, $0) < (keys[$1].0, keys[$1].1, $1) }.map { chosen[$0] }
  }
}

/// Which gap a buffer is put in.
enum GapChoice: CaseIterable {
  case lowest, tightest
}

extension Problem {
  private struct Placed {
    var lower: Int
    var upper: Int
    var offset: Int
    var top: Int
  }

  /// Places buffers in the order given. Nothing as soon as the peak is not below `limit`.
  func place(_ order: [Int], in choice: GapChoice, below limit: Int) -> GreedyPlan? {
    var placement = GreedyPlan(offsets: [Int](repeating: 0, count: buffers.count), peak: 0)
    // By offset, so that the gaps are found in one sweep.
    var placed: [Placed] = []
    placed.reserveCapacity(order.count)
    for index in order {
      let room = room(index)
      let (lower, upper) = (buffers[index].lower, buffers[index].upper)
      // What a gap must have for a buffer to fit.
      let needed = room - (isPlanted(.gapsAreMeasuredWithoutTheirEnd) ? alignment : 0)
      var offset = 0
      var tightest = (offset: -1, length: Int.max)
      for other in placed where other.lower < upper && lower < other.upper {
        if other.offset - offset >= needed {
          if choice == .lowest {
            tightest.offset = offset
            break
          }
          if other.offset - offset < tightest.length { tightest = (offset, other.offset - offset) }
        }
        offset = max(offset, other.top)
      }
      if tightest.offset >= 0 { offset = tightest.offset }
      placement.offsets[index] = offset
      placement.peak = max(placement.peak, offset + room)
      guard placement.peak < limit else { return nil }
      var (low, high) = (0, placed.count)
      while low < high {
        let middle = (low + high) / 2
        if placed[middle].offset <= offset { low = middle + 1 } else { high = middle }
      }
      placed.insert(Placed(lower: lower, upper: upper, offset: offset, top: offset + room), at: low)
    }
    return placement
  }

  /// For each of `chosen` the most memory that is alive at one of its steps.
  func greatestLoads(of chosen: [Int]) -> [Int] {
    // The load after each event that begins a buffer, and its maxima over 1, 2, 4 … events.
    var loads: [Int] = []
    var starts = [Int](repeating: 0, count: chosen.count)
    var ends = starts
    var live = 0
    for event in events(of: chosen) {
      live += event.isStart ? room(chosen[event.buffer]) : -room(chosen[event.buffer])
      if event.isStart {
        starts[event.buffer] = loads.count
        loads.append(live)
      } else {
        ends[event.buffer] = loads.count
      }
    }
    var maxima = [loads]
    while let row = maxima.last, row.count > 1 << (maxima.count - 1) {
      let step = 1 << (maxima.count - 1)
      maxima.append((0..<row.count - step).map { max(row[$0], row[$0 + step]) })
    }
    return chosen.indices.map { place in
      let length = ends[place] - starts[place]
      let level = Int.bitWidth - 1 - length.leadingZeroBitCount
      return max(maxima[level][starts[place]], maxima[level][ends[place] - 1 << level])
    }
  }
}
