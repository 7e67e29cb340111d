import Apus
import ApusSupport
import Foundation
import Testing

/// The classifier of `Examples/digits`, compiled: it must do what NumPy does with the same weights (see its README).
@Suite struct DigitsTests {
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Examples/digits").path

  private func held(_ name: String) throws -> Tensor {
    try TensorFile(path: Self.folder + "/heldout.npz").tensor(named: name)
  }

  private func accuracy(folder: String) throws -> Float {
    let model = try Model(contentsOf: folder + "/digits.apus", options: ModelOptions(function: "evaluate"))
    let outputs = try model.run(named: ["images": held("images"), "labels": held("labels")])
    return try #require(outputs["accuracy"]).values(as: Float.self)[0]
  }

  @Test func isAsAccurateAsNumPy() throws {
    #expect(try accuracy(folder: Self.folder) == 357.0 / 360.0)
  }

  @Test(arguments: [1, 2]) func givesTheProbabilitiesOfNumPy(threads: Int) throws {
    let model = try Model(contentsOf: Self.folder + "/digits.apus", options: ModelOptions(threads: threads))
    let outputs = try model.run(named: ["images": held("images")])
    let expected = try held("expected").values(as: Float.self)
    let actual = try #require(outputs["probabilities"]).values(as: Float.self)
    #expect(actual.count == expected.count)
    #expect(zip(actual, expected).allSatisfy { abs($0 - $1) <= 1e-5 })
    let digits = try #require(outputs["digit"]).values(as: Int64.self)
    for (row, digit) in digits.enumerated() {
      let best = expected[row * 10..<row * 10 + 10].enumerated().max { $0.element < $1.element }
      #expect(best?.offset == Int(digit), "image \(row)")
    }
  }

  /// What comes out depends on the weights that lie beside the graph, on each single one.
  @Test func oneAlteredWeightMovesTheAccuracy() throws {
    let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("digits-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: scratch) }
    try FileManager.default.copyItem(
      atPath: Self.folder + "/digits.apus", toPath: scratch.path + "/digits.apus")
    let weights = try TensorFile(path: Self.folder + "/digits.safetensors")
    var altered: [(name: String, tensor: Tensor)] = []
    for name in weights.names {
      var tensor = try weights.tensor(named: name)
      if name == "b4" { tensor.setScalar(.float(100), at: 3) }
      altered.append((name, tensor))
    }
    try TensorFile.write(altered, path: scratch.path + "/digits.safetensors")
    // Every scan is taken for a 3 now, and a tenth of them are one.
    #expect(try accuracy(folder: scratch.path) == 0.1)
  }

  @Test func refusesWhatDoesNotFit() throws {
    let model = try Model(contentsOf: Self.folder + "/digits.apus")
    func id(_ inputs: [Tensor]) -> String? {
      do {
        _ = try model.run(inputs)
        return nil
      } catch {
        return (error as? DiagnosticError)?.diagnostics.first?.id
      }
    }
    #expect(id([]) == "input.count")
    #expect(id([Tensor([Double](repeating: 0, count: 64), shape: [1, 1, 8, 8])]) == "input.type")
    #expect(id([Tensor([Float](repeating: 0, count: 64), shape: [1, 8, 8])]) == "input.rank")
    #expect(id([Tensor([Float](repeating: 0, count: 72), shape: [1, 1, 8, 9])]) == "input.shape")
    #expect(id([Tensor([Float](), shape: [0, 1, 8, 8])]) == "input.shape")
  }
}
