import ApusGraph
import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Foundation
import Testing

/// Weights from files, from literals and from chance.
@Suite final class WeightTests {
  private let folder = FileManager.default.temporaryDirectory.appending(path: "apus-weights-\(UUID().uuidString)")

  init() throws {
    try FileManager.default.createDirectory(at: folder.appending(path: "model/deep"), withIntermediateDirectories: true)
    let (w, v) = (floats([1, 2, 3, 4], 2, 2), Tensor([Int64(5), 6]))
    try TensorFile.write([("w", w), ("v", v)], path: path("model/two.npz"))
    try TensorFile.write([("w", w), ("a/b c", v)], path: path("model/two.safetensors"))
    try TensorFile.write([("", w)], path: path("model/deep/one.npy"))
    try TensorFile.write([("w", w)], path: path("outside.npz"))
    try TensorFile.write([("w", floats([7, 8, 9, 10], 2, 2))], path: path("model/net.safetensors"))
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  private func path(_ name: String) -> String { folder.appending(path: name).path }

  private func load(_ statements: String) throws(DiagnosticError) -> Module {
    let file = path("model/net.apus")
    try? Data("graph f(x: f32[2, 2]) {\n\(statements)\n}".utf8).write(to: URL(filePath: file))
    return try GraphFile.load(path: file)
  }

  private func results(_ statements: String) throws -> [Tensor] {
    try Interpreter(try load(statements)).run([floats([0, 0, 0, 0], 2, 2)])
  }

  private func mistake(_ statements: String) -> String {
    do {
      _ = try load(statements)
      return "nothing"
    } catch {
      return error.diagnostics.map { diagnostic in
        guard case .text(let source, let range) = diagnostic.place else { return "\(diagnostic.id) nowhere" }
        return "\(diagnostic.id) \(source[range])"
      }.joined(separator: ", ")
    }
  }

  @Test func weightsOfFiles() throws {
    let found = try results(
      """
      w = weight f32[2, 2] from "two.npz"; v = weight s64[2] from "two.npz"
      u = weight s64[2] from "two.safetensors" name: "a/b c"
      t = weight f32[2, 2] from "deep/one.npy"
      return w, v, u, t
      """)
    let (w, v) = (floats([1, 2, 3, 4], 2, 2), Tensor([Int64(5), 6]))
    #expect(found == [w, v, v, w])
    let module = try load("w = weight f32[2, 2] from \"two.npz\"\nreturn w")
    let function = module.functions[0]
    guard case .tensor(let constant)? = function.attribute("value", of: function.allOps()[0]) else {
      Issue.record("no constant")
      return
    }
    #expect(constant.origin == .init(file: "two.npz", name: "w"))
  }

  @Test func withoutAFileTheOneCalledLikeTheGraphsIsTaken() throws {
    #expect(try results("w = weight f32[2, 2]\nreturn w") == [floats([7, 8, 9, 10], 2, 2)])
  }

  @Test(arguments: [
    ("w = weight f32[2, 3] from \"two.npz\"", "weight.shape \"two.npz\""),
    ("w = weight f64[2, 2] from \"two.npz\"", "weight.type \"two.npz\""),
    ("z = weight f32[2, 2] from \"two.npz\"", "weight.missing \"two.npz\""),
    ("w = weight f32[2, 2] from \"two.npz\" name: \"W\"", "weight.missing \"two.npz\""),
    ("w = weight f32[2, 2] from \"none.npz\"", "file.missing \"none.npz\""),
    ("w = weight f32[2, 2] from \"deep/one.npy\" name: \"w\"", "file.array-name \"deep/one.npy\""),
    ("w = weight f32[2, 2] from \"deep\"", "file.format \"deep\""),
    ("w = weight f32[2, 2] from \"../outside.npz\"", "file.outside \"../outside.npz\""),
    ("w = weight f32[2, 2] from \"deep/../../outside.npz\"", "file.outside \"deep/../../outside.npz\""),
    ("w = weight f32[2, 2] from \"/etc/passwd\"", "file.outside \"/etc/passwd\""),
    ("w = weight f32[2, x] from \"two.npz\"", "weight.shape x"),
    ("w = weight f32[-2] from \"two.npz\"", "dim.negative f32[-2]"),
    ("w = weight f32[2] = [1, 2, 3]", "weight.count [1, 2, 3]"),
    ("w = weight f32[2, 2] = [[1, 2], [3]]", "weight.count [[1, 2], [3]]"),
    ("w = weight f32[1] = [x]", "weight.literal [x]"),
    ("w = weight s8[1] = [300]", "literal.range [300]"),
    ("w = weight s8[1] random(seed: 1)", "weight.type weight s8[1] random(seed: 1)"),
    ("w = weight f32[1] random(scale: 1)", "op.attribute weight f32[1] random(scale: 1)"),
    ("w = weight f32[1] random(seed: 1, seed: 2)", "op.attribute seed: 2"),
    ("w = weight f32[1] random(seed: 0.5)", "op.attribute seed: 0.5"),
  ]) func wrongWeights(statement: String, expected: String) {
    #expect(mistake(statement + "\nreturn x") == expected)
  }

  @Test func linksDoNotLeadOut() throws {
    try FileManager.default.createSymbolicLink(atPath: path("model/link.npz"), withDestinationPath: path("outside.npz"))
    #expect(mistake("w = weight f32[2, 2] from \"link.npz\"\nreturn w") == "file.outside \"link.npz\"")
    try FileManager.default.createSymbolicLink(
      atPath: path("model/inner.npz"), withDestinationPath: path("model/two.npz"))
    #expect(mistake("w = weight f32[2, 2] from \"inner.npz\"\nreturn w") == "nothing")
  }

  @Test func textsWithoutAFolderReadNothing() {
    #expect(mistakes("graph f() { w = weight f32[1] from \"w.npz\"; return w }") == ["1: weight.files"])
  }

  @Test func literalsFillOrList() throws {
    let found = try results(
      """
      a = weight f16[2, 3] = 0.5
      b = weight bool[2] = [true, false]
      c = weight u64[1] = [18446744073709551615]
      d = weight s32[] = -7
      e = weight f32[0] = []
      return a, b, c, d, e
      """)
    #expect(doubles(found[0]) == [Double](repeating: 0.5, count: 6))
    #expect(found[1] == Tensor([true, false]))
    #expect(found[2] == Tensor([UInt64.max]))
    #expect(found[3] == Tensor(scalar: Int32(-7)))
    #expect(found[4].shape == [0])
  }

  /// The definition: bits as `random_bits` draws them, their leading 24 the way from −scale to scale.
  @Test func randomWeightsComeFromRandomBits() throws {
    let found = try run(
      """
      graph f() {
        w = weight f32[7] random(seed: 42, scale: 0.5)
        d = weight f64[3] random(seed: 42)
        return w, random_bits(seed: 42, shape: [7], to: u32), d, random_bits(seed: 42, shape: [3], to: u64)
      }
      """)
    let bits = found[1].values(as: UInt32.self)
    #expect(doubles(found[0]) == bits.map { (Double($0 >> 8) * 0x1p-23 - 1) * 0.5 })
    let wide = found[3].values(as: UInt64.self)
    #expect(doubles(found[2]) == wide.map { Double($0 >> 11) * 0x1p-52 - 1 })
    #expect(Set(doubles(found[0])).count == 7)
  }

  @Test func theDigitsExample() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let module = try GraphFile.load(path: root.appending(path: "Examples/digits/digits.apus").path)
    #expect(module.verify().isEmpty)
    let function = module.functions[0]
    #expect(function.resultNames == ["digit", "probabilities"])
    #expect(function.resultTypes.map { function.symbols.text($0) } == ["s64[B]", "f32[B, 10]"])
    #expect(!ops(function).contains("assert"))
  }
}
