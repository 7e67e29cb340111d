import Foundation
import Testing

/// Every diagnostic that the sources can give is given by a case or a test.
@Suite struct DiagnosticTests {
  /// What no input reaches: they stand for a system or an LLVM that fails, or for a bug of ours.
  private static let unreachable: Set<String> = [
    "compile.internal", "run.internal", "custom.failed", "custom.closure", "llvm.emit", "llvm.target",
    "tensor.no-memory", "onnx.internal", "reduce.command",
    // Declarations of ops that contradict themselves, and an op that has been declared but not lowered.
    "composite.shape", "weight.place", "buffers.unsupported",
  ]

  /// Texts of the same form that name something else.
  private static let others: Set<String> = [
    "alias.scope", "loop.enter", "loop.exit", "while.body", "while.condition", "while.exit", "apus.fmod", "ai.onnx",
  ]
  private static let files = [".ir", ".apus", ".so", ".dylib", ".o", ".bin", ".npz", ".npy"]

  @Test func eachIsProduced() throws {
    let ids = try Self.ids.get()
    #expect(ids.count > 150)
    let missing = Set(ids).subtracting(Self.unreachable).subtracting(try Self.wordsOfTests()).sorted()
    #expect(missing == [], "no case and no test gives these")
  }

  @Test func namesAreStable() throws {
    for id in try Self.ids.get() {
      #expect(id.wholeMatch(of: /[a-z][a-z0-9_]*\.[a-z][a-z-]*/) != nil, "\(id) is not of the form area.what")
    }
    for id in Self.unreachable { #expect(try Self.ids.get().contains(id), "\(id) is gone") }
  }

  /// Everything in the tests and cases that stands between blanks, quotes and brackets.
  private static func wordsOfTests() throws -> Set<String> {
    var words: Set<String> = []
    for path in Checkout.files(below: "Tests", ending: "") where [".swift", ".ir", ".apus"].contains(where: path.hasSuffix) {
      if path.hasSuffix("/DiagnosticTests.swift") { continue }
      let text = try Checkout.text(path)
      for word in text.utf8.split(whereSeparator: { " \n\"\\[]()`,:".utf8.contains($0) }) where word.contains(UInt8(ascii: ".")) {
        words.insert(String(decoding: word, as: UTF8.self))
      }
    }
    return words
  }

  /// All literals in the sources that have the form of an id, but those that tell of numbered constraints.
  private static let ids = Result { () throws -> [String] in
    var ids: Set<String> = []
    for path in Checkout.files(below: "Sources", ending: ".swift") where !path.contains("/Generated/") {
      for line in try Checkout.text(path).split(separator: "\n") where !line.drop(while: { $0 == " " }).hasPrefix("//") {
        // What stands between quotes is every second part.
        for (index, part) in line.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
        where index % 2 == 1 && isID(part) {
          ids.insert(String(part))
        }
      }
    }
    return ids.sorted()
  }

  private static func isID(_ text: Substring) -> Bool {
    let words = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard words.count == 2, let area = words[0].first, let what = words[1].first else { return false }
    let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
    guard letters.contains(area), letters.contains(what) else { return false }
    guard text.utf8.allSatisfy({ $0 > 0x2C && $0 < 0x80 && $0 != UInt8(ascii: "/") }) else { return false }
    let isIntrinsic = text.hasPrefix("llvm.") && !["llvm.emit", "llvm.target"].contains(text)
    if files.contains(where: text.hasSuffix) { return false }
    return !isIntrinsic && !text.hasPrefix("hw.") && !others.contains(String(text))
  }
}
