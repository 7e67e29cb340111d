import Apus
import ApusCompiler
import ApusSupport
import ArgumentParser

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Say everything that would stop a model, all at once.",
    discussion: "Nothing is compiled or run. Exits with 0 when nothing would stop it, 1 on errors, 2 on what is unsupported.")

  @OptionGroup var model: ModelArguments
  @OptionGroup var execution: ExecutionOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let report = try report()
    if json { printJSON(members(of: report)) } else { show(report) }
    for problem in report.problems { Console.show(problem) }
    let status = ExitStatus.status(of: report.problems)
    if status != .done { throw CommandFailure(status: status) }
  }

  /// Throws everything that keeps the model from being read.
  func report() throws -> ModelReport {
    let options = try execution.compilerOptions(function: model.function)
    return try ModelReport(try ModelFile.load(path: model.model), options)
  }

  private func show(_ report: ModelReport) {
    for input in report.function.inputSignatures { print("input \(input.name): \(input.typeText)") }
    for output in report.function.outputSignatures { print("output \(output.name): \(output.typeText)") }
    guard let memory = report.memory else { return }
    print("kernels: \(report.kernels)")
    print("constants: \(memory.constants) bytes")
    let assumed = memory.assumed.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" }.joined(separator: ", ")
    let condition = assumed.isEmpty ? "" : " (unbounded sizes taken as \(assumed))"
    print("peak memory: \(memory.total) bytes\(condition)")
  }

  private func members(of report: ModelReport) -> [(String, JSONValue)] {
    func list(_ signatures: [TensorSignature]) -> JSONValue {
      .list(signatures.map { .object([("name", .string($0.name)), ("type", .string($0.typeText))]) })
    }
    let problems = report.problems.map { problem in
      JSONValue.object([
        ("severity", .string(problem.severity.rawValue)), ("id", .string(problem.id)),
        ("message", .string(problem.message)),
      ])
    }
    return [
      ("model", .string(model.model)), ("function", .string(report.function.name)),
      ("inputs", list(report.function.inputSignatures)), ("outputs", list(report.function.outputSignatures)),
      ("kernels", .int(report.kernels)), ("constant_bytes", report.memory.map { .int($0.constants) } ?? .null),
      ("peak_bytes", report.memory.map { .int($0.total) } ?? .null), ("problems", .list(problems)),
    ]
  }
}
