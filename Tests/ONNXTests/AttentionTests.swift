import ApusONNX
import ApusTensor
import Testing

@Suite struct AttentionTests {
  private func floats(_ values: [Float], _ shape: [Int]) -> Tensor { Tensor(values, shape: shape) }

  @Test func aRowThatSeesNothingIsZero() throws {
    let model = ModelWriter(
      opset: 23,
      inputs: [
        .tensor("q", .f32, [1, 1, "S", 1]), .tensor("k", .f32, [1, 1, "T", 1]), .tensor("v", .f32, [1, 1, "T", 1]),
        .tensor("m", .bool, ["S", "T"]),
      ], outputs: ["y"], nodes: [.init("Attention", ["q", "k", "v", "m"], ["y"])])
    let y = try model.result([
      "q": floats([1, 2], [1, 1, 2, 1]), "k": floats([0, 0, 5], [1, 1, 3, 1]), "v": floats([2, 4, 9], [1, 1, 3, 1]),
      "m": Tensor([false, false, false, true, true, false], shape: [2, 3]),
    ])
    #expect(y.isClose(to: floats([0, 3], [1, 1, 2, 1])))
  }

  @Test func queriesSeeThePastAndTheirOwnWindow() throws {
    let model = ModelWriter(
      opset: 25,
      inputs: [
        .tensor("q", .f32, [1, "S", 2]), .tensor("k", .f32, [1, "S", 1]), .tensor("v", .f32, [1, "S", 1]),
        .tensor("pk", .f32, [1, 1, "P", 1]), .tensor("pv", .f32, [1, 1, "P", 1]),
      ], outputs: ["y", "present"],
      nodes: [
        .init(
          "Attention", ["q", "k", "v", "", "pk", "pv"], ["y", "", "present"],
          ["q_num_heads": 2, "kv_num_heads": 1, "is_causal": 1, "left_window_size": 1])
      ])
    let outputs = try model.compiled([
      "q": floats([0, 0, 0, 0], [1, 2, 2]), "k": floats([1, 1], [1, 2, 1]), "v": floats([6, 10], [1, 2, 1]),
      "pk": floats([1, 1], [1, 1, 2, 1]), "pv": floats([100, 2], [1, 1, 2, 1]),
    ])
    // The first query, at position 2, sees positions 1 and 2; the second one 2 and 3; both heads alike.
    #expect(outputs["y"]?.isClose(to: floats([4, 4, 8, 8], [1, 2, 2])) == true)
    #expect(outputs["present"] == floats([100, 2, 6, 10], [1, 1, 4, 1]))
  }

  @Test func aShortMaskHidesTheRest() throws {
    let model = ModelWriter(
      opset: 24,
      inputs: [.tensor("q", .f32, [1, 1, 1, 1]), .tensor("k", .f32, [1, 1, 3, 1]), .tensor("n", .s64, [1])], outputs: ["y", "w"],
      initializers: ["m": floats([0, 0], [1, 2])],
      nodes: [
        .init("Attention", ["q", "k", "k", "m", "", "", "n"], ["y", "", "", "w"], ["qk_matmul_output_mode": 3, "softcap": 2.0])
      ])
    let inputs = ["q": floats([0], [1, 1, 1, 1]), "k": floats([2, 4, 6], [1, 1, 3, 1])]
    for (length, expected) in [(3, [0.5, 0.5, 0]), (1, [1, 0, 0])] as [(Int64, [Float])] {
      let outputs = try model.compiled(inputs.merging(["n": Tensor([length])]) { own, _ in own })
      #expect(outputs["w"]?.isClose(to: floats(expected, [1, 1, 1, 3])) == true)
      #expect(outputs["y"]?.isClose(to: floats([length == 3 ? 3 : 2], [1, 1, 1, 1])) == true)
    }
  }

  @Test func neighboursTurnTogether() throws {
    let model = ModelWriter(
      opset: 23, inputs: [.tensor("x", .f32, ["B", 1, 1, 5]), .tensor("at", .s64, ["B", 1])], outputs: ["y"],
      initializers: ["cos": floats([1, 1, 0, 0], [2, 2]), "sin": floats([0, 0, 1, -1], [2, 2])],
      nodes: [.init("RotaryEmbedding", ["x", "cos", "sin", "at"], ["y"], ["interleaved": 1, "rotary_embedding_dim": 4])])
    let y = try model.result([
      "x": floats([1, 2, 3, 4, 5, 1, 2, 3, 4, 5], [2, 1, 1, 5]), "at": Tensor([1, 0] as [Int64], shape: [2, 1]),
    ])
    #expect(y == floats([-2, 1, 4, -3, 5, 1, 2, 3, 4, 5], [2, 1, 1, 5]))
  }

  @Test func aStateThatIsCorrected() throws {
    let model = ModelWriter(
      opset: 27,
      inputs: [.tensor("q", .f32, [1, "T", 2]), .tensor("k", .f32, [1, "T", 1]), .tensor("v", .f32, [1, "T", 1]),
        .tensor("beta", .f32, [1, "T", 1])],
      outputs: ["y", "state"],
      nodes: [
        .init(
          "LinearAttention", ["q", "k", "v", "", "", "beta"], ["y", "state"],
          ["q_num_heads": 2, "kv_num_heads": 1, "update_rule": "delta", "scale": 1.0])
      ])
    let outputs = try model.compiled([
      "q": floats([1, 2, 1, -1], [1, 2, 2]), "k": floats([2, 3], [1, 2, 1]), "v": floats([5, 4], [1, 2, 1]),
      "beta": floats([1, 0.5], [1, 2, 1]),
    ])
    // The state is 2 · 5 = 10, then 10 + 0.5 · 3 · (4 − 30) = −29.
    #expect(outputs["state"] == floats([-29], [1, 1, 1, 1]))
    #expect(outputs["y"] == floats([10, 20, -29, 29], [1, 2, 2]))
  }
}
