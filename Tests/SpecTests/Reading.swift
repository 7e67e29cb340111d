import ApusSpec
import ApusSupport

/// Reads the text of one file.
func read(_ text: String, file: String = "IR-specs/source.ops") throws(DiagnosticError) -> Specification {
  try Specification(reading: [SourceText(name: file, text: text)])
}

/// The id of every mistake in a text, with the text each one points at: `spec.unknown matri`.
func mistakes(in text: String, file: String = "IR-specs/source.ops") -> [String] {
  do {
    _ = try read(text, file: file)
    return []
  } catch {
    return error.diagnostics.map { diagnostic in
      guard case .text(let source, let range) = diagnostic.place else { return diagnostic.id }
      return "\(diagnostic.id) \(source[range])"
    }
  }
}

/// An op of that head and those clauses which is right but for them.
func op(_ head: String, _ clauses: String...) -> String {
  "/// A test.\nop \(head)\n" + clauses.map { "  \($0)\n" }.joined()
}
