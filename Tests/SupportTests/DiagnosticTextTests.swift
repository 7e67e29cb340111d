import ApusSupport
import Testing

@Suite struct DiagnosticTextTests {
  /// The line and the caret for the first occurrence of `word`.
  private func excerpt(_ text: String, _ word: String) throws -> [String] {
    let bytes = Array(text.utf8)
    let pattern = Array(word.utf8)
    let start = try #require((0...(bytes.count - pattern.count)).first { bytes[$0...].starts(with: pattern) })
    let place = Place.text(SourceText(name: "a.ir", bytes: bytes), start..<start + pattern.count)
    let lines = Diagnostic(id: "a.b", "wrong", at: place).rendered().split(separator: "\n").map(String.init)
    #expect(lines.last?.contains("error[a.b]: wrong") == true && lines.count == 3)
    return Array(lines.prefix(2))
  }

  @Test func caretsStandUnderWhatTheyMark() throws {
    #expect(try excerpt("a = bad + c", "bad") == ["  a = bad + c", "      ^~~"])
    #expect(try excerpt("x\n  bad", "bad") == ["    bad", "    ^~~"])
    // A tab is shown as one blank, so that it is as wide below as above.
    #expect(try excerpt("\t\tbad\tc", "bad") == ["    bad c", "    ^~~"])
    #expect(try excerpt("x\r\ny bad\r\nz", "bad") == ["  y bad", "    ^~~"])
    #expect(try excerpt("x\ry bad", "bad") == ["  x y bad", "      ^~~"])
  }

  @Test func messagesStayOnOneLineThatCanBeRead() {
    let name = String(repeating: "x", count: 1_000_000)
    let long = Diagnostic(id: "a.b", "nothing is called '\(name)' here").rendered()
    #expect(long.hasPrefix("error[a.b]: nothing is called 'xx") && long.hasSuffix("xx' here") && long.contains("…"))
    #expect(long.count < 1_100)
    let torn = Diagnostic(id: "a.b", "called 'x\n\u{1B}[2Jy\r'").rendered()
    #expect(torn == "error[a.b]: called 'x  [2Jy '")
  }

  @Test func marksEndWithTheLine() throws {
    #expect(try excerpt("a bad\nc", "bad\nc") == ["  a bad", "    ^~~"])
    #expect(try excerpt("a bad\r\nc", "bad\r\nc") == ["  a bad", "    ^~~"])
    #expect(try excerpt("a\r\nb", "\r\nb") == ["  a", "   ^"])
  }

  @Test func otherScripts() throws {
    #expect(try excerpt("größe = bad", "bad") == ["  größe = bad", "          ^~~"])
    // Two cells each.
    #expect(try excerpt("幅 = bad", "bad") == ["  幅 = bad", "       ^~~"])
    #expect(try excerpt("幅 = 高さ", "高さ") == ["  幅 = 高さ", "       ^~~~"])
    // An accent that combines with the letter before takes none.
    #expect(try excerpt("e\u{301} bad", "bad") == ["  e\u{301} bad", "    ^~~"])
    // Nothing may turn the direction of the line, or end it.
    #expect(try excerpt("a\u{202E}b\u{2028}\0\u{7F} bad", "bad") == ["  a b    bad", "         ^~~"])
  }

  @Test func bytesThatAreNoText() {
    let source = SourceText(name: "a", bytes: [0x61, 0xFF, 0xC3, 0x20, 0x62])
    for start in 0...5 {
      for end in start...5 { #expect(!Diagnostic(id: "a.b", "", at: .text(source, start..<end)).rendered().isEmpty) }
    }
  }

  @Test func longLinesAreCut() throws {
    let lines = try excerpt(String(repeating: "x", count: 100_000) + " bad " + String(repeating: "y", count: 100_000), "bad")
    #expect(lines.allSatisfy { $0.count <= 122 })
    let column = try #require(lines[1].firstIndex(of: "^"))
    #expect(lines[0][column...].hasPrefix("bad") && lines[1][column...] == "^~~")
    let whole = try excerpt(String(repeating: "z", count: 1_000_000), String(repeating: "z", count: 1_000_000))
    #expect(whole[1].count <= 122 && whole[1].hasPrefix("  ^~~~"))
  }

  @Test func placesBeyondTheTextAreItsEnd() {
    let source = SourceText(name: "a", text: "one\ntwo")
    #expect(Diagnostic(id: "a.b", "m", at: .text(source, 7..<7)).rendered() == "  two\n     ^\na:2:4: error[a.b]: m")
    #expect(Diagnostic(id: "a.b", "m", at: .text(source, 90..<99)).rendered() == "  two\n     ^\na:2:4: error[a.b]: m")
    let empty = SourceText(name: "a", text: "")
    #expect(Diagnostic(id: "a.b", "m", at: .text(empty, 0..<0)).rendered() == "  \n  ^\na:1:1: error[a.b]: m")
  }

  @Test func theErrorComesLast() {
    let source = SourceText(name: "a", text: "one two")
    let diagnostic = Diagnostic(
      .unsupported, id: "a.b", "m", at: .text(source, 4..<7), notes: [.init("seen", at: .text(source, 0..<3)), .init("far")],
      hint: "try")
    let lines = ["a:1:1: note: seen", "  one two", "  ^~~", "note: far", "a:1:5: hint: try", "  one two", "      ^~~"]
    #expect(diagnostic.rendered() == (lines + ["a:1:5: unsupported[a.b]: m"]).joined(separator: "\n"))
    #expect(diagnostic.rendered(color: true).contains("\u{1B}[1;31munsupported[a.b]\u{1B}[0m"))
  }

  @Test func otherPlaces() {
    func text(_ place: Place) -> String { Diagnostic(.warning, id: "a.b", "m", at: place).rendered() }
    #expect(text(.none) == "warning[a.b]: m")
    #expect(text(.file("f")) == "f: warning[a.b]: m")
    #expect(text(.line(file: "f", line: 2, column: 3)) == "f:2:3: warning[a.b]: m")
    #expect(text(.node(file: "f.onnx", description: "node 'N' (Op, opset 17)")) == "f.onnx: warning[a.b]: node 'N' (Op, opset 17): m")
    #expect(text(.swift(fileID: "M/f.swift", line: 4)) == "M/f.swift:4: warning[a.b]: m")
  }
}
