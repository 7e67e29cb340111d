import ApusCompiler
import ApusSupport
import ApusTensor
import Testing

@testable import ApusONNX

/// Numbers in a file that no sum, product or index is made of without a look at them.
@Suite struct ExtremeValueTests {
  private typealias Node = ModelWriter.Node

  /// The ids of what a node of constant operands is refused for; none if it runs.
  private func ids(
    _ op: String, _ operands: [Tensor], _ attributes: KeyValuePairs<String, ModelWriter.Attribute> = [:], opset: Int = 21,
    domain: String = "", areInputs: Bool = false
  ) -> [String] {
    let names = operands.indices.map { "x\($0)" }
    var model = ModelWriter(
      opset: opset, domains: domain.isEmpty ? [:] : [domain: 1], inputs: [], outputs: ["y"],
      nodes: [Node(op, names, ["y"], attributes, domain: domain)])
    if areInputs {
      model.graph.inputs = zip(names, operands).map { .tensor($0, $1.elementType, $1.shape.map { .fixed($0) }) }
      return model.problems(Dictionary(uniqueKeysWithValues: zip(names, operands))).map(\.id)
    }
    model.graph.initializers = zip(names, operands).map { TensorProto.encoded($1, name: $0) }
    return model.problems().map(\.id)
  }

  private func result(
    _ op: String, _ operands: [Tensor], _ attributes: KeyValuePairs<String, ModelWriter.Attribute> = [:], opset: Int = 21
  ) throws -> Tensor {
    try ModelWriter.result(of: op, operands, attributes, opset: opset)
  }

  @Test func factorsOfIntegersNeedNotBeIntegers() throws {
    let one = Tensor([1, 2] as [Int32], shape: [1, 2])
    let column = Tensor([3, 4] as [Int32], shape: [2, 1])
    for (factor, expected) in [(Float.infinity, Int32.max), (-Float.infinity, .min), (.nan, 0), (1e30, .max), (2, 22)] {
      let y = try result("Gemm", [one, column], ["alpha": .float(factor)])
      #expect(y == Tensor([expected], shape: [1, 1]), "\(factor)")
    }
  }

  @Test(arguments: [
    (Int64.min, Int64.max, Int64.max, [Int64.min, -1, Int64.max - 1]), (Int64.max, Int64.min, Int64.min, [Int64.max, -1]),
    (Int64.min, Int64.max, Int64.min, []), (0, Int64.min, Int64.min, [0]), (Int64.max - 1, Int64.max, 5, [Int64.max - 1]),
  ] as [(Int64, Int64, Int64, [Int64])])
  func rangesReachFromOneEndToTheOther(_ start: Int64, _ limit: Int64, _ step: Int64, _ expected: [Int64]) throws {
    let bounds = [start, limit, step].map { Tensor([$0], shape: []) }
    let model = ModelWriter(
      inputs: [], outputs: ["y"], initializers: ["a": bounds[0], "b": bounds[1], "c": bounds[2]],
      nodes: [Node("Range", ["a", "b", "c"], ["y"])])
    #expect(try model.compiled()["y"] == Tensor(expected))
  }

  @Test func rangesOfTooManyElementsAreRefused() {
    let bounds = [Int64.min, .max, 1].map { Tensor([$0], shape: []) }
    #expect(ids("Range", bounds) == ["onnx.operand"])
    let floats = [Float.nan, 1, 1].map { Tensor([$0], shape: []) }
    #expect(ids("Range", floats) == ["onnx.operand"])
  }

  @Test func partsOfSequencesAreCounted() {
    let x = Tensor([1, 2, 3] as [Float])
    #expect(ids("SplitToSequence", [x, Tensor([] as [Int64], shape: [0, 1])]) == ["onnx.split"])
    #expect(ids("SplitToSequence", [x, Tensor([.min] as [Int64], shape: [])]) == ["onnx.split"])
    let wide = Tensor([] as [Float], shape: [1 << 40, 0])
    #expect(ids("SplitToSequence", [wide, Tensor([1] as [Int64], shape: [])]) == ["limit.parts"])
  }

