import ApusCompiler
import ApusIR
import ApusSupport
import ApusTensor
import Foundation
import Testing

@Suite struct RandomInputsTests {
  private func function(_ parameters: String, _ bounds: String = "") throws -> Function {
    try ModelFile.parse(ir: SourceText(name: "t.ir", text: "apus-ir 1\nfunc @f(\(parameters)) \(bounds) {\n  return\n}\n"))
      .functions[0]
  }

  @Test func sizesLieWithinTheirBounds() throws {
    let function = try function("%x: f32[B, 2*B], %y: bool[N, 3]", "where B in 2...3, N in 0...1")
    for seed in 0..<20 {
      var random = RandomInputs(seed: UInt64(seed))
      let inputs = try random.inputs(of: function)
      #expect((2...3).contains(inputs[0].shape[0]) && inputs[0].shape[1] == 2 * inputs[0].shape[0])
      #expect(inputs[1].elementType == .bool && inputs[1].shape[0] <= 1 && inputs[1].shape[1] == 3)
    }
    var random = RandomInputs(seed: 0)
    #expect(try random.inputs(of: function, sizes: ["B": 5])[0].shape == [5, 10])
    var a = RandomInputs(seed: 1)
    var b = RandomInputs(seed: 1)
    let drawn = try (a.inputs(of: function), b.inputs(of: function))
    #expect(drawn.0 == drawn.1)
  }

  @Test func negativeSizesAreRefused() throws {
    let function = try function("%x: f32[B - 100, B]")
    var random = RandomInputs(seed: 1)
    do {
      _ = try random.inputs(of: function)
      Issue.record("a negative size was drawn")
    } catch {
      #expect(error.diagnostics.map(\.id) == ["inputs.size"])
    }
  }

  @Test func textsThatNoParserTakesAreNotReadIntoMemory() throws {
    // A hole: the file takes no space on disk.
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for name in ["large.ir", "large.apus"] {
      let path = folder.appendingPathComponent(name).path
      #expect(FileManager.default.createFile(atPath: path, contents: nil))
      truncate(path, (1 << 30) + 1)
      do {
        _ = try ModelFile.load(path: path)
        Issue.record("a file of a GiB was read")
      } catch {
        #expect(error.diagnostics.map(\.id) == ["parse.size"])
      }
    }
  }
}
