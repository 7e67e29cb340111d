import ApusONNX
import ApusTensor
import Testing

@Suite struct NormalizationTests {
  private func floats(_ values: [Float], _ shape: [Int]) -> Tensor { Tensor(values, shape: shape) }

  @Test func batchNormalizationInTraining() throws {
    let model = ModelWriter(
      opset: 15, inputs: [.tensor("x", .f32, ["N", 1, 2])], outputs: ["y", "m", "v"],
      initializers: [
        "s": Tensor([2] as [Float]), "b": Tensor([1] as [Float]), "mean": Tensor([10] as [Float]), "var": Tensor([4] as [Float]),
      ],
      nodes: [
        .init(
          "BatchNormalization", ["x", "s", "b", "mean", "var"], ["y", "m", "v"],
          ["training_mode": 1, "momentum": 0.75, "epsilon": 0.0])
      ])
    let outputs = try model.compiled(["x": floats([1, 3, 5, 7], [2, 1, 2])])
    // The batch has mean 4 and variance 5.
    let root = Float(5).squareRoot()
    #expect(outputs["y"]?.isClose(to: floats([-3, -1, 1, 3].map { 2 * $0 / root + 1 }, [2, 1, 2])) == true)
    #expect(outputs["m"]?.isClose(to: Tensor([8.5] as [Float])) == true)
    #expect(outputs["v"]?.isClose(to: Tensor([4.25] as [Float])) == true)
  }

  @Test func statisticsOfSingleElements() throws {
    let model = ModelWriter(
      opset: 7, inputs: [.tensor("x", .f32, ["N", 1, 2])], outputs: ["y"],
      initializers: [
        "s": floats([1, 2], [1, 2]), "b": floats([0, 1], [1, 2]), "mean": floats([1, 3], [1, 2]), "var": floats([1, 4], [1, 2]),
      ],
      nodes: [.init("BatchNormalization", ["x", "s", "b", "mean", "var"], ["y"], ["spatial": 0, "epsilon": 0.0])])
    #expect(try model.result(["x": floats([4, 5], [1, 1, 2])]).isClose(to: floats([3, 3], [1, 1, 2])))
  }

  @Test(arguments: [18, 21]) func scalesOfGroupsAndOfChannels(_ opset: Int) throws {
    let scale: [Float] = opset == 18 ? [1, 2] : [1, 2, 3, 4]
    let model = ModelWriter(
      opset: opset, inputs: [.tensor("x", .f32, [1, 4, "L"])], outputs: ["y"],
      initializers: ["s": Tensor(scale), "b": Tensor(scale.map { _ in Float(0) })],
      nodes: [.init("GroupNormalization", ["x", "s", "b"], ["y"], ["num_groups": 2, "epsilon": 0.0])])
    let y = try model.result(["x": floats([1, 3, 5, 9], [1, 4, 1])])
    #expect(y.isClose(to: floats(opset == 18 ? [-1, 1, -2, 2] : [-1, 2, -3, 4], [1, 4, 1])))
  }

  @Test func layerNormalizationTellsItsStatistics() throws {
    let model = ModelWriter(
      opset: 17, inputs: [.tensor("x", .f16, ["N", 2])], outputs: ["y", "m", "i"], initializers: ["s": Tensor([1, 1] as [Float16])],
      nodes: [.init("LayerNormalization", ["x", "s"], ["y", "m", "i"], ["epsilon": 0.0])])
    let outputs = try model.compiled(["x": Tensor([1, 5, 0, 8] as [Float16], shape: [2, 2])])
    #expect(outputs["y"] == Tensor([-1, 1, -1, 1] as [Float16], shape: [2, 2]))
    #expect(outputs["m"] == floats([3, 4], [2, 1]) && outputs["i"] == floats([0.5, 0.25], [2, 1]))
  }

  @Test func neighbouringChannelsOfAnEvenCount() throws {
    let model = ModelWriter(
      opset: 13, inputs: [.tensor("x", .f32, [1, "C", 1])], outputs: ["y"],
      nodes: [.init("LRN", ["x"], ["y"], ["size": 2, "alpha": 2.0, "beta": 1.0, "bias": 1.0])])
    // A window of two holds the channel and the next one.
    #expect(try model.result(["x": floats([1, 2, 3], [1, 3, 1])]).isClose(to: floats([1 / 6, 2 / 14, 3 / 10], [1, 3, 1])))
  }

  @Test func whatHasNoNormIsZero() throws {
    let model = ModelWriter(
      opset: 22, inputs: [.tensor("x", .f32, ["N", 2])], outputs: ["y"], nodes: [.init("LpNormalization", ["x"], ["y"])])
    #expect(try model.result(["x": floats([3, -4, 0, 0], [2, 2])]).isClose(to: floats([0.6, -0.8, 0, 0], [2, 2])))
  }

  @Test func droppingOut() throws {
    let model = ModelWriter(
      opset: 13, inputs: [.tensor("x", .f32, [1_000])], outputs: ["y", "mask"],
      initializers: ["ratio": Tensor(scalar: 0.75 as Float), "trains": Tensor(scalar: true)],
      nodes: [.init("Dropout", ["x", "ratio", "trains"], ["y", "mask"], ["seed": 7])])
    let outputs = try model.compiled(["x": floats(Array(repeating: 1, count: 1_000), [1_000])])
    let y = try #require(outputs["y"]?.values(as: Float.self))
    let mask = try #require(outputs["mask"]?.values(as: Bool.self))
    #expect(zip(y, mask).allSatisfy { $0 == ($1 ? 4 : 0) })
    #expect((200...300).contains(mask.filter { $0 }.count))
  }
}
