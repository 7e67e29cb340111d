import ApusONNX
import ApusTensor
import Testing

@Suite struct LearningTests {
  private let domain = "ai.onnx.ml"

  private func model(
    _ op: String, _ attributes: KeyValuePairs<String, ModelWriter.Attribute>, features: Int = 2, version: Int = 5
  ) -> ModelWriter {
    ModelWriter(
      opset: 21, domains: [domain: version], inputs: [.tensor("x", .f32, ["N", .fixed(features)])], outputs: ["y"],
      nodes: [.init(op, ["x"], ["y"], attributes, domain: domain)])
  }

  /// A root that compares, and under it a set of members.
  private func forest(_ yes: [Int] = [1, 0], _ leaf: [Int] = [0, 1], aggregate: Int = 1) -> ModelWriter {
    model("TreeEnsemble", [
      "tree_roots": [0], "n_targets": 2, "nodes_featureids": [0, 1], "nodes_splits": .tensor(Tensor([0.5, 0] as [Float])),
      "nodes_modes": .tensor(Tensor([0, 6] as [UInt8])), "nodes_truenodeids": .ints(yes), "nodes_trueleafs": .ints(leaf),
      "nodes_falsenodeids": [1, 2], "nodes_falseleafs": [1, 1], "nodes_missing_value_tracks_true": [1, 0],
      "membership_values": .tensor(Tensor([3, 7, .nan] as [Float])), "leaf_targetids": [0, 1, 0],
      "leaf_weights": .tensor(Tensor([1, 2, 4] as [Float])), "aggregate_function": .int(aggregate),
    ])
  }

  @Test func rowsComeToTheLeavesOfTheirTree() throws {
    let x = Tensor([0, 3, 0, 7, 0, 5, 1, 3, .nan, 7] as [Float], shape: [5, 2])
    #expect(try forest().result(["x": x]) == Tensor([1, 0, 1, 0, 4, 0, 0, 2, 1, 0] as [Float], shape: [5, 2]))
    #expect(try forest().result(["x": Tensor([] as [Float], shape: [0, 2])]).shape == [0, 2])
  }

  @Test func treesThatCannotBeAreRefused() {
    let x = Tensor([0, 3] as [Float], shape: [1, 2])
    #expect(forest([0, 0]).problems(["x": x]).first?.id == "onnx.attribute")
    #expect(forest([9, 0]).problems(["x": x]).first?.id == "onnx.attribute")
    #expect(forest([1, 9]).problems(["x": x]).first?.id == "onnx.attribute")
    #expect(forest([1]).problems(["x": x]).first?.id == "onnx.attribute")
    #expect(forest(aggregate: 4).problems(["x": x]).first?.id == "onnx.attribute")
  }

  @Test func olderTreesAddUpWithTheirBase() throws {
    let writer = model("TreeEnsembleRegressor", [
      "n_targets": 1, "nodes_treeids": [0, 0, 0, 1], "nodes_nodeids": [0, 1, 2, 0], "nodes_featureids": [1, 0, 0, 0],
      "nodes_modes": .strings(["BRANCH_LT", "LEAF", "LEAF", "LEAF"]), "nodes_values": .floats([2, 0, 0, 0]),
      "nodes_truenodeids": [1, 0, 0, 0], "nodes_falsenodeids": [2, 0, 0, 0], "target_treeids": [0, 0, 1], "target_nodeids": [1, 2, 0],
      "target_ids": [0, 0, 0], "target_weights": .floats([1, 10, 100]), "base_values": .floats([0.5]),
    ], version: 3)
    let y = try writer.result(["x": Tensor([0, 1, 0, 2] as [Float], shape: [2, 2])])
    #expect(y == Tensor([101.5, 110.5] as [Float], shape: [2, 1]))
  }

  @Test func labelsAreLookedUp() throws {
    let writer = model("LabelEncoder", [
      "keys_floats": .floats([1, .nan, 2, 1]), "values_int64s": [10, 20, 30, 40], "default_int64": -7,
    ], version: 4)
    let y = try writer.result(["x": Tensor([2, 1, .nan, 9] as [Float], shape: [2, 2])])
    #expect(y == Tensor([30, 40, 20, -7] as [Int64], shape: [2, 2]))
  }

  @Test func rowsAreNormalized() throws {
    let x = Tensor([3, -4, 0, 0] as [Float], shape: [2, 2])
    let norms: [(String, [Float])] = [("L1", [3 / 7.0, -4 / 7.0, 0, 0]), ("L2", [0.6, -0.8, 0, 0]), ("MAX", [0.75, -1, 0, 0])]
    for (norm, expected) in norms {
      #expect(try model("Normalizer", ["norm": .string(norm)], version: 1).result(["x": x]).isClose(to: Tensor(expected, shape: [2, 2])))
    }
    let scaled = try model("Scaler", ["offset": .floats([1, 2]), "scale": .floats([2])], version: 1).result(["x": x])
    #expect(scaled == Tensor([4, -12, -2, -4] as [Float], shape: [2, 2]))
  }
}
