import ApusCompiler
import ApusIR
import ApusSupport
import Foundation

/// What `apus opt` reads: a file, or stdin, whole or in pieces.
struct OptInput {
  /// A piece of IR text, or a whole graph file.
  enum Piece {
    case text(SourceText, folder: String)
    case graph(path: String, shapes: [String: [Int]])
  }

  let pieces: [Piece]

  /// - Parameter shapes: the sizes of an ONNX file's inputs.
  /// Throws what reading the file throws; `file.format` for an ending that is not read here.
  init(file: String, isSplit: Bool, shapes: [String: [Int]]) throws(DiagnosticError) {
    guard file != "-" else {
      pieces = Self.split(SourceText(name: "<stdin>", bytes: try Self.standardInput()), isSplit, folder: "")
      return
    }
    switch try ModelFile(path: file) {
    case .ir: pieces = Self.split(try ModelFile.text(path: file), isSplit, folder: file)
    case .apus, .onnx: pieces = [.graph(path: file, shapes: shapes)]
    }
  }

  /// Throws `file.unreadable`, and `parse.size` as soon as there is more than a parser takes.
  private static func standardInput() throws(DiagnosticError) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(STDIN_FILENO, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw DiagnosticError(
          id: "file.unreadable", "it cannot be read: \(String(cString: strerror(errno)))", at: .file("<stdin>"))
      }
      if count == 0 { return bytes }
      bytes += chunk[..<count]
      if bytes.count > ModelFile.maximumLength {
        throw DiagnosticError(id: "parse.size", "the text is longer than 1 GiB", at: .file("<stdin>"))
      }
    }
  }

  /// Lines keep their numbers: what stands before a piece is replaced by empty lines.
  private static func split(_ source: SourceText, _ isSplit: Bool, folder: String) -> [Piece] {
    guard isSplit else { return [.text(source, folder: folder)] }
    var pieces: [Piece] = []
    var lines: [Substring] = []
    var skipped = 0
    func finish() {
      let text = String(repeating: "\n", count: skipped) + lines.joined(separator: "\n") + "\n"
      pieces.append(.text(SourceText(name: source.name, text: text), folder: folder))
    }
    for line in source.text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("// -----") {
        finish()
        skipped += lines.count + 1
        lines = []
      } else {
        lines.append(line)
      }
    }
    finish()
    return pieces
  }
}

extension OptInput.Piece {
  /// Throws what the parsers and the verifier find.
  func module() throws(DiagnosticError) -> Module {
    switch self {
    case .text(let source, let folder): try ModelFile.parse(ir: source, constants: ConstantFolder(beside: folder))
    case .graph(let path, let shapes): try ModelFile.load(path: path, shapes: shapes)
    }
  }

  /// What was found and not stated by a `// error: id` on its line, and what was stated and not found.
  func unexpected(_ found: [Diagnostic]) -> [Diagnostic] {
    guard case .text(let source, _) = self else { return found }
    var stated: [(line: Int, id: String)] = []
    for (index, line) in source.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      for part in line.split(separator: "// error:", omittingEmptySubsequences: false).dropFirst() {
        stated.append((index + 1, String(part.split(separator: "//")[0].trimmingCharacters(in: .whitespaces))))
      }
    }
    var rest: [Diagnostic] = []
    for diagnostic in found {
      var line = 0
      if case .text(let source, let range) = diagnostic.place { line = source.position(of: range.lowerBound).line }
      if let index = stated.firstIndex(where: { $0.id == diagnostic.id && ($0.line == line || line == 0) }) {
        stated.remove(at: index)
      } else {
        rest.append(diagnostic)
      }
    }
    rest += stated.map { line, id in
      Diagnostic(
        id: "verify.missing", "the error `\(id)` was not found", at: .line(file: source.name, line: line, column: 1))
    }
    return rest
  }
}
