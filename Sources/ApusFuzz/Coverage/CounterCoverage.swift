internal import CCoverage

/// The branches of our own Swift code, which an instrumented build counts.
///
///     swift build -c release --product apus -Xswiftc -profile-generate --scratch-path .build-coverage
///
/// LLVM's profile counters need no change of the sources and no flags in the manifest; `-sanitize-coverage` would come with
/// a sanitizer that owns `main`. What draws and judges is counted with the rest: it runs alike for every case.
struct CounterCoverage: CoverageSource {
  private let counters: UnsafeMutableBufferPointer<UInt64>
  private var map: CoverageMap

  /// Nothing in a build that is not instrumented.
  init?() {
    guard let begin = apus_coverage_begin(), let end = apus_coverage_end(), end > begin else { return nil }
    apus_coverage_discard()
    counters = UnsafeMutableBufferPointer(start: begin, count: end - begin)
    map = CoverageMap(places: counters.count)
  }

  var count: Int { map.count }

  mutating func begin() { counters.update(repeating: 0) }

  mutating func hasNews(_ stages: [Judge.Stage]) -> Bool {
    var hasNews = false
    for place in counters.indices where map.record(place, counters[place]) { hasNews = true }
    return hasNews
  }
}
