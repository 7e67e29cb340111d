import ApusONNX
import ApusTensor
import Testing

@Suite struct RecurrenceTests {
  /// Numbers between −0.5 and 0.5 that differ.
  private func weights(_ shape: [Int], _ start: Int) -> Tensor {
    let count = shape.reduce(1, *)
    return Tensor((0..<count).map { Float(($0 * 37 + start * 11) % 23) / 23 - 0.5 }, shape: shape)
  }

  private func model(_ op: String, gates: Int, lengths: Bool, _ attributes: KeyValuePairs<String, ModelWriter.Attribute>) -> ModelWriter {
    ModelWriter(
      opset: 14, inputs: [.tensor("x", .f32, ["T", "B", 2])] + (lengths ? [.tensor("n", .s32, ["B"])] : []),
      outputs: ["y", "last"],
      initializers: ["w": weights([2, gates * 3, 2], 1), "r": weights([2, gates * 3, 3], 2), "b": weights([2, gates * 6], 3)],
      nodes: [.init(op, ["x", "w", "r", "b", lengths ? "n" : ""], ["y", "last"], attributes)])
  }

  @Test(arguments: [("RNN", 1), ("GRU", 3), ("LSTM", 4)]) func aShortSequenceIsAsIfAlone(_ op: String, _ gates: Int) throws {
    let attributes: KeyValuePairs<String, ModelWriter.Attribute> = ["direction": "bidirectional", "hidden_size": 3]
    let x = (0..<12).map { Float($0) / 5 - 1 }
    let both = try model(op, gates: gates, lengths: true, attributes)
      .compiled(["x": Tensor(x, shape: [3, 2, 2]), "n": Tensor([3, 2] as [Int32])])
    // The second sequence: two steps of it.
    let alone = try model(op, gates: gates, lengths: false, attributes)
      .compiled(["x": Tensor([x[2], x[3], x[6], x[7]], shape: [2, 1, 2])])
    let states = try #require(both["y"]?.values(as: Float.self))
    let expected = try #require(alone["y"]?.values(as: Float.self))
    for step in 0..<3 {
      for direction in 0..<2 {
        for unit in 0..<3 {
          let value = states[((step * 2 + direction) * 2 + 1) * 3 + unit]
          let wanted = step < 2 ? expected[(step * 2 + direction) * 3 + unit] : 0
          #expect(abs(value - wanted) < 1e-6)
        }
      }
    }
    let last = try #require(both["last"]?.values(as: Float.self))
    let wanted = try #require(alone["last"]?.values(as: Float.self))
    for direction in 0..<2 {
      for unit in 0..<3 { #expect(abs(last[(direction * 2 + 1) * 3 + unit] - wanted[direction * 3 + unit]) < 1e-6) }
    }
  }

  @Test func activationsTakeTheirParametersInTurn() throws {
    let model = ModelWriter(
      opset: 14, inputs: [.tensor("x", .f32, ["T", 1, 1])], outputs: ["y"],
      initializers: [
        "w": Tensor([1, 1] as [Float], shape: [2, 1, 1]), "r": Tensor([0, 0] as [Float], shape: [2, 1, 1]),
      ],
      nodes: [
        .init(
          "RNN", ["x", "w", "r"], ["y"],
          [
            "direction": "bidirectional", "hidden_size": 1, "activations": .strings(["Affine", "LeakyRelu"]),
            "activation_alpha": .floats([2, 0.5]), "activation_beta": .floats([3]), "clip": 10.0,
          ])
      ])
    let y = try model.result(["x": Tensor([-4, 20] as [Float], shape: [2, 1, 1])])
    #expect(y == Tensor([-5, -2, 23, 10] as [Float], shape: [2, 2, 1, 1]))
  }

  @Test func couplingAndPeepholes() throws {
    let model = ModelWriter(
      opset: 14, inputs: [.tensor("x", .f32, [1, 1, 1])], outputs: ["y", "last", "cell"],
      initializers: [
        "w": Tensor([1, 1, 1, 1] as [Float], shape: [1, 4, 1]), "r": Tensor([0, 0, 0, 0] as [Float], shape: [1, 4, 1]),
        "h": Tensor([0] as [Float], shape: [1, 1, 1]), "c": Tensor([2] as [Float], shape: [1, 1, 1]),
        "p": Tensor([0.5, 1, 100] as [Float], shape: [1, 3]),
      ],
      nodes: [
        .init(
          "LSTM", ["x", "w", "r", "", "", "h", "c", "p"], ["y", "last", "cell"],
          ["hidden_size": 1, "input_forget": 1, "activations": .strings(["Affine", "Relu", "Affine"])])
      ])
    let outputs = try model.compiled(["x": Tensor([3] as [Float], shape: [1, 1, 1])])
    // The input gate is 3 + 0.5 · 2 = 4, the forget gate −3, the cell −3 · 2 + 4 · 3 = 6, the output gate 3 + 6 = 9.
    #expect(outputs["cell"] == Tensor([6] as [Float], shape: [1, 1, 1]))
    #expect(outputs["y"] == Tensor([54] as [Float], shape: [1, 1, 1, 1]))
  }

  @Test func anUnknownActivationIsRefused() {
    let broken = model("GRU", gates: 3, lengths: false, ["direction": "bidirectional", "activations": .strings(["Sine", "Sine"])])
    #expect(broken.problems(["x": weights([1, 1, 2], 0)]).map(\.id) == ["onnx.attribute"])
  }
}
