import ApusIR
import ApusSupport
import ApusTensor

/// Files in the graph language (IR-specs/language.md), `.apus`.
public enum GraphFile {
  /// Reads a file and the weights it names.
  ///
  /// Throws `file.missing`, `file.unreadable`, `file.not-regular`, `parse.size` over 1 GiB, and
  /// everything ``parse(_:weights:)`` does.
  public static func load(path: String) throws(DiagnosticError) -> Module {
    let file = try FileBytes(path: path)
    guard file.count <= Lexer.maximumLength else {
      throw DiagnosticError(id: "parse.size", "the file is longer than 1 GiB", at: .file(path))
    }
    let source = SourceText(name: path, bytes: file.storage.withUnsafeBytes { Array($0) })
    return try parse(source, weights: .beside(path))
  }

  /// Makes a module of a text: one function for each graph, phase `graph`.
  ///
  /// The first function, which is the one that runs, is the first graph that no other graph calls; the others
  /// follow in the order of the text. What the symbols leave open about sizes is guarded by `assert` ops.
  /// Throws everything that is wrong with the text at once, as far as one mistake does not hide another.
  public static func parse(_ source: SourceText, weights: WeightSource = .none) throws(DiagnosticError) -> Module {
    guard !source.isBinary else {
      throw DiagnosticError(id: "parse.character", "this is no text", at: .file(source.name))
    }
    var parser = GraphFileParser(source)
    parser.parse()
    var lowering = GraphFileLowering(parser.graphs, parser.parser.syntax, weights, parser.parser.tokens.diagnostics)
    lowering.lower()
    try lowering.diagnostics.throwIfErrors()
    var module = Module()
    for function in lowering.ordered() { module.add(function) }
    return module
  }
}

extension SourceText {
  /// Whether the text starts with so many control characters that it cannot be meant as one.
  fileprivate var isBinary: Bool {
    let start = bytes.prefix(512)
    let controls = start.count { $0 < 0x20 && ![0x09, 0x0A, 0x0D].contains($0) || $0 == 0x7F }
    return controls * 8 > start.count
  }
}
