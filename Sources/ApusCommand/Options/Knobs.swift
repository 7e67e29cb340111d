import ApusSupport
import ApusTarget

/// What can be set without a flag: the environment, and the defaults behind it.
struct Knobs {
  /// A knob as it stands.
  struct Knob {
    var name: String
    var summary: String
    var value: String
    /// `APUS_THREADS`, `default`, …
    var source: String
  }

  let environment: [String: String]

  init(_ environment: [String: String]) { self.environment = environment }

  /// Throws `environment.memory` for a value that is no number of bytes.
  func memoryLimit() throws(DiagnosticError) -> Int? {
    guard let text = environment["APUS_MAX_MEMORY"] else { return nil }
    guard let count = ByteCount(argument: text) else {
      throw DiagnosticError(
        id: "environment.memory", "APUS_MAX_MEMORY is '\(text)', no number of bytes", hint: "write 64m, 2g or 4096")
    }
    return count.bytes
  }

  /// Throws `environment.time` for a value that is no time.
  func timeLimit() throws(DiagnosticError) -> TimeSpan? {
    guard let text = environment["APUS_MAX_TIME"] else { return nil }
    guard let limit = TimeSpan(argument: text) else {
      throw DiagnosticError(
        id: "environment.time", "APUS_MAX_TIME is '\(text)', no time", hint: "write 500ms, 10s or 2m")
    }
    return limit
  }

  /// Throws as ``memoryLimit()`` and ``timeLimit()`` do; warns of what is ignored.
  func list(_ diagnostics: inout Diagnostics) throws(DiagnosticError) -> [Knob] {
    let machine = Machine.host(environment: environment, diagnostics: &diagnostics)
    let request = machine.requestedThreads != nil
    // As the machine takes it: the first variable that holds a number.
    let isOwn = Machine.host(environment: environment.filter { $0.key == "APUS_THREADS" }).requestedThreads != nil
    let variable = isOwn ? "APUS_THREADS" : "OMP_NUM_THREADS"
    let limit = try memoryLimit()
    let time = try timeLimit()
    return [
      Knob(
        name: "threads", summary: "threads of a run (--threads, APUS_THREADS, OMP_NUM_THREADS)",
        value: "\(machine.availableThreads)", source: request ? variable : "default"),
      Knob(
        name: "max-memory", summary: "bytes of outputs and intermediate values of a run (--max-memory, APUS_MAX_MEMORY)",
        value: "\(limit ?? machine.usableMemoryBytes)", source: limit == nil ? "default" : "APUS_MAX_MEMORY"),
      Knob(
        name: "max-time", summary: "how long run, check, bench or a request of serve may take (--max-time, APUS_MAX_TIME)",
        value: time.map { "\($0.seconds) s" } ?? "unlimited", source: time == nil ? "default" : "APUS_MAX_TIME"),
      Knob(
        name: "fast-math", summary: "rewrites that change -0, NaN or rounding (--fast-math)", value: "false",
        source: "default"),
      Knob(
        name: "solver", summary: "the library that solves integer programs, HiGHS or CBC (APUS_SOLVER)",
        value: environment["APUS_SOLVER"] ?? "the installed one",
        source: environment["APUS_SOLVER"] == nil ? "default" : "APUS_SOLVER"),
      Knob(
        name: "bug-folder", summary: "where a folder appears that reproduces a bug of Apus (TMPDIR)",
        value: environment["TMPDIR"] ?? "/tmp", source: environment["TMPDIR"] == nil ? "default" : "TMPDIR"),
      Knob(
        name: "backtrace", summary: "leaves crashes to Swift's own reporter (SWIFT_BACKTRACE)",
        value: "\(environment["SWIFT_BACKTRACE"] != nil)",
        source: environment["SWIFT_BACKTRACE"] == nil ? "default" : "SWIFT_BACKTRACE"),
      Knob(
        name: "color", summary: "colour on a terminal (NO_COLOR)", value: "\((environment["NO_COLOR"] ?? "").isEmpty)",
        source: environment["NO_COLOR"] == nil ? "default" : "NO_COLOR"),
    ]
  }
}
