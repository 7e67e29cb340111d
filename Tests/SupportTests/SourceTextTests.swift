import ApusSupport
import Testing

@Suite struct SourceTextTests {
  @Test func positionsCountScalars() {
    let source = SourceText(name: "a", text: "aé\r\n\n幅b")
    let expected = [(1, 1), (1, 2), (1, 3), (1, 3), (1, 4), (2, 1), (3, 1), (3, 2), (3, 2), (3, 2), (3, 3)]
    for (offset, position) in expected.enumerated() {
      #expect(source.position(of: offset) == position, "offset \(offset)")
    }
    #expect(source.position(of: -1) == (1, 1) && source.position(of: 99) == (3, 3))
    #expect((0...4).map(source.line) == ["", "aé", "", "幅b", ""])
    #expect(source[1..<3] == "é" && source[90..<99] == "")
  }

  @Test func theLimitOfDiagnostics() {
    var diagnostics = Diagnostics(limit: 3)
    for index in 0..<10 { diagnostics.error("a.b", "\(index)") }
    #expect(diagnostics.list.count == 3 && diagnostics.isFull && diagnostics.hasErrors)
    #expect(throws: DiagnosticError.self) { try diagnostics.throwIfErrors() }
    var warnings = Diagnostics()
    warnings.add(Diagnostic(.warning, id: "a.b", ""))
    #expect(!warnings.hasErrors)
    #expect(throws: Never.self) { try warnings.throwIfErrors() }
  }
}
