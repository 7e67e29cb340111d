import ApusCompiler
import ApusTarget
import Foundation

/// What time is told by.
enum Clock {
  case wall
  /// What the calling thread has computed, which is the same on a machine that others use as well. Of use with one thread only.
  case thread

  /// Seconds since some moment.
  func now() -> Double {
    var time = timespec()
    switch self {
    case .wall: clock_gettime(CLOCK_MONOTONIC, &time)
    case .thread: clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    }
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}

/// How long something took in each round.
struct Samples {
  /// Seconds of one run, shortest first.
  private(set) var seconds: [Double] = []

  mutating func add(_ value: Double) {
    seconds.insert(value, at: seconds.firstIndex { $0 > value } ?? seconds.count)
  }

  var minimum: Double { seconds.first ?? 0 }
  var median: Double { seconds.isEmpty ? 0 : seconds[seconds.count / 2] }
  /// How far the slower quarter of the rounds lies above the minimum, as a share of it.
  var spread: Double {
    guard minimum > 0 else { return 0 }
    return seconds[min(seconds.count - 1, seconds.count * 3 / 4)] / minimum - 1
  }
}

/// One subject on so many threads, with its yardstick.
struct Measurement {
  let threads: Int
  let work: Work
  var samples = Samples()
  var yardstick = Samples()
  /// Flops or bytes of one run of the yardstick.
  var yardstickWork = 0.0

  var amount: Double {
    switch work {
    case .flops(let amount), .bytes(let amount), .items(let amount, _): amount
    }
  }

  /// Work a second in the best round.
  var rate: Double { samples.minimum > 0 ? amount / samples.minimum : 0 }
  var yardstickRate: Double? { yardstick.minimum > 0 ? yardstickWork / yardstick.minimum : nil }
  /// The share of the yardstick's rate.
  var ratio: Double? { yardstickRate.map { rate / $0 } }
}

extension Measurement {
  /// Seconds that one round of one subject lasts at least: long against the clock and against starting the threads.
  static let roundSeconds = 0.004
  /// After so many seconds a subject gets no further round: what compiles a hundred thousand nodes is not noisy.
  static let mostSeconds = 10.0

  /// Measures a subject with each of its counts of threads. The rounds of all of them and of their yardsticks take turns,
  /// so that what the machine does meanwhile falls on all alike.
  static func all(of subject: Subject, machine: Machine, rounds: Int, clock: Clock) throws -> [Measurement] {
    var entries: [(measurement: Measurement, run: Batch, yardstick: Batch?)] = []
    for threads in subject.threads {
      let clock = threads == 1 ? clock : .wall
      let run = try Batch(clock, subject.prepare(threads))
      let yardstick = try Yardstick.fitting(subject.work, machine: machine, threads: threads)
      var measurement = Measurement(threads: threads, work: subject.work)
      measurement.yardstickWork = yardstick?.work ?? 0
      entries.append((measurement, run, try yardstick.map { try Batch(clock, $0.run) }))
    }
    let start = Clock.wall.now()
    for round in 0..<rounds where round == 0 || Clock.wall.now() - start < mostSeconds {
      for index in entries.indices {
        if let yardstick = entries[index].yardstick { entries[index].measurement.yardstick.add(try yardstick.seconds()) }
        entries[index].measurement.samples.add(try entries[index].run.seconds())
      }
    }
    return entries.map(\.measurement)
  }

  /// As many runs as fill a round.
  private struct Batch {
    private let body: () throws -> Void
    private let count: Int
    private let clock: Clock
    /// Too long for the caches to matter.
    private let isLong: Bool

    /// Runs it a few times to find out.
    init(_ clock: Clock, _ body: @escaping () throws -> Void) throws {
      self.clock = clock
      self.body = body
      var fastest = try Self.time(clock, body, 1)
      isLong = fastest > 0.5
      if !isLong {
        fastest = .infinity
        for _ in 0..<3 { fastest = min(fastest, try Self.time(clock, body, 1)) }
      }
      count = max(1, Int(roundSeconds / max(fastest, 1e-7)))
    }

    /// Seconds of one run in this round, after one that is not counted: what the others left in the caches is no part of it.
    func seconds() throws -> Double {
      if !isLong { try body() }
      return try Self.time(clock, body, count) / Double(count)
    }

    private static func time(_ clock: Clock, _ body: () throws -> Void, _ count: Int) throws -> Double {
      let start = clock.now()
      for _ in 0..<count { try body() }
      return clock.now() - start
    }
  }
}
