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
      `@@ ok`, `@@ unsupported MESSAGE` or `@@ error MESSAGE`. --max-time is the time that each request may take; after it the
      request is answered with an error, and the next one served.
      """)

  @OptionGroup var execution: ExecutionOptions

  @Flag(help: "Run the reference interpreter instead of compiling.")
  var interpret = false

  func run() throws {
    let options = try execution.compilerOptions(function: nil, isTimed: false)
    let deadline = try execution.timeLimit().map { RequestDeadline($0) }
    var requests = RequestLines()
    while let request = try requests.next() {
      let reply: String
      switch request {
      case .line(""): continue
      case .line(let line):
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        let model = fields.count > 1 ? fields[1] : ""
        let serve = { self.reply(to: fields, options) }
        reply = deadline.map { $0.reply(to: model, serve) } ?? serve()
      case .tooLong:
        reply = Self.reply(
          problem: [Diagnostic(id: "serve.request", "a request has at most \(RequestLines.longest) bytes")])
      }
      Output.print("@@ \(reply)")
      try Output.flush()
    }
  }

  private func reply(to fields: [String], _ options: CompilerOptions) -> String {
    do {
      guard fields.count == 4, fields[0] == "run" else {
        throw DiagnosticError(id: "serve.request", "a request is run, MODEL, INPUTS and OUTPUTS, with tabs between")
      }
      let model = ImportedModel(try ONNXFile(path: fields[1]), options, isInterpreted: interpret)
      try ProtoFolder.check(fields[2])
      let results = try model.run(values: try ProtoFolder.inputs(fields[2], for: model.inputs, of: fields[1]))
      try ProtoFolder.write(results, as: model.outputs, to: fields[3])
      return "ok"
    } catch let error as DiagnosticError {
      return Self.reply(problem: error.diagnostics)
    } catch {
      return "error \(Self.line("\(error)"))"
    }
  }

  /// The reply to a request that these stand in the way of.
  static func reply(problem diagnostics: [Diagnostic]) -> String {
    let problems = diagnostics.filter { $0.severity == .error || $0.severity == .unsupported }
    let status = ExitStatus.status(of: problems) == .unsupported ? "unsupported" : "error"
    return "\(status) \(text(problems))"
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