  @Test func regionsHaveCellsAndSamples() {
    let operands = [
      Tensor([1, 2, 3, 4] as [Float], shape: [1, 1, 2, 2]), Tensor([0, 0, 1, 1] as [Float], shape: [1, 4]), Tensor([0] as [Int64]),
    ]
    for name in ["sampling_ratio", "output_height", "output_width"] {
      for value in [Int.min, -1, name == "sampling_ratio" ? 1 << 40 : 0] {
        #expect(ids("RoiAlign", operands, [name: .int(value)]) == ["onnx.attribute"], "\(name) \(value)")
      }
    }
  }

  @Test func marginsAreNotListedWithoutEnd() throws {
    let x = Tensor([1, 2, 3] as [Float])
    let wide = try result("Pad", [x, Tensor([4, 5] as [Int64])], ["mode": "wrap"])
    #expect(wide == Tensor([3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2] as [Float]))
    for amounts in [[Int64.max, 5], [Int64.max, .max], [4, 1 << 40]] {
      let found = ids("Pad", [x, Tensor(amounts)], ["mode": "wrap"])
      #expect(found == ["limit.padding"] || found == ["dim.overflow"], "\(amounts): \(found)")
    }
  }

  @Test func paddingThatCannotBeAddedUpIsRefused() {
    let x = Tensor([1, 2, 3] as [Float], shape: [1, 1, 3])
    let attributes: KeyValuePairs<String, ModelWriter.Attribute> = ["kernel_shape": [2], "pads": [Int.max, Int.max], "ceil_mode": 1]
    for op in ["MaxPool", "AveragePool"] { #expect(ids(op, [x], attributes) == ["dim.overflow"], "\(op)") }
  }

  @Test func windowsOverChannelsMayBeWiderThanThem() throws {
    let x = Tensor([1, 2, 3] as [Float], shape: [1, 3, 1])
    // x / (1 + α / n · Σx²), with α = n
    for size in [5, 1 << 40, Int.max] {
      let model = ModelWriter(
        inputs: [.tensor("x", .f32, [1, 3, 1])], outputs: ["y"],
        nodes: [Node("LRN", ["x"], ["y"], ["size": .int(size), "alpha": .float(Float(size)), "beta": 1.0])])
      let y = try #require(try model.interpreted(["x": x])["y"])
      #expect(y.isClose(to: Tensor([1.0 / 15, 2.0 / 15, 3.0 / 15] as [Float], shape: [1, 3, 1])), "\(size)")
    }
  }

  @Test func axesResizedToNothing() throws {
    let x = Tensor([1, 2, 3] as [Float])
    let none = Tensor([] as [Float])
    for mode in ["nearest", "linear", "cubic"] {
      let attributes: KeyValuePairs<String, ModelWriter.Attribute> = [
        "mode": .string(mode), "antialias": .int(mode == "nearest" ? 0 : 1),
      ]
      #expect(ids("Resize", [x, none, none, Tensor([-1] as [Int64])], attributes) == ["onnx.scale"])
      let model = ModelWriter(
        inputs: [], outputs: ["y"], initializers: ["x": x, "n": Tensor([0] as [Int64])],
        nodes: [Node("Resize", ["x", "", "", "n"], ["y"], attributes)])
      #expect(try model.compiled()["y"] == none, "\(mode)")
    }
  }

  @Test func sizesAreNotNamesOfElements() throws {
    // The number that Pad fills with is no size of the tensor whose shape is padded.
    let model = ModelWriter(
      opset: 10, inputs: [.tensor("x", .f32, ["N", 3])], outputs: ["y"],
      nodes: [
        Node("Shape", ["x"], ["s"]), Node("Cast", ["s"], ["f"], ["to": 1]),
        Node("Pad", ["f"], ["y"], ["pads": [1, 1], "value": 1e9]),
      ])
    let x = Tensor([1, 2, 3] as [Float], shape: [1, 3])
    #expect(try model.result(["x": x]) == Tensor([1e9, 1, 3, 1e9] as [Float]))
  }

  @Test func shapesThatDoNotMultiply() throws {
    // Six vectors of sizes along axes of their own: their sum has more elements than can be counted.
    var nodes = [Node("Shape", ["x"], ["s"])]
    var names: [String] = []
    var initializers: [[UInt8]] = []
    for axis in 0..<6 {
      var shape = Array(repeating: Int64(1), count: 6)
      shape[axis] = 4_096
      initializers.append(TensorProto.encoded(Tensor(shape), name: "t\(axis)"))
      nodes.append(Node("Expand", ["s", "t\(axis)"], ["e\(axis)"]))
      names.append("e\(axis)")
    }
    nodes.append(Node("Sum", names, ["y"]))
    var model = ModelWriter(opset: 10, inputs: [.tensor("x", .f32, ["N"])], outputs: ["y"], nodes: nodes)
    model.graph.initializers = initializers
    #expect(!model.problems(["x": Tensor([1, 2] as [Float])]).isEmpty)
  }

  @Test func conditionsOfLoopsAreOneElement() {
    let body = ModelWriter.Graph(
      inputs: [.tensor("i", .s64, []), .tensor("c", .bool, []), .tensor("a", .f32, [2])], outputs: ["none", "b"],
      initializers: ["none": Tensor([] as [Bool])], nodes: [Node("Abs", ["a"], ["b"])])
    let model = ModelWriter(
      inputs: [.tensor("x", .f32, [2]), .tensor("n", .s64, [])], outputs: ["y"],
      nodes: [Node("Loop", ["n", "", "x"], ["y"], ["body": .graph(body)])])
    #expect(!model.problems(["x": Tensor([1, 2] as [Float]), "n": Tensor([3] as [Int64], shape: [])]).isEmpty)
  }

  @Test func operandsThatAreHandedOnStayConstants() throws {
    // What a node hands on was a constant of its own trial's function, not of the model's.
    let model = ModelWriter(
      opset: 13, inputs: [.tensor("a", .f32, [2])], outputs: ["y"], initializers: ["x": Tensor([1, 2] as [Float])],
      nodes: [Node("Dropout", ["x"], ["d", "mask"]), Node("Add", ["a", "d"], ["y"])])
    #expect(try model.result(["a": Tensor([10, 20] as [Float])]) == Tensor([11, 22] as [Float]))
  }

  @Test func ranksOfFusedOperators() {
    let domain = "com.microsoft"
    let vector = Tensor([1, 2] as [Float])
    let cube = Tensor(Array(repeating: 1, count: 8) as [Float], shape: [2, 2, 2])
    let position = Tensor([0] as [Int64])
    func found(_ op: String, _ operands: [Tensor], _ attributes: KeyValuePairs<String, ModelWriter.Attribute> = [:]) -> [String] {
      ids(op, operands, attributes, opset: 17, domain: domain)
    }
    #expect(found("Attention", [vector, vector], ["num_heads": 1]) != [])
    #expect(found("MultiHeadAttention", [vector, vector, vector], ["num_heads": 1]) == ["onnx.shape"])
    for operands in [[vector, position, vector, vector], [cube, position, vector, vector], [cube, position, cube, cube]] {
      #expect(found("RotaryEmbedding", operands) == ["onnx.shape"])
    }
    #expect(
      found("GroupQueryAttention", [cube, cube, cube, vector, vector, position, position], ["num_heads": 1, "kv_num_heads": 1]) != [])
    let scale = Tensor([1] as [Float], shape: [])
    let zero = Tensor([0] as [UInt8], shape: [])
    let bytes = Tensor([1, 2] as [UInt8])
    for last in [0, 1] {
      #expect(found("QLinearGlobalAveragePool", [bytes, scale, zero, scale, zero], ["channels_last": .int(last)]) == ["onnx.shape"])
    }
  }
}
