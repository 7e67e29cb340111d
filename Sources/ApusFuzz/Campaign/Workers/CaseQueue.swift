/// Hands out the numbers of cases, and knows which are done.
struct CaseQueue {
  private var next: Int
  /// How many are handed out in all; nil without end.
  private let end: Int?
  /// What a worker that was lost did not get to.
  private var returned: [Range<Int>] = []

  /// Cases that are handed out at once: a request each fraction of a second.
  private static let most = 32

  init(from start: Int, count: Int?) {
    next = start
    end = count.map { start + $0 }
  }

  /// Whether there is nothing left to hand out.
  var isEmpty: Bool { returned.isEmpty && end.map { next >= $0 } ?? false }

  /// - Parameter workers: among which what is left is spread.
  mutating func take(workers: Int) -> Range<Int>? {
    if let range = returned.popLast() { return range }
    let left = end.map { $0 - next } ?? .max
    guard left > 0 else { return nil }
    let count = min(left, Self.most, max(1, left / (2 * workers)))
    defer { next += count }
    return next..<next + count
  }

  mutating func giveBack(_ range: Range<Int>) {
    if !range.isEmpty { returned.append(range) }
  }

  /// The number from which a later campaign goes on, if these cases are under way.
  func resumption(_ underWay: [Int]) -> Int { (underWay + returned.map(\.lowerBound) + [next]).min() ?? next }
}
