import Foundation
import Testing

@Suite struct SentencesTests {
  /// Every numbered sentence of IR-specs/semantics.md has a test named after it.
  @Test func everySentenceIsATest() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
    let text = try String(
      contentsOf: folder.appending(path: "../../IR-specs/semantics.md").standardized, encoding: .utf8)
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    let tests = try files.filter { $0.pathExtension == "swift" }.map { try String(contentsOf: $0, encoding: .utf8) }
      .joined()
    let sentences = text.matches(of: #/\*\*S(\d+)\.(\d+)\*\*/#)
    #expect(sentences.count > 60)
    for sentence in sentences {
      let name = "func s\(sentence.1)_\(sentence.2)_"
      #expect(tests.contains(name), "S\(sentence.1).\(sentence.2) has no test")
    }
    let named = tests.matches(of: #/func s(\d+)_(\d+)_/#).map { "**S\($0.1).\($0.2)**" }
    for name in Set(named) { #expect(text.contains(name), "a test names \(name), which is not there") }
  }
}
