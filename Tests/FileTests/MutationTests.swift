import Apus
import ApusCompiler
import ApusIR
import ApusSupport
import Foundation
import Testing

/// Texts near those that are meant: any bytes end in a module or in diagnostics, and a module that verifies goes
/// through printing, reading and all passes.
///
/// `MUTANTS=5000` tries more of them, from other seeds with `SEED`; `MUTANT=path` keeps the one at hand, so that a
/// crash leaves it behind.
@Suite struct MutationTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let count = environment["MUTANTS"].flatMap { Int($0) } ?? 240
  private static let batches = 8

  private static let originals: [(name: String, bytes: [UInt8])] = {
    let examples = Examples.files.map { ($0.lastPathComponent, $0) }
    return (CasePath.all.map { ($0.name, $0.url) } + examples).compactMap { name, url in
      guard let data = try? Data(contentsOf: url), data.count < 1 << 16 else { return nil }
      return (name, [UInt8](data))
    }
  }()

  private enum Examples {
    static let files: [URL] = {
      let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      let folder = root.appending(path: "Examples")
      return (FileManager.default.subpaths(atPath: folder.path) ?? []).sorted().filter { $0.hasSuffix(".apus") }
        .map { folder.appending(path: $0) }
    }()
  }

  @Test(arguments: 0..<batches) func mutantsAreSurvived(batch: Int) throws {
    let first = Self.environment["SEED"].flatMap { UInt64($0) } ?? 1
    var random = SplitMix64(seed: first &* 1_000_003 &+ UInt64(batch))
    for _ in 0..<Self.count / Self.batches {
      let original = Self.originals[Int.random(in: 0..<Self.originals.count, using: &random)]
      var bytes = original.bytes
      for _ in 0..<Int.random(in: 1...3, using: &random) { Self.mutate(&bytes, &random) }
      if let path = Self.environment["MUTANT"] {
        let ending = original.name.hasSuffix(".ir") ? "ir" : "apus"
        try Data(bytes).write(to: URL(filePath: "\(path)-\(batch).\(ending)"))
      }
      let start = ContinuousClock.now
      survive(bytes, named: original.name)
      let time = ContinuousClock.now - start
      if Self.environment["MUTANT"] != nil, time > .seconds(3) { print("batch \(batch): \(original.name) took \(time)") }
    }
  }

  private func survive(_ bytes: [UInt8], named name: String) {
    let source = SourceText(name: name, bytes: bytes)
    do {
      var module = name.hasSuffix(".ir") ? try ModelFile.parse(ir: source) : try GraphFile.parse(source)
      let found = module.verify()
      #expect(found.isEmpty, "\(name): \(DiagnosticError(found))")
      _ = module.mlir()
      // Large constants lie in a file, which the text alone does not have.
      let document = module.document(TextOptions())
      if document.blocks.isEmpty {
        #expect(try ModelFile.parse(ir: SourceText(name: "again", text: document.text)).text() == document.text)
      }
      var optimization = try Optimization(phase: .loops)
      optimization.verifiesEach = true
      var timing = Timing()
      try optimization.run(on: &module, timing: &timing)
    } catch let error as DiagnosticError {
      #expect(!error.diagnostics.isEmpty && error.diagnostics.count <= 100)
      #expect(!error.diagnostics.contains { $0.id.hasSuffix(".internal") }, "\(name): \(error)")
      // Rendering reaches into the text: it must bear every place.
      for diagnostic in error.diagnostics { #expect(!diagnostic.rendered().isEmpty) }
    } catch {
      Issue.record(error, "\(name)")
    }
  }

  private static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
    guard !bytes.isEmpty else { return bytes.append(UInt8.random(in: 0...255, using: &random)) }
    let at = Int.random(in: 0..<bytes.count, using: &random)
    let end = min(bytes.count, at + Int.random(in: 1...24, using: &random))
    switch Int.random(in: 0..<7, using: &random) {
    case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: bytes[at] = UInt8.random(in: 0...255, using: &random)
    case 2: bytes.removeSubrange(at..<end)
    case 3: bytes.insert(contentsOf: bytes[at..<end], at: at)
    case 4:
      // A piece from elsewhere.
      let to = Int.random(in: 0...bytes.count, using: &random)
      bytes.insert(contentsOf: Array(bytes[at..<end]), at: to)
    case 5: replaceNumber(in: &bytes, after: at, &random)
    default: replaceWord(in: &bytes, after: at, &random)
    }
  }

  private static func replaceNumber(in bytes: inout [UInt8], after at: Int, _ random: inout SplitMix64) {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard let start = bytes[at...].firstIndex(where: digits.contains) else { return }
    let end = bytes[start...].firstIndex { !digits.contains($0) } ?? bytes.count
    let numbers = ["0", "1", "2", "-1", "3", "65537", "4294967296", "9223372036854775807", "B", "N"]
    bytes.replaceSubrange(start..<end, with: numbers[Int.random(in: 0..<numbers.count, using: &random)].utf8)
  }

  /// By another word of the same text.
  private static func replaceWord(in bytes: inout [UInt8], after at: Int, _ random: inout SplitMix64) {
    func isLetter(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "_") || (byte | 0x20) &- UInt8(ascii: "a") < 26 }
    func word(after at: Int) -> Range<Int>? {
      guard let start = bytes[at...].firstIndex(where: isLetter) else { return nil }
      return start..<(bytes[start...].firstIndex { !isLetter($0) } ?? bytes.count)
    }
    guard let old = word(after: at), let new = word(after: Int.random(in: 0..<bytes.count, using: &random)) else { return }
    bytes.replaceSubrange(old, with: Array(bytes[new]))
  }
}
