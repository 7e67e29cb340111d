import Apus
import ApusCompiler
import ApusSupport
import ApusTarget
import ArgumentParser
import Foundation

/// Which model, and which function of it.
struct ModelArguments: ParsableArguments {
  @Argument(help: "A .apus, .ir or .onnx file.", completion: .file(extensions: ["apus", "ir", "onnx"]))
  var model: String

  @Option(help: ArgumentHelp("The function that runs (default: the first that no other calls).", valueName: "name"))
  var function: String?
}

/// How it is compiled and run.
struct ExecutionOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Threads of a run (default: what the machine and its limits offer).", valueName: "n"))
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "What a run may use for outputs and intermediate values: 64m, 2g, bytes. Where it needs more, kernels run again or in parts; a model that needs more all the same is refused.",
      valueName: "size"))
  var maxMemory: ByteCount?

  @Option(
    help: ArgumentHelp(
      "What a run should use at most: as --max-memory, but a model that needs more runs all the same, with a warning.",
      valueName: "size"))
  var memoryBudget: ByteCount?

  @Option(help: "How hard to look for an order of the kernels and for places in memory: fast, or exact; listed keeps the order that they have.")
  var plan = MemoryGoal.Effort.fast

  @Option(help: ArgumentHelp("How long the command, or a request of serve, may take: 500ms, 10s, 2m.", valueName: "time"))
  var maxTime: TimeSpan?

  @Flag(help: "Also rewrite where that changes -0, NaN or rounding.")
  var fastMath = false

  func validate() throws {
    if let threads, !(1...1024).contains(threads) { throw ValidationError("--threads takes a number from 1 to 1024") }
  }

  /// The time that there is: the flag's, or the environment's. Throws `environment.time`.
  func timeLimit() throws(DiagnosticError) -> TimeSpan? {
    if let maxTime { return maxTime }
    return try Knobs(ProcessInfo.processInfo.environment).timeLimit()
  }

  /// The options of the compiler: flags, then the environment, then what the machine says. From here on the command
  /// has the time that it may take, if it `isTimed`.
  func compilerOptions(function: String?, isTimed: Bool = true) throws -> CompilerOptions {
    let environment = ProcessInfo.processInfo.environment
    let knobs = Knobs(environment)
    if isTimed, let limit = try timeLimit() { Deadline.set(limit) }
    var diagnostics = Diagnostics()
    let machine = Machine.host(environment: environment, diagnostics: &diagnostics)
    for diagnostic in diagnostics.list { Console.show(diagnostic) }
    var options = CompilerOptions(
      machine: machine, threads: threads, function: function, memoryLimit: try maxMemory?.bytes ?? knobs.memoryLimit(),
      memoryBudget: memoryBudget?.bytes, planEffort: plan)
    if fastMath { options.allowFastMath() }
    return options
  }
}

/// A time with its unit: `500ms`, `10s`, `2m`; seconds without one.
struct TimeSpan: ExpressibleByArgument {
  let seconds: Double

  init(seconds: Double) { self.seconds = seconds }

  init?(argument: String) {
    let units: [(name: String, seconds: Double)] = [("ms", 1e-3), ("s", 1), ("m", 60), ("h", 3600)]
    let unit = units.first { argument.hasSuffix($0.name) }
    let number = argument.dropLast(unit?.name.count ?? 0)
    guard let value = Double(number), value > 0, number.allSatisfy({ $0.isNumber || $0 == "." }) else { return nil }
    seconds = value * (unit?.seconds ?? 1)
    if seconds > 1e9 { return nil }
  }
}

/// A number of bytes with an optional unit: `64m`, `2g`, `4096`.
struct ByteCount: ExpressibleByArgument {
  let bytes: Int

  init?(argument: String) {
    let text = argument.lowercased()
    let units = ["k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40]
    let unit = text.last.flatMap { units[String($0)] }
    guard let number = Int(unit == nil ? text[...] : text.dropLast()), number > 0 else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: unit ?? 1)
    guard !overflow else { return nil }
    self.bytes = bytes
  }
}

extension MemoryGoal.Effort: ExpressibleByArgument {}

extension CompilerOptions {
  /// What may be read for inputs, which are no part of what a run takes: more than is there at once would be unpacked of nothing.
  var inputBytes: Int { max(memoryBytes, min(machine.usableMemoryBytes, 1 << 30)) }
}
