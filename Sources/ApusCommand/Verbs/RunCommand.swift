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

  func run() throws {
    var progress = Progress(steps: 4, isQuiet: json)
    let options = try execution.compilerOptions(function: model.function)
    let module = try progress.step("read") { try ModelFile.load(path: model.model) }
    var timing = Timing()
    let runnable = try progress.step(interpret ? "prepare" : "compile") {
      try timing.measure("compile") {
        interpret ? try Model(interpreting: module, options) : Model(try Compiler(options).compile(module))
      }
    }
    try outputs.check(runnable)
    let tensors = try progress.step("inputs") {
      try inputs.tensors(for: runnable, byteLimit: options.memoryBytes)
    }
    let results = try progress.step("run") { try timing.measure("run") { try runnable.run(tensors) } }
    let named = zip(runnable.outputs.map(\.name), results).map { (name: $0, tensor: $1) }
    try outputs.write(named)
    let mismatches = try outputs.mismatches(named, byteLimit: options.memoryBytes)
    if json {
      printJSON(summary(runnable, named, timing, options, isMatch: mismatches.isEmpty))
    } else {
      for result in named { print(TensorText.line(result.name, result.tensor)) }
    }
    for mismatch in mismatches { Console.show(mismatch) }
    if !mismatches.isEmpty { throw CommandFailure(status: .failed) }
  }

  private func summary(
    _ runnable: Model, _ results: [(name: String, tensor: Tensor)], _ timing: Timing, _ options: CompilerOptions,
    isMatch: Bool
  ) -> [(String, JSONValue)] {
    let times = timing.entries.map { ("\($0.phase)_ms", JSONValue.number($0.duration.milliseconds.rounded(to: 4))) }
    let shown = results.map { result in
      JSONValue.object([
        ("name", .string(result.name)), ("type", .string(result.tensor.elementType.name)),
        ("shape", .list(result.tensor.shape.map { .int($0) })), ("values", TensorText.json(result.tensor)),
      ])
    }
    var members: [(String, JSONValue)] = [("model", .string(model.model)), ("function", .string(runnable.name))]
    members.append(("interpreted", .bool(interpret)))
    members.append(("threads", .int(interpret ? 1 : options.threadCount)))
    members += times
    if !outputs.expect.isEmpty { members.append(("matches", .bool(isMatch))) }
    members.append(("outputs", .list(shown)))
    return members
  }
}
