/// Choices made step by step: when a step does not fit, one buffer after another that is kept for later is dropped.
extension ResidencyProblem {
  /// Drops what is used again last, as Belady does for pages, "A study of replacement algorithms" (1966).
  func modesByBelady() -> [ResidencyMode] { modes { gap, _ in (gap.end, gap.size) } }

  /// Drops what has the largest product of size and time to its next use.
  func modesByGreed() -> [ResidencyMode] {
    modes { gap, step in (gap.size.multipliedReportingOverflow(by: gap.end - step).partialValue, gap.end) }
  }

  private func modes(_ rank: (ResidencyGap, Int) -> (Int, Int)) -> [ResidencyMode] {
    var modes = [ResidencyMode](repeating: .keep, count: gaps.count)
    var kept: [Int] = []
    var used = 0
    var next = 0
    for step in order.indices {
      kept.removeAll {
        guard gaps[$0].end <= step else { return false }
        used -= gaps[$0].size
        return true
      }
      while next < gaps.count, gaps[next].start < step {
        if gaps[next].end > step {
          kept.append(next)
          used += gaps[next].size
        }
        next += 1
      }
      while needs[step] + used > budget {
        guard let victim = kept.indices.max(by: { rank(gaps[kept[$0]], step) < rank(gaps[kept[$1]], step) }) else { break }
        used -= gaps[kept[victim]].size
        modes[kept[victim]] = .reload
        kept.remove(at: victim)
      }
    }
    return modes
  }

  /// Keeps what is loaded again without need, and computes again what is cheaper so, the largest saving first.
  func improved(_ modes: [ResidencyMode]) -> [ResidencyMode] {
    var modes = modes
    var resident = residentBytes(modes)
    var cost = self.cost(modes)
    let dropped = gaps.indices.filter { modes[$0] != .keep }.sorted { (gaps[$0].size, $1) > (gaps[$1].size, $0) }
    for index in dropped {
      let gap = gaps[index]
      if (gap.start + 1..<gap.end).allSatisfy({ resident[$0] + gap.size <= budget }) {
        let extra = modes[index] == .recompute ? gap.recomputation?.extra ?? 0 : 0
        modes[index] = .keep
        for step in gap.start + 1..<gap.end { resident[step] += gap.size }
        resident[gap.end] -= extra
        cost = self.cost(modes)
      } else if modes[index] == .reload, let recomputation = gap.recomputation,
        recomputation.inputs.allSatisfy({ modes[$0] == .keep }), resident[gap.end] + recomputation.extra <= budget
      {
        modes[index] = .recompute
        let other = self.cost(modes)
        if other < cost {
          cost = other
          resident[gap.end] += recomputation.extra
        } else {
          modes[index] = .reload
        }
      }
    }
    return modes
  }
}
