import ApusIR
import ApusONNX
import ApusSupport
import ApusTensor
import Testing

/// Operators that move elements: what the backend suite leaves out, old forms, and mistakes.
@Suite struct MovementTests {
  private typealias Node = ModelWriter.Node

  private func run(
    opset: Int = 21, _ x: Tensor, _ initializers: KeyValuePairs<String, Tensor> = [:], _ node: Node
  ) throws -> Tensor {
    try model(opset: opset, x, initializers, node).result(["x": x])
  }

  private func ids(
    opset: Int = 21, _ x: Tensor, _ initializers: KeyValuePairs<String, Tensor> = [:], _ node: Node
  ) -> [String] {
    model(opset: opset, x, initializers, node).problems(["x": x]).map(\.id)
  }

  private func model(
    opset: Int, _ x: Tensor, _ initializers: KeyValuePairs<String, Tensor>, _ node: Node
  ) -> ModelWriter {
    ModelWriter(
      opset: opset, inputs: [.tensor("x", x.elementType, x.shape.map { .fixed($0) })], outputs: ["y"],
      initializers: initializers, nodes: [node])
  }

  private let six = Tensor([0, 1, 2, 3, 4, 5] as [Float], shape: [2, 3])

  @Test func attributesThatBecameOperands() throws {
    let sliced = try run(opset: 9, six, [:], Node("Slice", ["x"], ["y"], ["starts": [1], "ends": [Int.max], "axes": [1]]))
    #expect(sliced == Tensor([1, 2, 4, 5] as [Float], shape: [2, 2]))
    #expect(try run(opset: 11, six, [:], Node("Unsqueeze", ["x"], ["y"], ["axes": [0, -1]])).shape == [1, 2, 3, 1])
    let column = Tensor([1, 2] as [Float], shape: [1, 2])
    #expect(try run(opset: 11, column, [:], Node("Squeeze", ["x"], ["y"], ["axes": [0]])).shape == [2])
    let padded = try run(
      opset: 10, Tensor([1] as [Float]), [:], Node("Pad", ["x"], ["y"], ["pads": [1, 2], "value": 7.0]))
    #expect(padded == Tensor([7, 1, 7, 7] as [Float]))
    let split = try run(opset: 11, six, [:], Node("Split", ["x"], ["y", "z"], ["axis": 1, "split": [1, 2]]))
    #expect(split == Tensor([0, 3] as [Float], shape: [2, 1]))
  }

  @Test func negativePaddingCrops() throws {
    let pads = Tensor([1, -1, -1, 0] as [Int64])
    let y = try run(six, ["p": pads], Node("Pad", ["x", "p"], ["y"]))
    #expect(y == Tensor([0, 0, 1, 2] as [Float], shape: [2, 2]))
  }

