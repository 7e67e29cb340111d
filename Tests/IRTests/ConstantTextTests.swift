import ApusSupport
import ApusTensor
import Testing

@testable import ApusIR

/// Files that exist in memory only.
private struct Folder: ConstantLoader {
  var files: [String: [UInt8]]

  func load(_ file: String) throws(DiagnosticError) -> TensorStorage {
    guard let bytes = files[file] else { throw DiagnosticError(id: "file.missing", "there is no '\(file)'") }
    return Tensor(bytes).storage
  }
}

private func module(with tensor: Tensor) throws -> Module {
  var function = Function(name: "f")
  let type = TensorType(tensor.elementType, tensor.shape.map { .constant($0) })
  let value = try function.emit(
    .constant, [], [NamedAttribute("value", .tensor(ConstantTensor(tensor)))], stated: type)
  function.setName("w", of: value)
  function.resultTypes = [type]
  function.insert(.return, [value], results: [], at: .end(of: function.entry))
  return Module(function)
}

@Test func largeConstantsLieInAFile() throws {
  let tensor = Tensor((0..<65).map { Float($0) / 3 }, shape: [5, 13])
  let document = try module(with: tensor).document(TextOptions(constantsFile: "w.bin"))
  #expect(document.text.contains("%w: f32[5, 13] = constant @w\n"))
  #expect(document.text.hasSuffix("constants {\n  @w = \"w.bin\", 0, 260, sha256 \"\(tensor.sha256)\"\n}\n"))
  #expect(document.blocks.map(\.offset) == [0])
  let bytes = document.blocks[0].tensor.withUnsafeBytes { Array($0) }
  let padded = [UInt8](repeating: 0, count: 64) + bytes
  let read = try Module.parse(
    SourceText(name: "f.ir", text: document.text.replacing("\", 0,", with: "\", 64,")),
    constants: Folder(files: ["w.bin": padded]))
  #expect(read.text().contains("@w = \"w.bin\", 64, 260,"))
  #expect(read.verify().isEmpty)
  guard case .tensor(let constant)? = read.functions[0].attribute("value", of: read.functions[0].allOps()[0]) else {
    Issue.record("no tensor")
    return
  }
  #expect(constant.tensor == tensor)
}

@Test func constantsAtTheLimitStayInline() throws {
  let text = try module(with: Tensor((0..<64).map { Int32($0) })).text()
  #expect(text.contains("constant [0, 1, 2"))
  #expect(!text.contains("constants {"))
}

@Test func equalConstantsShareAnEntry() throws {
  let first = try module(with: Tensor([Float](repeating: 1, count: 100)))
  var second = first.functions[0]
  second.name = "g"
  var both = first
  both.add(second)
  #expect(both.document().blocks.count == 1)
}

@Test(arguments: [
  ("\"nowhere.bin\", 0, 400, sha256 \"\"", "file.missing"), ("\"w.bin\", 8, 400, sha256 \"\"", "constant.range"),
  ("\"w.bin\", 0, 396, sha256 \"%\"", "constant.count"), ("\"w.bin\", 0, 400, sha256 \"00\"", "constant.hash"),
  ("\"w.bin\", -4, 400, sha256 \"00\"", "constant.range"),
  ("\"w.bin\", 9223372036854775807, 400, sha256 \"00\"", "constant.range"),
  ("\"w.bin\", 0, 400", "parse.expected"),
])
func wrongTables(_ entry: String, _ id: String) {
  let bytes = [UInt8](repeating: 0, count: 400)
  let hash = Tensor(Array(bytes[..<396])).sha256.description
  let text = """
    apus-ir 1
    func @f() -> f32[100] {
      %c: f32[100] = constant @w
      return %c
    }
    constants {
      @w = \(entry.replacing("%", with: hash))
    }
    """
  do throws(DiagnosticError) {
    _ = try Module.parse(SourceText(name: "t.ir", text: text), constants: Folder(files: ["w.bin": bytes]))
    Issue.record("parsed")
  } catch {
    let ids = error.diagnostics.map(\.id)
    #expect(ids.first == id)
  }
}

/// Every value of the narrow types, and hard ones of the wide, read back bit for bit.
@Test(arguments: [ElementType.f16, .bf16]) func narrowFloatsAreExact(_ type: ElementType) {
  for bits in stride(from: UInt64(0), through: 0xFFFF, by: 7) {
    expectExact(ScalarText.value(bits: bits, type), type)
  }
}

@Test func wideFloatsAreExact() {
  var random = SplitMix64(seed: 5)
  for _ in 0..<2000 {
    expectExact(ScalarText.value(bits: random.next() & 0xFFFF_FFFF, .f32), .f32)
    expectExact(ScalarText.value(bits: random.next(), .f64), .f64)
  }
  let special: [UInt64] = [
    0, 1, 0x8000_0000, 0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0xFFC0_0000, 0x7F80_0001, 0x007F_FFFF,
  ]
  for bits in special {
    expectExact(ScalarText.value(bits: bits, .f32), .f32)
  }
}

private func expectExact(_ scalar: Scalar, _ type: ElementType) {
  let text = ScalarText.text(scalar, type)
  var tokens = TokenStream(SourceText(name: "t", text: text), dialect: .ir)
  let read = tokens.literal(type)
  #expect(read.map { ScalarText.bits($0.asDouble, type) } == ScalarText.bits(scalar.asDouble, type), "\(text)")
}

@Test(arguments: [
  ("256", ElementType.u8, "literal.range"), ("-1", .u8, "literal.range"), ("-129", .s8, "literal.range"),
  ("9223372036854775808", .s64, "literal.range"), ("18446744073709551616", .u64, "literal.range"),
  ("1.5", .s32, "literal.type"),
  ("inf", .s32, "literal.type"), ("1", .bool, "literal.type"), ("true", .f32, "literal.type"),
  ("1e39", .f32, "literal.range"),
  ("1e6", .f16, "literal.range"), ("0x1ffff", .f16, "literal.range"), ("-0x7fc0", .bf16, "literal.range"),
  ("1e400", .f64, "literal.range"),
])
func wrongLiterals(_ text: String, _ type: ElementType, _ id: String) {
  var tokens = TokenStream(SourceText(name: "t", text: text), dialect: .ir)
  #expect(tokens.literal(type) == nil)
  #expect(tokens.diagnostics.list.map(\.id) == [id])
}
