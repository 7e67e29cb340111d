import ApusONNX
import ApusTensor
import Testing

@Suite struct PoolingTests {
  private func line(_ values: [Float]) -> Tensor { Tensor(values, shape: [1, 1, values.count]) }

  private func pool(_ op: String, _ attributes: KeyValuePairs<String, ModelWriter.Attribute>) -> ModelWriter {
    ModelWriter(
      opset: 19, inputs: [.tensor("x", .f32, [1, 1, "L"])], outputs: ["y"], nodes: [.init(op, ["x"], ["y"], attributes)])
  }

  @Test func theMeanOfACutWindowCountsPaddingButNotWhatLiesBeyond() throws {
    let included = pool(
      "AveragePool", ["kernel_shape": [3], "strides": [2], "pads": [1, 1], "ceil_mode": 1, "count_include_pad": 1])
    #expect(try included.result(["x": line([1, 2, 3, 4])]) == line([1, 3, 2]))
    let excluded = pool("AveragePool", ["kernel_shape": [3], "strides": [2], "pads": [1, 1], "ceil_mode": 1])
    #expect(try excluded.result(["x": line([1, 2, 3, 4])]) == line([1.5, 3, 4]))
  }

  @Test func aWindowThatStartsOnPaddingBehindIsLeftOut() throws {
    let model = pool("MaxPool", ["kernel_shape": [1], "strides": [2], "pads": [0, 1], "ceil_mode": 1])
    #expect(try model.result(["x": line([1, 2, 3, 4])]) == line([1, 3]))
    #expect(try model.result(["x": line([1, 2, 3])]) == line([1, 3]))
  }

  @Test func smallIntegersHaveAMaximumToo() throws {
    let model = ModelWriter(
      opset: 12, inputs: [.tensor("x", .s8, [1, 1, 3])], outputs: ["y"],
      nodes: [.init("MaxPool", ["x"], ["y"], ["kernel_shape": [3], "auto_pad": "SAME_LOWER"])])
    let y = try model.result(["x": Tensor([-128, -5, -7] as [Int8], shape: [1, 1, 3])])
    #expect(y == Tensor([-5, -5, -5] as [Int8], shape: [1, 1, 3]))
  }

  @Test(arguments: [0, 1]) func indicesAreOfTheFirstMaximum(_ order: Int) throws {
    let model = ModelWriter(
      opset: 12, inputs: [.tensor("x", .f32, ["N", 1, 2, 3])], outputs: ["indices"],
      nodes: [
        .init("MaxPool", ["x"], ["y", "indices"], ["kernel_shape": [2, 2], "pads": [0, 0, 0, 1], "storage_order": .int(order)])
      ])
    let x = Tensor([1, 2, 2, 2, 2, -.infinity, 0, 0, 0, .nan, 5, 6] as [Float], shape: [2, 1, 2, 3])
    // The second image has a NaN in its first window; the last window of both lies partly on padding.
    let rows: [Int64] = [1, 1, 2, 6 + 3, 6 + 5, 6 + 5]
    let expected = order == 0 ? rows : rows.map { $0 / 6 * 6 + ($0 % 3) * 2 + $0 % 6 / 3 }
    #expect(try model.result(["x": x]) == Tensor(expected, shape: [2, 1, 1, 3]))
  }

  @Test func normsOfWindows() throws {
    let model = pool("LpPool", ["kernel_shape": [2], "p": 3, "strides": [2]])
    let y = try model.result(["x": line([3, -4, 0, 2])])
    #expect(y.isClose(to: line([Float(91).cubeRoot, 2])))
    #expect(try pool("GlobalLpPool", ["p": 1]).result(["x": line([3, -4, 0, 2])]) == line([9]))
  }

  @Test func overallMeansAndMaxima() throws {
    #expect(try pool("GlobalAveragePool", [:]).result(["x": line([1, 2, 6])]) == line([3]))
    #expect(try pool("GlobalMaxPool", [:]).result(["x": line([1, .nan, 6])]).isClose(to: line([.nan])))
  }
}

extension Float {
  fileprivate var cubeRoot: Float {
    var guess = self / 3
    for _ in 0..<50 { guess -= (guess * guess * guess - self) / (3 * guess * guess) }
    return guess
  }
}
