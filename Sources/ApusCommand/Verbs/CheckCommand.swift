import Apus
import ApusCompiler
import ApusONNX
import ApusSupport
import ArgumentParser

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Say everything that would stop a model, all at once.",
    discussion: "Nothing is compiled or run. Exits with 0 when nothing would stop it, 1 on errors, 2 on what is unsupported.")

  @OptionGroup var model: ModelArguments
  @OptionGroup var shapes: ShapeOptions
  @OptionGroup var execution: ExecutionOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let report: ModelReport
    do {
      report = try self.report()
    } catch let error as DiagnosticError {
      if json { printJSON([("model", .string(model.model)), ("problems", Self.list(error.diagnostics))]) }
      throw error
    }
    if json { printJSON(members(of: report)) } else { show(report) }
    for problem in report.problems { Console.show(problem) }
    let status = ExitStatus.status(of: report.problems)
    if status != .done { throw CommandFailure(status: status) }
  }

  /// Throws everything that keeps the model from being read.
  func report() throws -> ModelReport {
    let options = try execution.compilerOptions(function: model.function)
    return switch try ModelFile(path: model.model) {
    case .apus, .ir: try ModelReport(try ModelFile.load(path: model.model), options)
    case .onnx: try ModelReport(try ONNXFile(path: model.model), options, shapes: try shapes.sizes)
    }
  }

  private func show(_ report: ModelReport) {
    for input in report.inputs { Output.print("input \(input.name): \(input.typeText)") }
    for output in report.outputs { Output.print("output \(output.name): \(output.typeText)") }
    guard let memory = report.memory else { return }
    Output.print("kernels: \(report.kernels)")
    Output.print("constants: \(memory.constants) bytes")
    let assumed = memory.assumed.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" }.joined(separator: ", ")
    let condition = assumed.isEmpty ? "" : " (unbounded sizes taken as \(assumed))"
    Output.print("peak memory: \(memory.total) bytes\(condition)")
  }

  private func members(of report: ModelReport) -> [(String, JSONValue)] {
    func list(_ signatures: [TensorSignature]) -> JSONValue {
      .list(signatures.map { .object([("name", .string($0.name)), ("type", .string($0.typeText))]) })
    }
    return [
      ("model", .string(model.model)), ("function", .string(report.name)),
      ("inputs", list(report.inputs)), ("outputs", list(report.outputs)),
      ("kernels", .int(report.kernels)), ("constant_bytes", report.memory.map { .int($0.constants) } ?? .null),
      ("peak_bytes", report.memory.map { .int($0.total) } ?? .null), ("problems", Self.list(report.problems)),
    ]
  }

  /// Each with the place that its text starts with, where it has one.
  private static func list(_ problems: [Diagnostic]) -> JSONValue {
    .list(
      problems.map { problem in
        var members: [(String, JSONValue)] = [
          ("severity", .string(problem.severity.rawValue)), ("id", .string(problem.id)),
          ("message", .string(problem.message)),
        ]
        switch problem.place {
        case .text(let source, let range):
          let at = source.position(of: range.lowerBound)
          members += [("file", .string(source.name)), ("line", .int(at.line)), ("column", .int(at.column))]
        case .line(let file, let line, let column):
          members += [("file", .string(file)), ("line", .int(line)), ("column", .int(column))]
        case .file(let file), .node(let file, _): members.append(("file", .string(file)))
        case .none, .swift: break
        }
        return .object(members)
      })
  }
}
