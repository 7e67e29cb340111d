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
    var function: String
    var results: [(name: String, tensor: Tensor)]
    var mismatches: [Diagnostic]
    var times: PhaseTimes
    var threads: Int
    /// How often an imported model was compiled.
    var variants: Int?
  }

  func run() throws {
    let outcome = try outcome()
    if json {
      printJSON(members(of: outcome))
    } else {
      for line in Self.lines(of: outcome) { Output.print(line) }
      if timing {
        for line in outcome.times.lines { Console.note(line) }
        if let variants = outcome.variants { Console.note("variants: \(variants)") }
      }
    }
    for mismatch in outcome.mismatches { Console.show(mismatch) }
    if !outcome.mismatches.isEmpty { throw CommandFailure(status: .failed) }
  }

  /// Compiles, runs, writes the outputs that shall lie in files, and compares.
  ///
  /// Throws everything that keeps the model from running; what merely differs from `--expect` is in the outcome.
  func outcome() throws -> Outcome {
    var times = PhaseTimes()
    let options = try times.measure("machine") { try execution.compilerOptions(function: model.function) }
    return switch try ModelFile(path: model.model) {
    case .apus, .ir: try outcome(options, times)
    case .onnx: try importedOutcome(options, times)
    }
  }

  private func outcome(_ options: CompilerOptions, _ before: PhaseTimes) throws -> Outcome {
    var times = before
    var progress = Progress(steps: 4, isQuiet: json)
    let module = try progress.step("read") { try times.measure("read") { try ModelFile.load(path: model.model) } }
    let runnable = try progress.step(interpret ? "prepare" : "compile") {
      try times.measure("compile") {
        interpret ? try Model(interpreting: module, options) : Model(try Compiler(options).compile(module))
      }
    }
    if let compiled = runnable.compiled {
      times.add(compiled)
      for warning in compiled.warnings { Console.show(warning) }
    }
    try outputs.check(runnable)
    let tensors = try progress.step("inputs") {
      try times.measure("inputs") { try inputs.tensors(for: runnable, byteLimit: options.inputBytes) }
    }
    let results = try progress.step("run") { try times.measure("run") { try runnable.run(tensors) } }
    let named = zip(runnable.outputs.map(\.name), results).map { (name: $0, tensor: $1) }
    try outputs.write(named)
    return Outcome(
      function: runnable.name, results: named,
      mismatches: try outputs.mismatches(named, byteLimit: options.inputBytes), times: times,
      threads: interpret ? 1 : options.threadCount)
  }

  /// An imported model is compiled for its inputs, which are read first.
  private func importedOutcome(_ options: CompilerOptions, _ before: PhaseTimes) throws -> Outcome {
    var times = before
    var progress = Progress(steps: 4, isQuiet: json)
    let run = try ImportedRun(
      model.model, options, &times, &progress,
      .init(
        isInterpreted: interpret,
        inputs: { try inputs.values(for: $0.inputs, of: model.model, byteLimit: options.inputBytes) },
        check: { try outputs.check($0) }))
    let named = run.outputs.flatMap { value in value.value.named(value.name).map { (name: $0.name, tensor: $0.leaf) } }
    try outputs.write(named, messages: run.areMessages ? .init(values: run.outputs, signatures: run.model.outputs) : nil)
    return Outcome(
      function: run.variant.model.name, results: named,
      mismatches: try outputs.mismatches(named, byteLimit: options.inputBytes), times: times,
      threads: interpret ? 1 : options.threadCount, variants: run.model.variantCount)
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
    var members: [(String, JSONValue)] = [("model", .string(model.model)), ("function", .string(outcome.function))]
    members.append(("interpreted", .bool(interpret)))
    members.append(("threads", .int(outcome.threads)))
    if let variants = outcome.variants { members.append(("variants", .int(variants))) }
    members += times
    if timing { members.append(("timing", outcome.times.json)) }
    if !outputs.expect.isEmpty { members.append(("matches", .bool(outcome.mismatches.isEmpty))) }
    members.append(("outputs", .list(shown)))
    return members
  }
}
