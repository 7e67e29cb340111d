/// What has been reached: a set of numbered places, each with how often at most, in steps of powers of two.
struct CoverageMap: Sendable {
  /// One bit for each step of a place.
  private var seen: [UInt8]
  /// Places that were reached at all.
  private(set) var count = 0

  init(places: Int) { seen = [UInt8](repeating: 0, count: places) }

  /// Records that a place was reached so often. True where that is news.
  mutating func record(_ place: Int, _ times: UInt64) -> Bool {
    guard times > 0 else { return false }
    // 1, 2, 3 to 4, 5 to 8 … 65 and more.
    let step = min(7, times == 1 ? 0 : 64 - (times - 1).leadingZeroBitCount)
    let bit = UInt8(1) << UInt8(step)
    guard seen[place] & bit == 0 else { return false }
    if seen[place] == 0 { count += 1 }
    seen[place] |= bit
    return true
  }
}

/// Which places of the compiler a case reaches.
protocol CoverageSource {
  /// Forgets what ran so far.
  mutating func begin()

  /// Whether the case that has just been judged reached what none before it did.
  ///
  /// - Parameter stages: what the compiler made of it.
  mutating func hasNews(_ stages: [Judge.Stage]) -> Bool

  /// Places reached so far.
  var count: Int { get }
}
