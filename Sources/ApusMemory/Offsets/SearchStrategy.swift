import ApusSupport

/// How a search chooses what it decides next. Which plan is found first depends on it, what can be found does not.
struct SearchStrategy {
  /// Where the next buffer is looked for.
  enum Place {
    /// Where the lowest free level is.
    case lowestLevel
    /// In the section that has the least room left, of those the one with the lowest free level.
    case tightestSection
  }

  /// What decides between buffers that can begin at the same level: the first measure, then the others. Largest first.
  enum Order: CaseIterable {
    case lengthAreaTotal, totalAreaLength, totalLengthArea, neighborsLengthTotal
  }

  var place: Place
  /// Looks first in the section where the last attempt failed, so that what made it fail is changed soon: most of what
  /// jumping back over innocent decisions gains.
  var followsFailures: Bool
  var order: Order
  /// Seeds a disturbance of the order; 0 for none.
  var disturbance: UInt64 = 0

  /// They find plans of different problems quickly, and none finds all: they take turns.
  static let portfolio: [SearchStrategy] = Place.portfolio.flatMap { place in
    Order.allCases.map { SearchStrategy(place: place.0, followsFailures: place.1, order: $0) }
  }
}

extension SearchStrategy.Place {
  fileprivate static let portfolio: [(SearchStrategy.Place, Bool)] = [
    (.lowestLevel, false), (.lowestLevel, true), (.tightestSection, false), (.tightestSection, true),
  ]
}

extension SearchStrategy.Order {
  /// The position of each buffer in the order.
  func ranks(in map: SectionMap, disturbance: UInt64) -> [Int32] {
    let indices = map.buffers.indices
    let lengths = map.lengths
    let areas = indices.map { Double(map.sizes[$0]) * Double(map.lengths[$0]) }
    let totals = indices.map { index in
      map.totals[Int(map.first[index])...Int(map.last[index])].max() ?? 0
    }
    let degrees = indices.map { map.neighborStarts[$0 + 1] - map.neighborStarts[$0] }
    var order: [Int]
    switch self {
    case .lengthAreaTotal:
      order = indices.sorted { (lengths[$1], areas[$1], totals[$1], $0) < (lengths[$0], areas[$0], totals[$0], $1) }
    case .totalAreaLength:
      order = indices.sorted { (totals[$1], areas[$1], lengths[$1], $0) < (totals[$0], areas[$0], lengths[$0], $1) }
    case .totalLengthArea:
      order = indices.sorted { (totals[$1], lengths[$1], areas[$1], $0) < (totals[$0], lengths[$0], areas[$0], $1) }
    case .neighborsLengthTotal:
      order = indices.sorted { (degrees[$1], lengths[$1], totals[$1], $0) < (degrees[$0], lengths[$0], totals[$0], $1) }
    }
    if disturbance != 0 {
      var random = SplitMix64(seed: disturbance)
      let spread = max(order.count / 6, 2)
      let keys = order.indices.map { $0 + Int.random(in: 0..<spread, using: &random) }
      order = order.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }.map { order[$0] }
    }
    var ranks = [Int32](repeating: 0, count: order.count)
    for (rank, buffer) in order.enumerated() { ranks[buffer] = Int32(rank) }
    return ranks
  }
}
