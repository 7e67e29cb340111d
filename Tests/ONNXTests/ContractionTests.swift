import ApusONNX
import ApusTensor
import Testing

@Suite struct ContractionTests {
  private func floats(_ values: [Float], _ shape: [Int]) -> Tensor { Tensor(values, shape: shape) }

  @Test func gemmTransposesScalesAndBroadcasts() throws {
    let model = ModelWriter(
      opset: 13, inputs: [.tensor("a", .f32, ["K", "M"]), .tensor("b", .f32, ["P", "K"]), .tensor("c", .f32, [2, 1])],
      outputs: ["y"],
      nodes: [.init("Gemm", ["a", "b", "c"], ["y"], ["transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0])])
    let y = try model.result([
      "a": floats([1, 2, 3, 4, 5, 6], [3, 2]), "b": floats([1, 0, -1], [1, 3]), "c": floats([10, 20], [2, 1]),
    ])
    #expect(y == floats([0.5 * (1 - 5) + 20, 0.5 * (2 - 6) + 40], [2, 1]))
  }

  @Test func gemmOfIntegersWithoutC() throws {
    let model = ModelWriter(
      opset: 11, inputs: [.tensor("a", .s32, [1, 2]), .tensor("b", .s32, [2, 1])], outputs: ["y"],
      nodes: [.init("Gemm", ["a", "b"], ["y"], ["alpha": 3.0])])
    let y = try model.result(["a": Tensor([2, -1] as [Int32], shape: [1, 2]), "b": Tensor([5, 4] as [Int32], shape: [2, 1])])
    #expect(y == Tensor([18] as [Int32], shape: [1, 1]))
  }

  @Test func matMulOfVectorsAndBatches() throws {
    let model = ModelWriter(
      inputs: [.tensor("a", .s64, ["B", 1, 2]), .tensor("b", .s64, [2])], outputs: ["y"],
      nodes: [.init("MatMul", ["a", "b"], ["y"])])
    let y = try model.result([
      "a": Tensor([1, 2, 3, 4, 5, 6] as [Int64], shape: [3, 1, 2]), "b": Tensor([10, 1] as [Int64]),
    ])
    #expect(y == Tensor([12, 34, 56] as [Int64], shape: [3, 1]))
  }

  @Test(arguments: ["SAME_UPPER", "SAME_LOWER", "VALID"], [4, 5, 7]) func autoPadOfOpenSizes(_ mode: String, _ size: Int) throws {
    let model = ModelWriter(
      opset: 11, inputs: [.tensor("x", .f32, ["N", 1, "L"])], outputs: ["y"],
      initializers: ["w": floats([1, 10, 100, 1_000], [1, 1, 4])],
      nodes: [.init("Conv", ["x", "w"], ["y"], ["auto_pad": .string(mode), "strides": [2]])])
    let x = (1...size).map { Float($0) }
    let count = mode == "VALID" ? (size - 4) / 2 + 1 : (size + 1) / 2
    let total = max(0, (count - 1) * 2 + 4 - size)
    let before = mode == "VALID" ? 0 : mode == "SAME_UPPER" ? total / 2 : total - total / 2
    let expected = (0..<count).map { window in
      (0..<4).reduce(Float(0)) { sum, tap in
        let at = 2 * window + tap - before
        return x.indices.contains(at) ? sum + x[at] * [1, 10, 100, 1_000][tap] : sum
      }
    }
    #expect(try model.result(["x": floats(x, [1, 1, size])]) == floats(expected, [1, 1, count]))
  }

  @Test func groupedConvolutionWithBias() throws {
    let model = ModelWriter(
      inputs: [.tensor("x", .f32, [1, 2, 3, 1])], outputs: ["y"],
      initializers: ["w": floats([1, 2, 3, 4], [2, 1, 2, 1]), "b": floats([100, 200], [2])],
      nodes: [.init("Conv", ["x", "w", "b"], ["y"], ["group": 2, "dilations": [2, 1], "pads": [0, 0, 1, 0]])])
    // The dilated kernel reaches over 3 rows: the second window's second tap is padding.
    let y = try model.result(["x": floats([1, 2, 3, 4, 5, 6], [1, 2, 3, 1])])
    #expect(y == floats([107, 102, 236, 215], [1, 2, 2, 1]))
  }

  @Test func transposedConvolutionToAStatedShape() throws {
    // The whole result has 7 elements: it is cut, or filled up, on both sides.
    let whole: [Float] = [1, 1, 3, 2, 5, 3, 3]
    for (size, expected) in [(5, Array(whole[1..<6])), (4, Array(whole[1..<5])), (9, [0] + whole + [0])] {
      let model = ModelWriter(
        opset: 11, inputs: [.tensor("x", .f32, [1, 1, "L"])], outputs: ["y"],
        initializers: ["w": floats([1, 1, 1], [1, 1, 3])],
        nodes: [.init("ConvTranspose", ["x", "w"], ["y"], ["strides": [2], "output_shape": [size], "auto_pad": "SAME_UPPER"])])
      #expect(try model.result(["x": floats([1, 2, 3], [1, 1, 3])]) == floats(expected, [1, 1, size]))
    }
  }

  @Test func aKernelOfAnotherShapeThanStatedIsRefused() {
    let model = ModelWriter(
      inputs: [.tensor("x", .f32, [1, 1, 4])], outputs: ["y"], initializers: ["w": floats([1, 1], [1, 1, 2])],
      nodes: [.init("Conv", ["x", "w"], ["y"], ["kernel_shape": [3]])])
    #expect(model.problems(["x": floats([1, 2, 3, 4], [1, 1, 4])]).map(\.id) == ["onnx.attribute"])
  }
}
