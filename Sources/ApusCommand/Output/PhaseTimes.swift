import ApusCompiler
import Foundation

/// How long each phase of a command took, as `--timing` shows it.
struct PhaseTimes {
  private struct Phase {
    var name: String
    var duration: Duration
    /// How many phases it is a part of.
    var depth: Int
  }

  private var phases: [Phase] = []

  /// Opens with `start`: the processor time that this process has taken so far, to be loaded and to read its command line.
  init() {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    add("start", .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec)))
  }

  mutating func measure<Result>(_ name: String, _ body: () throws -> Result) rethrows -> Result {
    let start = ContinuousClock.now
    let result = try body()
    add(name, ContinuousClock.now - start)
    return result
  }

  /// Adds what the phase before consisted of.
  mutating func add(_ compiled: CompiledModel) {
    for entry in compiled.timing.entries {
      add(entry.phase, entry.duration, depth: 1)
      guard entry.phase == "passes" else { continue }
      for pass in compiled.passes { add(pass.pass, pass.duration, depth: 2) }
    }
  }

  /// One line each, parts indented below what they are parts of.
  var lines: [String] {
    phases.map { String(repeating: "  ", count: $0.depth) + "\($0.name): \($0.duration.text)" }
      + ["total: \(phases.filter { $0.depth == 0 }.reduce(.zero) { $0 + $1.duration }.text)"]
  }

  /// `[{"phase": "compile", "depth": 0, "ms": 61.2}, …]`, in the same order.
  var json: JSONValue {
    .list(
      phases.map {
        .object([
          ("phase", .string($0.name)), ("depth", .int($0.depth)), ("ms", .number($0.duration.milliseconds.rounded(to: 4))),
        ])
      })
  }

  /// The milliseconds of the phase of that name.
  func milliseconds(_ name: String) -> Double {
    phases.first { $0.name == name && $0.depth == 0 }?.duration.milliseconds ?? 0
  }

  private mutating func add(_ name: String, _ duration: Duration, depth: Int = 0) {
    phases.append(Phase(name: name, duration: duration, depth: depth))
  }
}
