import Apus
import ApusCompiler
import ApusONNX
import ApusSupport
import ArgumentParser
import Foundation

struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Run models on request: one request a line on stdin, one reply a line on stdout.",
    discussion: """
      A request is `run`, a model, a folder of input_<i>.pb and a folder for output_<i>.pb, with tabs between. A reply is
      `@@ ok`, `@@ unsupported MESSAGE` or `@@ error MESSAGE`.
      """)

  @OptionGroup var execution: ExecutionOptions

  @Flag(help: "Run the reference interpreter instead of compiling.")
  var interpret = false

  func run() throws {
    let options = try execution.compilerOptions(function: nil)
    while let line = readLine() {
      if line.isEmpty { continue }
      Output.print("@@ \(reply(to: line, options))")
      try Output.flush()
    }
  }

  private func reply(to line: String, _ options: CompilerOptions) -> String {
    do {
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard fields.count == 4, fields[0] == "run" else {
        throw DiagnosticError(id: "serve.request", "a request is run, MODEL, INPUTS and OUTPUTS, with tabs between")
      }
      let model = ImportedModel(try ONNXFile(path: fields[1]), options, isInterpreted: interpret)
      let results = try model.run(values: try ProtoFolder.inputs(fields[2], for: model.inputs, of: fields[1]))
      try ProtoFolder.write(results, as: model.outputs, to: fields[3])
      return "ok"
    } catch let error as DiagnosticError {
      let problems = error.diagnostics.filter { $0.severity == .error || $0.severity == .unsupported }
      let status = ExitStatus.status(of: problems) == .unsupported ? "unsupported" : "error"
      return "\(status) \(Self.text(problems))"
    } catch {
      return "error \(Self.line("\(error)"))"
    }
  }

  /// Problems that one reply names; a model may have thousands.
  private static let shownProblems = 8

  private static func text(_ problems: [Diagnostic]) -> String {
    let shown = problems.prefix(shownProblems).map { $0.rendered().split(separator: "\n").last.map(String.init) ?? "" }
    let rest = problems.count > shown.count ? "; and \(problems.count - shown.count) more" : ""
    return line(shown.joined(separator: "; ")) + rest
  }

  /// A reply is one line, whatever names a model gives to its parts.
  private static func line(_ text: String) -> String {
    String(text.map { $0.isNewline ? " " : $0 })
  }
}
