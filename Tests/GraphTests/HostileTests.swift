import ApusGraph
import ApusIR
import ApusSupport
import Testing

/// Texts that nobody means well with: they are read or refused, in time and memory of their length.
@Suite struct HostileTests {
  private static let good = """
    // Every construct of the language.
    graph f(x: f32[B, 4], n: s64[], b: bool[]) -> (y: f32[B, 4], s32[]) where B in 1...512 {
      w = weight f32[4, 4] random(seed: 1, scale: 0.1); v = weight f32[2] = [1, -2.5]
      for k in range(0, 2) { x = max(x @ w, 0.5) * (k + 1) % 3 }
      assert(n >= 0 && !(n > 100), "n is in\\t0...100")
      i, y = while i = 0, y = x; i < n { i + 1, concat(y[0:0], y)[0] }
      z = if b { softmax(x, axis: -1) } else { gelu(x, approximate: tanh) - inf }
      d = [B, 2 * B] ++ shape(x)[0:1]
      return g(z, d[-1]), convert([n, 1][1], to: s32)
    }
    graph g(z: f32[N, M], k: s64[]) { return z == nan || true, z }
    """

  private func read(_ bytes: some Sequence<UInt8>) {
    do {
      let module = try GraphFile.parse(SourceText(name: "hostile.apus", bytes: Array(bytes)))
      let found = module.verify()
      #expect(found.isEmpty, "\(DiagnosticError(found))")
    } catch {
      #expect(!error.diagnostics.isEmpty)
      // Rendering reaches into the text: it must bear every place.
      #expect(!error.description.isEmpty)
    }
  }

  @Test func everyPrefix() {
    let bytes = Array(Self.good.utf8)
    for end in 0...bytes.count { read(bytes[..<end]) }
  }

  @Test func everySuffix() {
    let bytes = Array(Self.good.utf8)
    for start in stride(from: 0, through: bytes.count, by: 3) { read(bytes[start...]) }
  }

  @Test(arguments: 0..<8) func mutations(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let bytes = Array(Self.good.utf8)
    let pieces = [
      "(", ")", "[", "]", "{", "}", "=", ",", ":", "\"", "-", "++", "@", "if ", "while ", "9999999999", "0", "\n", ";",
    ]
    .map { Array($0.utf8) }
    for _ in 0..<60 {
      var mutant = bytes
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let at = Int.random(in: 0..<mutant.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: mutant[at] = UInt8.random(in: 0...255, using: &random)
        case 1: mutant.remove(at: at)
        case 2: mutant.insert(contentsOf: pieces[Int.random(in: 0..<pieces.count, using: &random)], at: at)
        default:
          let other = Int.random(in: 0..<mutant.count, using: &random)
          mutant.swapAt(at, other)
        }
      }
      read(mutant)
    }
  }

  @Test(arguments: [
    ("(", "x", ")"), ("[", "1", "]"), ("exp(", "x", ")"), ("-", "x", ""), ("!", "x", ""),
    ("if b { ", "x", " } else { x }"), ("while a = ", "x", "; b { a }"), ("x[", "0", "]"), ("max(x, ", "x", ")"),
    ("(", "", ""), ("if b { ", "", ""), ("{", "", ""), ("x @ (", "x", ")"), ("while a = x; b { ", "x", " }"),
  ]) func nesting(open: String, middle: String, close: String) {
    for depth in [60, 10_000] {
      let text =
        "graph f(x: f32[4, 4], b: bool[]) {\n  y = " + String(repeating: open, count: depth) + middle
        + String(repeating: close, count: depth) + "\n  return x\n}"
      read(text.utf8)
      if depth > 1000, !middle.isEmpty { #expect(mistakes(text).contains("2: parse.nesting")) }
    }
  }

  @Test func nestedLoopsOfStatements() {
    let depth = 10_000
    let text =
      "graph f(x: f32[4]) {\n" + String(repeating: "for k in [1] {", count: depth)
      + String(repeating: "}", count: depth)
      + "\n  return x\n}"
    #expect(mistakes(text).first == "2: parse.nesting")
  }

  @Test func longChainsTakeNoStack() throws {
    let text = "graph f(x: f32[2]) { return x" + String(repeating: " + x", count: 20_000) + " }"
    #expect(try GraphFile.parse(SourceText(name: "sum", text: text)).functions[0].opCapacity == 20_001)
    let product = "graph f(x: f32[2, 2]) { return x" + String(repeating: " @ x", count: 2000) + " }"
    #expect(try module(product).functions[0].opCapacity == 2001)
    #expect(mistakes("graph f() { return 1" + String(repeating: " + 1", count: 20_000) + " }") == [])
  }

  @Test func manyStatementsGraphsParametersAndResults() throws {
    var text = "graph f(x0: f32[]"
    for index in 1..<2000 { text += ", x\(index): f32[]" }
    text += ") {\n"
    for index in 0..<2000 { text += "  x\(index) = x\(index) + \(index)\n" }
    text += "  return x0" + (1..<2000).map { ", x\($0)" }.joined() + "\n}"
    #expect(try module(text).functions[0].resultTypes.count == 2000)
  }

  /// A short text must not name something huge.
  @Test(arguments: [
    ("a = [1]\n" + String(repeating: "a = a ++ a\n", count: 60), "static.limit"),
    ("a = [1]\n" + String(repeating: "a = [a, a]\n", count: 60), "static.limit"),
    ("a = [x]\n" + String(repeating: "a = [a, a]\n", count: 20) + "b = a + x", "static.limit"),
    ("a = range(0, 1000000000000)", "static.limit"),
    ("a = repeat(0, 1000000000000)", "static.limit"),
    ("for i in range(0, 3000) { for j in range(0, 3000) { k = j } }", "static.limit"),
    ("a = B\n" + String(repeating: "a = a * (a + 1)\n", count: 20), "dim.size"),
    ("a = B\n" + String(repeating: "a = floordiv(a * a + 1, a + 3)\n", count: 30), "dim.size"),
    ("a = 2\n" + String(repeating: "a = a * a\n", count: 20), "dim.overflow"),
    ("a = constant(value: 0, shape: [4294967296, 4294967296])", "dim.overflow"),
    ("a = iota(shape: [9223372036854775807], to: f32)", "dim.overflow"),
    ("a = weight f32[1048576, 1048576, 1048576, 1048576] random(seed: 1)", "dim.overflow"),
    ("a = weight f32[1048576, 1048576] random(seed: 1)", "weight.size"),
    ("a = concat(" + String(repeating: "x, ", count: 70_000) + "x, axis: 0)", "op.operands"),
    ("a = [" + String(repeating: "x, ", count: 70_000) + "x]\nb = a + x", "static.limit"),
  ]) func shortTextsThatMeanTooMuch(body: String, id: String) {
    let found = mistakes("graph f(x: f32[], y: f32[B]) {\n\(body)\nreturn x\n}")
    #expect(found.contains { $0.hasSuffix(id) }, "\(found.prefix(5))")
  }

  @Test func binaryFilesAreRefusedBriefly() {
    var random = SplitMix64(seed: 3)
    let bytes = (0..<20_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    do {
      _ = try GraphFile.parse(SourceText(name: "binary", bytes: bytes))
      Issue.record("nothing was thrown")
    } catch {
      #expect(error.diagnostics.count <= 100)
    }
  }

  @Test func emptyFiles() {
    #expect(mistakes("") == ["parse.empty"])
    #expect(mistakes("  // nothing\n") == ["parse.empty"])
    #expect(mistakes("\u{FEFF}") == ["parse.empty"])
  }
}
