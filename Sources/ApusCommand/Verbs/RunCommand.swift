import Apus
import ApusCompiler
import ApusSupport
import ArgumentParser

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Compile a model and run it.",
    discussion: "Prints each output; large ones are shortened. --output and --outputs write them whole.")

  @OptionGroup var model: ModelArguments
  @OptionGroup var inputs: InputOptions
  @OptionGroup var outputs: OutputOptions
  @OptionGroup var execution: ExecutionOptions

  @Flag(help: "Run the reference interpreter instead of compiling.")
  var interpret = false

  @Flag(help: "Print one JSON object with the outputs and how long it took.")
  var json = false

  @Flag(help: "Say how long each phase took: on stderr, or in the JSON object.")
  var timing = false

  /// What a run gave, before any of it is printed.
  struct Outcome {
    var model: Model
    var results: [(name: String, tensor: Tensor)]
    var mismatches: [Diagnostic]
    var times: PhaseTimes
    var threads: Int
  }

  func run() throws {
    let outcome = try outcome()
    if json {
      printJSON(members(of: outcome))
    } else {
      for line in Self.lines(of: outcome) { Output.print(line) }
      if timing { for line in outcome.times.lines { Console.note(line) } }
    }
    for mismatch in outcome.mismatches { Console.show(mismatch) }
    if !outcome.mismatches.isEmpty { throw CommandFailure(status: .failed) }
  }

  /// Compiles, runs, writes the outputs that shall lie in files, and compares.
  ///
  /// Throws everything that keeps the model from running; what merely differs from `--expect` is in the outcome.
  func outcome() throws -> Outcome {
    var times = PhaseTimes()
    var progress = Progress(steps: 4, isQuiet: json)
    let options = try times.measure("machine") { try execution.compilerOptions(function: model.function) }
    let module = try progress.step("read") { try times.measure("read") { try ModelFile.load(path: model.model) } }
    let runnable = try progress.step(interpret ? "prepare" : "compile") {
      try times.measure("compile") {
        interpret ? try Model(interpreting: module, options) : Model(try Compiler(options).compile(module))
      }
    }
    if let compiled = runnable.compiled { times.add(compiled) }
    try outputs.check(runnable)
    let tensors = try progress.step("inputs") {
      try times.measure("inputs") { try inputs.tensors(for: runnable, byteLimit: options.memoryBytes) }
    }
    let results = try progress.step("run") { try times.measure("run") { try runnable.run(tensors) } }
    let named = zip(runnable.outputs.map(\.name), results).map { (name: $0, tensor: $1) }
    try outputs.write(named)
    return Outcome(
      model: runnable, results: named, mismatches: try outputs.mismatches(named, byteLimit: options.memoryBytes),
      times: times, threads: interpret ? 1 : options.threadCount)
  }

  /// For people: each output with its type.
  static func lines(of outcome: Outcome) -> [String] { outcome.results.map { TensorText.line($0.name, $0.tensor) } }

  private func members(of outcome: Outcome) -> [(String, JSONValue)] {
    let times = ["compile", "run"].map { ("\($0)_ms", JSONValue.number(outcome.times.milliseconds($0).rounded(to: 4))) }
    let shown = outcome.results.map { result in
      JSONValue.object([
        ("name", .string(result.name)), ("type", .string(result.tensor.elementType.name)),
        ("shape", .list(result.tensor.shape.map { .int($0) })), ("values", TensorText.json(result.tensor)),
      ])
    }
    var members: [(String, JSONValue)] = [("model", .string(model.model)), ("function", .string(outcome.model.name))]
    members.append(("interpreted", .bool(interpret)))
    members.append(("threads", .int(outcome.threads)))
    members += times
    if timing { members.append(("timing", outcome.times.json)) }
    if !outputs.expect.isEmpty { members.append(("matches", .bool(outcome.mismatches.isEmpty))) }
    members.append(("outputs", .list(shown)))
    return members
  }
}
