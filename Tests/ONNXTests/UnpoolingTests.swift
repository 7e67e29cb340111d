import ApusONNX
import ApusTensor
import Testing

@Suite struct UnpoolingTests {
  /// Sums the blocks one element after the other.
  private func image(
    _ x: [Float], channels: Int, size: [Int], block: [Int], strides: [Int], dilations: [Int], pads: [Int]
  ) -> [Float] {
    let counts = (0..<2).map { (axis: Int) -> Int in
      let padded: Int = size[axis] + pads[axis] + pads[axis + 2]
      let reach: Int = dilations[axis] * (block[axis] - 1) + 1
      return (padded - reach) / strides[axis] + 1
    }
    var sums = Array(repeating: 0 as Float, count: channels * size[0] * size[1])
    var next = x.makeIterator()
    for channel in 0..<channels {
      for i in 0..<block[0] {
        for j in 0..<block[1] {
          for a in 0..<counts[0] {
            for b in 0..<counts[1] {
              let row: Int = a * strides[0] + i * dilations[0] - pads[0]
              let column: Int = b * strides[1] + j * dilations[1] - pads[1]
              let value = next.next() ?? 0
              guard (0..<size[0]).contains(row), (0..<size[1]).contains(column) else { continue }
              sums[(channel * size[0] + row) * size[1] + column] += value
            }
          }
        }
      }
    }
    return sums
  }

  @Test func blocksAreSummedWhereTheyOverlap() throws {
    let (size, block, strides, dilations, pads) = ([5, 6], [2, 3], [2, 1], [1, 2], [1, 0, 1, 1])
    let model = ModelWriter(
      opset: 18, inputs: [.tensor("x", .f32, ["N", 12, "L"])], outputs: ["y"],
      initializers: ["size": Tensor(size.map { Int64($0) }), "block": Tensor(block.map { Int64($0) })],
      nodes: [
        .init("Col2Im", ["x", "size", "block"], ["y"], ["strides": [2, 1], "dilations": [1, 2], "pads": [1, 0, 1, 1]])
      ])
    // Blocks reach over 2 of 5 + 2 rows, and over 5 of 6 + 1 columns.
    let count = 3 * 3
    let values = (0..<(12 * count)).map { Float($0 % 17) }
    let expected = image(values, channels: 2, size: size, block: block, strides: strides, dilations: dilations, pads: pads)
    #expect(try model.result(["x": Tensor(values, shape: [1, 12, count])]) == Tensor(expected, shape: [1, 2, 5, 6]))
    #expect(!model.problems(["x": Tensor(Array(values.dropLast(12)), shape: [1, 12, count - 1])]).isEmpty)
  }

  @Test func imagesThatCannotBeAreRefused() {
    func problem(_ size: [Int64], _ block: [Int64], _ attributes: KeyValuePairs<String, ModelWriter.Attribute> = [:]) -> String? {
      let model = ModelWriter(
        opset: 18, inputs: [.tensor("x", .f32, [1, 4, 4])], outputs: ["y"],
        initializers: ["size": Tensor(size), "block": Tensor(block)],
        nodes: [.init("Col2Im", ["x", "size", "block"], ["y"], attributes)])
      return model.problems(["x": Tensor(Array(repeating: 1 as Float, count: 16), shape: [1, 4, 4])]).first?.id
    }
    #expect(problem([3, 3], [2, 2]) == nil)
    #expect(problem([3], [2, 2]) == "onnx.shape")
    #expect(problem([3, 3], [0, 2]) == "onnx.attribute")
    #expect(problem([-3, 3], [2, 2]) == "onnx.shape")
    #expect(problem([1, 3], [2, 2]) == "onnx.shape")
    #expect(problem([4, 3], [2, 2]) == "dim.mismatch")
    #expect(problem([1 << 40, 1 << 40], [2, 2]) != nil)
    #expect(problem([3, 3], [2, 2], ["strides": [0, 1]]) == "onnx.attribute")
  }

  private func unpooled(_ shape: [Int64]?, _ indices: [Int64]) throws -> Tensor {
    let initializers: KeyValuePairs<String, Tensor> = shape.map { ["shape": Tensor($0)] } ?? [:]
    let model = ModelWriter(
      opset: 11, inputs: [.tensor("x", .f32, ["N", 1, "H", 2]), .tensor("i", .s64, ["N", 1, "H", 2])], outputs: ["y"],
      initializers: initializers,
      nodes: [.init("MaxUnpool", ["x", "i"] + (shape == nil ? [] : ["shape"]), ["y"], ["kernel_shape": [2, 2], "strides": [2, 2]])])
    return try model.result([
      "x": Tensor([1, 2, 3, 4] as [Float], shape: [1, 1, 2, 2]), "i": Tensor(indices, shape: [1, 1, 2, 2]),
    ])
  }

  @Test func maximaGoBackToWhereTheyStood() throws {
    var expected = Array(repeating: 0 as Float, count: 16)
    for (place, value) in zip([5, 7, 13, 15], 1...) { expected[place] = Float(value) }
    #expect(try unpooled(nil, [5, 7, 13, 15]) == Tensor(expected, shape: [1, 1, 4, 4]))
    // A larger result holds them in its corner, and the indices of a smaller one are its own.
    let larger = try unpooled([1, 1, 4, 5], [5, 7, 13, 15])
    #expect((0..<20).map { larger.scalar(at: $0).asDouble }.filter { $0 != 0 } == [1, 2, 3, 4])
    #expect(larger.scalar(at: 6).asDouble == 1)
    #expect(try unpooled([1, 1, 3, 3], [0, 2, 6, 8]) == Tensor([1, 0, 2, 0, 0, 0, 3, 0, 4] as [Float], shape: [1, 1, 3, 3]))
    #expect(throws: (any Error).self) { try unpooled(nil, [5, 7, 13, 16]) }
    #expect(throws: (any Error).self) { try unpooled([1, 1, 4], [5, 7, 13, 15]) }
  }
}
