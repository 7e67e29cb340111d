import ApusCompiler
import ApusIR
import ApusSupport
import ApusTarget
import ArgumentParser
import Foundation

struct OptCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "opt", abstract: "Read IR, run passes, print IR.",
    discussion: "The passes:\n" + Optimization.listing.map { "  \($0.name): \($0.summary)" }.joined(separator: "\n"))

  @Argument(help: "A .ir, .apus or .onnx file; `-` reads IR from stdin.")
  var file: String

  @OptionGroup var shapes: ShapeOptions

  @Option(help: ArgumentHelp("Passes to run: a,b(c=1),d.", valueName: "pipeline"))
  var passes = ""

  @Option(name: .short, help: ArgumentHelp("Where to write; the default is stdout.", valueName: "path"))
  var output: String?

  @Option(help: ArgumentHelp("Print the module to stderr after this pass, or after `all`.", valueName: "pass"))
  var printIRAfter: String?

  @Flag(help: "Print how long each pass took to stderr.")
  var timing = false

  @Flag(help: "Verify the module after each pass.")
  var verifyEach = false

  @Flag(help: "Compare what the interpreter computes before and after each pass, on random inputs.")
  var verifySemantics = false

  @Flag(help: "Take the pieces between lines `// -----` one by one.")
  var splitInputFile = false

  @Flag(help: "Expect exactly the errors that `// error: id` states on their lines.")
  var verifyDiagnostics = false

  @Option(help: ArgumentHelp("Then take it to a phase: graph, fused, loops.", valueName: "phase"))
  var to: PhaseName?

  @Option(help: "What to print: ir, or mlir for MLIR's generic form.")
  var emit = TextForm.ir

  func run() throws { try write(try result()) }

  /// What is printed in the end. With `-o`, the constants that are too large for a text are written here.
  ///
  /// Throws everything that was found, in all pieces of the input.
  func result() throws -> String {
    var optimization = try Optimization(
      passes: passes, phase: to?.phase, machine: .host(environment: ProcessInfo.processInfo.environment))
    optimization.verifiesEach = verifyEach
    optimization.comparesEach = verifySemantics
    if let printIRAfter { optimization.shown = printIRAfter == "all" ? .all : .after(printIRAfter) }
    if case .after(let name) = optimization.shown, !Optimization.listing.contains(where: { $0.name == name }) {
      throw DiagnosticError(id: "passes.unknown", "there is no pass `\(name)`")
    }
    var timing = Timing()
    let input = try OptInput(file: file, isSplit: splitInputFile, shapes: try shapes.sizes)
    var texts: [String] = []
    var problems: [Diagnostic] = []
    for piece in input.pieces {
      do {
        var module = try piece.module()
        try optimization.run(on: &module, timing: &timing) { pass, text in
          Console.note("// ----- after \(pass)\n\(text)")
        }
        texts.append(try text(of: module, number: texts.count))
        if verifyDiagnostics { problems += piece.unexpected([]) }
      } catch let error as DiagnosticError {
        problems += verifyDiagnostics ? piece.unexpected(error.diagnostics) : error.diagnostics
      }
    }
    if self.timing {
      for entry in timing.entries { Console.note("\(entry.phase): \(entry.duration.text)") }
      Console.note("total: \(timing.total.text)")
    }
    guard problems.isEmpty else { throw DiagnosticError(problems) }
    return verifyDiagnostics ? "" : texts.joined(separator: "\n// -----\n")
  }

  /// Constants that are too large for a text lie in a file beside it, if the text is written to one.
  private func text(of module: Module, number: Int) throws -> String {
    if emit == .mlir { return module.mlir() }
    guard let output, output != "-", TextFile.isReplaced(output) else { return module.text() }
    let path = URL(fileURLWithPath: output + (number == 0 ? ".bin" : ".\(number).bin"))
    let document = module.document(TextOptions(constantsFile: path.lastPathComponent))
    if !document.blocks.isEmpty { try ConstantsFile.write(document.blocks, path: path.path) }
    return document.text
  }

  private func write(_ text: String) throws {
    guard let output, output != "-" else { return Output.print(text, terminator: "") }
    try TextFile.write(text, path: output)
  }
}

enum TextForm: String, ExpressibleByArgument, CaseIterable {
  case ir, mlir
}

struct PhaseName: ExpressibleByArgument {
  let phase: Phase

  init?(argument: String) {
    guard let phase = Phase(rawValue: argument) else { return nil }
    self.phase = phase
  }

  static var allValueStrings: [String] { Phase.allCases.map(\.rawValue) }
}
