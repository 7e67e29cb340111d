/// How long each phase of a compilation took.
public struct Timing: Sendable {
  public struct Entry: Sendable {
    public var phase: String
    public var duration: Duration
  }

  public private(set) var entries: [Entry] = []
  private let now: @Sendable () -> Duration

  /// - Parameter now: the time since some fixed moment.
  public init(now: @escaping @Sendable () -> Duration) { self.now = now }

  public init() {
    let start = ContinuousClock.now
    self.init { ContinuousClock.now - start }
  }

  public mutating func measure<Result>(_ phase: String, _ body: () throws -> Result) rethrows -> Result {
    let start = now()
    defer { add(phase, now() - start) }
    return try body()
  }

  /// Notes what was measured elsewhere. What follows itself is one phase.
  public mutating func add(_ phase: String, _ duration: Duration) {
    if entries.last?.phase == phase {
      entries[entries.count - 1].duration += duration
    } else {
      entries.append(Entry(phase: phase, duration: duration))
    }
  }

  public var total: Duration { entries.reduce(.zero) { $0 + $1.duration } }
}