  @Test func aReflectionIsNoLongerThanTheTensor() throws {
    #expect(throws: DiagnosticError.self) {
      try run(Tensor([0, 1, 2] as [Int64]), ["p": Tensor([2, 3] as [Int64])], Node("Pad", ["x", "p"], ["y"], ["mode": "reflect"]))
    }
  }

  @Test(arguments: [("edge", [0, 0, 0, 1, 2, 2, 2, 2]), ("wrap", [1, 2, 0, 1, 2, 0, 1, 2])])
  func marginsMayBeWiderThanTheTensor(mode: String, expected: [Int]) throws {
    let x = Tensor([0, 1, 2] as [Int64])
    let y = try run(x, ["p": Tensor([2, 3] as [Int64])], Node("Pad", ["x", "p"], ["y"], ["mode": .string(mode)]))
    #expect(y == Tensor(expected.map { Int64($0) }))
  }

  @Test func indicesCountFromTheEnd() throws {
    let x = Tensor([10, 20, 30] as [Int32])
    #expect(try run(x, ["i": Tensor([-1, 0] as [Int64])], Node("Gather", ["x", "i"], ["y"])) == Tensor([30, 10] as [Int32]))
    #expect(try run(x, ["i": Tensor(scalar: Int64(-2))], Node("Gather", ["x", "i"], ["y"])) == Tensor(scalar: Int32(20)))
    let model = ModelWriter(
      inputs: [.tensor("x", .s32, ["N"]), .tensor("i", .s64, [2])], outputs: ["y"], nodes: [Node("Gather", ["x", "i"], ["y"])])
    #expect(try model.result(["x": x, "i": Tensor([-3, 2] as [Int64])]) == Tensor([10, 30] as [Int32]))
    #expect(model.problems(["x": x, "i": Tensor([-4, 2] as [Int64])]).map(\.id) == ["index.range"])
  }

  @Test func oneHotIsColdOutsideOfItsDepth() throws {
    let values = Tensor([-1, 5] as [Int32])
    let y = try run(
      Tensor([-1, 3, -4, 0] as [Int64]), ["d": Tensor(scalar: Int64(3)), "v": values], Node("OneHot", ["x", "d", "v"], ["y"]))
    #expect(y == Tensor([-1, -1, 5, -1, -1, -1, -1, -1, -1, 5, -1, -1] as [Int32], shape: [4, 3]))
  }

  @Test func reshapeKeepsZerosOnlyIfAllowed() throws {
    let empty = try Tensor.zeros(.f32, shape: [0, 3])
    let shape = Tensor([3, 0] as [Int64])
    #expect(try run(empty, ["s": shape], Node("Reshape", ["x", "s"], ["y"], ["allowzero": 1])).shape == [3, 0])
    #expect(try run(six, ["s": Tensor([0, -1, 1] as [Int64])], Node("Reshape", ["x", "s"], ["y"])).shape == [2, 3, 1])
  }

  @Test func mistakesAreNamed() {
    #expect(ids(six, ["s": Tensor([-1, -1] as [Int64])], Node("Reshape", ["x", "s"], ["y"])) == ["onnx.shape"])
    #expect(ids(six, ["s": Tensor([-1, 4] as [Int64])], Node("Reshape", ["x", "s"], ["y"])) == ["onnx.shape"])
    #expect(ids(six, ["a": Tensor([2] as [Int64])], Node("Squeeze", ["x", "a"], ["y"])) == ["onnx.axis"])
    #expect(ids(six, ["a": Tensor([1] as [Int64])], Node("Squeeze", ["x", "a"], ["y"])) == ["onnx.shape"])
    #expect(ids(six, ["r": Tensor([1] as [Int64])], Node("Tile", ["x", "r"], ["y"])) == ["onnx.operand"])
    #expect(ids(six, ["i": Tensor(scalar: Int64(5))], Node("Gather", ["x", "i"], ["y"])) == ["onnx.index"])
    #expect(ids(six, ["p": Tensor([1] as [Int64])], Node("Pad", ["x", "p"], ["y"])) == ["onnx.operand"])
    #expect(ids(six, ["s": Tensor([1, 1] as [Int64])], Node("Split", ["x", "s"], ["y", "z"], ["axis": 1])) == ["onnx.operand"])
    #expect(ids(six, ["s": Tensor([4, 3] as [Int64])], Node("Expand", ["x", "s"], ["y"])) == ["onnx.shape"])
  }

  @Test func sizesThatMeetOnlyWhenTheModelRuns() throws {
    let model = ModelWriter(
      inputs: [.tensor("x", .f32, ["A"]), .tensor("z", .f32, ["B"])], outputs: ["y"],
      nodes: [Node("Shape", ["z"], ["s"]), Node("Expand", ["x", "s"], ["y"])])
    let three = Tensor([1, 2, 3] as [Float])
    #expect(try model.result(["x": Tensor([7] as [Float]), "z": three]) == Tensor([7, 7, 7] as [Float]))
    #expect(try model.result(["x": three, "z": three]) == three)
    #expect(try model.result(["x": three, "z": Tensor([7] as [Float])]) == three)
  }
}
