import ApusSupport
import ApusTensor
import Testing

@testable import ApusIR

/// Any text gives a module or diagnostics, never a crash. A module that comes out can be verified,
/// printed and read again.
@discardableResult
private func survives(_ bytes: [UInt8]) -> [String] {
  do throws(DiagnosticError) {
    let module = try Module.parse(SourceText(name: "hostile.ir", bytes: bytes))
    _ = module.verify()
    _ = module.mlir()
    let text = module.text()
    do throws(DiagnosticError) {
      let again = try Module.parse(SourceText(name: "again.ir", text: text))
      #expect(again.text() == text)
    } catch {
      // Constants in files are the one thing that cannot be read back without their file.
      #expect(error.diagnostics.allSatisfy { $0.id == "file.missing" }, "\(error)\n\(text)")
    }
    return []
  } catch {
    #expect(!error.diagnostics.isEmpty && error.diagnostics.count <= 100)
    for diagnostic in error.diagnostics { _ = diagnostic.rendered() }
    return error.diagnostics.map(\.id)
  }
}

private func ids(_ text: String) -> [String] { survives(Array(text.utf8)) }

private func function(_ body: String) -> String {
  "apus-ir 1\nfunc @f(%x: f32[4], %b: bool[]) -> f32[4] {\n\(body)\n}\n"
}

@Test(arguments: CanonicalText.names) func everyPrefixIsSurvived(_ name: String) throws {
  let bytes = Array(try CanonicalText.load(name).utf8)
  for length in 0..<bytes.count { survives(Array(bytes[..<length])) }
}

@Test(arguments: CanonicalText.names) func flippedBytesAreSurvived(_ name: String) throws {
  let bytes = Array(try CanonicalText.load(name).utf8)
  var random = SplitMix64(seed: 7)
  for _ in 0..<150 {
    var broken = bytes
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      let at = Int.random(in: 0..<broken.count, using: &random)
      switch Int.random(in: 0..<4, using: &random) {
      case 0: broken[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1: broken[at] = UInt8.random(in: 0...255, using: &random)
      case 2: broken.remove(at: at)
      default: broken.insert(bytes[Int.random(in: 0..<bytes.count, using: &random)], at: at)
      }
    }
    survives(broken)
  }
}

/// Whole tokens moved about: further from a good text than a flipped bit gets.
@Test(arguments: CanonicalText.names) func shuffledTokensAreSurvived(_ name: String) throws {
  let source = SourceText(name: "tokens", text: try CanonicalText.load(name))
  var lexer = Lexer(source, dialect: .ir)
  var tokens: [String] = []
  while true {
    let token = lexer.next()
    if token.kind == .endOfFile { break }
    tokens.append((token.startsLine ? "\n" : " ") + source[token.range])
  }
  var random = SplitMix64(seed: 11)
  for _ in 0..<100 {
    var broken = tokens
    let from = Int.random(in: 4..<broken.count, using: &random)
    let to = Int.random(in: 4..<broken.count, using: &random)
    switch Int.random(in: 0..<3, using: &random) {
    case 0: broken.swapAt(from, to)
    case 1: broken[from] = broken[to]
    default: broken.remove(at: from)
    }
    survives(Array(broken.joined().utf8))
  }
}

@Test func garbageIsSurvived() {
  var random = SplitMix64(seed: 3)
  let garbage = (0..<200_000).map { _ in UInt8.random(in: 0...255, using: &random) }
  survives(garbage)
  survives(Array("apus-ir 1\n".utf8) + garbage)
  survives(Array(function("").utf8) + garbage)
  let letters = Array("%@(){}[]<>:,=-0123456789abfunc \n\"".utf8)
  let soup = (0..<200_000).map { _ in letters[Int.random(in: 0..<letters.count, using: &random)] }
  survives(Array("apus-ir 1\n".utf8) + soup)
  #expect(survives([0x89, 0x50, 0x4E, 0x47] + [UInt8](repeating: 0, count: 4096)) == ["parse.character"])
  #expect(survives([]) == ["parse.empty"])
  #expect(ids("// nothing\n") == ["parse.empty"])
}

@Test func deepNestingIsAnError() {
  func many(_ text: String) -> String { String(repeating: text, count: 10_000) }
  #expect(ids(function(many("%y: f32[4] = if %b { ") + "yield %x " + many("} else { yield %x }"))) == ["parse.nesting"])
  #expect(ids("apus-ir 1\nfunc @f(%x: f32[\(many("("))B\(many(")"))]) {\n  return\n}\n") == ["parse.nesting"])
  #expect(ids("apus-ir 1\nfunc @f(%x: f32[B\(many(" mod B"))]) {\n  return\n}\n").count == 1)
  #expect(ids("apus-ir 1\nfunc @f(%x: f32[\(many("-"))B]) {\n  return\n}\n") == ["parse.nesting"])
  #expect(ids(function("  %c: f32[2] = constant \(many("["))1\(many("]"))\n  return %x")) == ["constant.count"])
  #expect(!ids(function(many("{"))).isEmpty)
  #expect(!ids(function(many("(") + many("[") + many("}"))).isEmpty)
}

@Test func sizesAreBounded() {
  #expect(ids("apus-ir 1\nfunc @f(%x: f32[\(String(repeating: "1, ", count: 300))1]) {\n  return\n}\n") == ["dim.rank"])
  let product = (0..<40).map { "(a\($0) + b\($0))" }.joined(separator: "*")
  #expect(ids("apus-ir 1\nfunc @f(%x: f32[\(product)]) {\n  return\n}\n") == ["dim.size"])
  let sums = (0..<60).map { "a\($0) + b\($0)" }.joined(separator: ", ")
  survives(Array("apus-ir 1\nfunc @f(%x: f32[\(sums)]) -> f32[\(sums)] {\n  %y = exp %x\n  return %y\n}\n".utf8))
  let operands = Array(repeating: "%x", count: 40_000).joined(separator: ", ")
  #expect(ids(function("  %y: f32[4] = concat \(operands), axis: 0\n  return %y")) == ["op.operands"])
  let results = (0..<40_000).map { "%\($0): f32[4]" }.joined(separator: ", ")
  #expect(ids(function("  \(results) = call @f\n  return %x")) == ["op.results"])
  let modulos = (2..<400).map { " mod \($0 % 7 + 2) + B" }.joined()
  survives(Array("apus-ir 1\nfunc @f(%x: f32[\(String(repeating: "(", count: 30))B\(modulos)]) {\n  return\n}\n".utf8))
  let least = "(0 - 9223372036854775807 - 1)"
  let types = "f32[B mod (0 - 1), B*\(least) mod (0 - 1)]"
  #expect(ids("apus-ir 1\nfunc @f(%x: \(types)) {\n  return\n}\n") == ["dim.overflow"])
}

/// A mistake is reported once, and the rest of the file is read all the same.
@Test func severalMistakesAreReported() {
  let text = """
    apus-ir 1
    func @f(%x: f32[4]) -> f32[4] {
      %a: f32[4] = frob %x
      %b: f32[4] = add %a, %x
      %c: f32[4] = exp %nowhere
      %d: f32[4] = add %x %x
      %e: f32[4] = exp %c, axis: 1
      %f: f32[4 = exp %x
      %g: f32[4] = "text" # %x
      %h: f32[5] = exp %x
      return %b
    }
    func @g(%x: q8[4]) { return }
    func @h(%x: f32[4]) { frob }
    """
  #expect(
    ids(text) == [
      "op.unknown", "parse.expected", "op.attribute", "parse.expected", "parse.character", "type.mismatch",
      "name.unknown", "type.unknown", "op.unknown",
    ])
}
