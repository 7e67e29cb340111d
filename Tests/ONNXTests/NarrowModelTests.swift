import ApusCompiler
import ApusONNX
import ApusSupport
import ApusTensor
import Testing

/// Tensors of narrow types on their way through models.
@Suite struct NarrowModelTests {
  private typealias Node = ModelWriter.Node

  private static func value(_ name: String, _ type: NarrowType, _ sizes: [ModelWriter.Size]?) -> ModelWriter.Value {
    .init(name, .tensor(dataType: type.rawValue, sizes))
  }

  /// What the outputs are in a file: their types and packed bytes.
  private static func protos(_ model: ModelWriter, _ inputs: [String: Tensor] = [:]) throws -> [TensorProto] {
    let imported = ImportedModel(try model.file(), CompilerOptions(threads: 1))
    return try zip(imported.outputs, imported.run(values: inputs.mapValues { .tensor($0) })).map { signature, output in
      let bytes = signature.kind.encoded(output.value, name: output.name)
      return try TensorProto(WireReader(FileBytes(name: "y.pb", bytes: bytes)))
    }
  }

  @Test(arguments: [NarrowType.int4, .uint2, .float8e4m3fn, .float4e2m1, .float8e8m0])
  func movedElementsKeepTheirType(_ type: NarrowType) throws {
    var model = ModelWriter(
      opset: 25, inputs: [.tensor("c", .bool, [])], outputs: [Self.value("y", type, [3, 2]), Self.value("l", type, [2, 2, 3])],
      nodes: [
        Node("Transpose", ["w"], ["t"], ["perm": [1, 0]]),
        Node(
          "If", ["c"], ["y"],
          [
            "then_branch": .graph(.init(outputs: ["a"], nodes: [Node("Identity", ["t"], ["a"])])),
            "else_branch": .graph(.init(outputs: ["b"], nodes: [Node("Reshape", ["w", "s"], ["b"])])),
          ]),
        Node(
          "Loop", ["n", "", "w"], ["last", "l"],
          [
            "body": .graph(
              .init(
                inputs: [.tensor("i", .s64, []), .tensor("g", .bool, []), Self.value("v", type, [2, 3])],
                outputs: ["g2", "v2", "r"],
                nodes: [Node("Identity", ["g"], ["g2"]), Node("Identity", ["v"], ["v2"]), Node("Identity", ["v"], ["r"])]))
          ]),
      ])
    let codes = [1, 2, 3, 0, 2, 1]
    model.irVersion = 13
    model.graph.initializers = [
      NarrowTypeTests.proto(type, [2, 3]) { out in
        out.text(8, "w")
        for byte in type.packed((try? NarrowTypeTests.read(NarrowTypeTests.proto(type, codes))) ?? Tensor([] as [UInt8])) {
          out.integer(5, Int64(byte))
        }
      },
      TensorProto.encoded(Tensor([3, 2] as [Int64]), name: "s"), TensorProto.encoded(Tensor([2] as [Int64], shape: []), name: "n"),
    ]
    for isTransposed in [true, false] {
      let outputs = try Self.protos(model, ["c": Tensor([isTransposed], shape: [])])
      #expect(outputs.map(\.dataType) == [type.rawValue, type.rawValue])
      let moved = isTransposed ? [1, 0, 2, 2, 3, 1] : codes
      let expected = try NarrowTypeTests.read(NarrowTypeTests.proto(type, moved, shape: [3, 2]))
      #expect(type.packed(try outputs[0].tensor()) == type.packed(expected))
      #expect(try outputs[1].tensor().shape == [2, 2, 3])
    }
  }

  @Test func loopsCarryTheirTypes() throws {
    func body(_ last: Node) -> ModelWriter.Attribute {
      .graph(
        .init(
          inputs: [.tensor("i", .s64, []), .tensor("g", .bool, []), Self.value("v", .int4, ["N"])], outputs: ["g2", "v2", "r"],
          nodes: [Node("Identity", ["g"], ["g2"]), last, Node("Identity", ["v"], ["r"])]))
    }
    func model(_ last: Node) -> ModelWriter {
      ModelWriter(
        opset: 21, inputs: [Self.value("x", .int4, ["N"]), .tensor("n", .s64, [])],
        outputs: [Self.value("y", .int4, ["N"]), Self.value("l", .int4, ["M", "N"])],
        nodes: [Node("Loop", ["n", "", "x"], ["y", "l"], ["body": body(last)])])
    }
    let inputs = ["x": Tensor([-8, 7, 1] as [Int8]), "n": Tensor([2] as [Int64], shape: [])]
    let outputs = try Self.protos(model(Node("Identity", ["v"], ["v2"])), inputs)
    #expect(outputs.map(\.dataType) == [NarrowType.int4.rawValue, NarrowType.int4.rawValue])
    #expect(try outputs[1].tensor() == Tensor([-8, 7, 1, -8, 7, 1] as [Int8], shape: [2, 3]))
    let other = model(Node("Cast", ["v"], ["v2"], ["to": 3]))
    #expect(other.problems(inputs).first?.id == "onnx.type")
  }

  @Test func inputsAndOutputsArePackedInFiles() throws {
    let model = ModelWriter(
      opset: 21, inputs: [Self.value("x", .int4, ["N"])], outputs: [Self.value("y", .int4, ["N"]), .tensor("z", .s8, ["N"])],
      nodes: [Node("Identity", ["x"], ["y"]), Node("Cast", ["x"], ["z"], ["to": 3])])
    let file = try model.file()
    let bytes = NarrowTypeTests.proto(.int4, [1, 15, 8])
    let x = try file.inputs[0].kind.read(try FileBytes(name: "x.pb", bytes: bytes)).value
    #expect(x == .tensor(Tensor([1, -1, -8] as [Int8])))
    let y = try Self.protos(model, ["x": Tensor([1, -1, -8] as [Int8])])
    #expect(y.map(\.dataType) == [NarrowType.int4.rawValue, ElementType.s8.onnxDataType])
    #expect(try y[0].tensor() == y[1].tensor())
    // A tensor of the carrier is no tensor of the type in a file.
    let carried = try FileBytes(name: "x.pb", bytes: TensorProto.encoded(Tensor([1] as [Int8]), name: "x"))
    #expect(throws: DiagnosticError.self) { try file.inputs[0].kind.read(carried) }
    #expect(model.problems(["x": Tensor([1, 9] as [Int8])]).map(\.id) == ["input.value"])
  }

  @Test func operatorsTakeTheTypesOfTheirOpset() {
    func ids(_ op: String, _ type: NarrowType, opset: Int) -> [String] {
      let x = Tensor.zero(type)
      return ModelWriter(
        opset: opset, inputs: [Self.value("x", type, [1])], outputs: ["y"], nodes: [Node(op, ["x"], ["y"])]
      ).problems(["x": x]).map(\.id)
    }
    #expect(ids("Identity", .float8e5m2, opset: 19) == [])
    #expect(ids("Identity", .float8e5m2, opset: 18) == ["onnx.type"])
    #expect(ids("Identity", .int4, opset: 20) == ["onnx.type"])
    #expect(ids("Transpose", .int4, opset: 21) == [])
    #expect(ids("Abs", .int4, opset: 25) == ["onnx.type"])
    #expect(ids("Shape", .uint2, opset: 24) == ["onnx.type"])
    #expect(ids("Shape", .uint2, opset: 25) == [])
  }

  @Test func statedTypesAreChecked() {
    let model = ModelWriter(
      opset: 21, inputs: [.tensor("x", .s8, [2])], outputs: [.tensor("y", .s8, [2])],
      nodes: [Node("Cast", ["x"], ["y"], ["to": .int(Int(NarrowType.int4.rawValue))])])
    #expect(model.problems(["x": Tensor([1, 2] as [Int8])]).map(\.id) == ["onnx.type"])
  }

  // MARK: Quantization

  @Test(arguments: [NarrowType.int4, .uint4, .int2, .uint2]) func quantizedIntegersStayInRange(_ type: NarrowType) throws {
    let range = try #require(type.integers)
    let model = ModelWriter(
      opset: 25, inputs: [.tensor("x", .f32, ["N"]), .tensor("s", .f32, [])], outputs: [Self.value("y", type, ["N"])],
      nodes: [Node("QuantizeLinear", ["x", "s"], ["y"], ["output_dtype": .int(Int(type.rawValue))])])
    let x: [Float] = [-1000, -5, -1, 0, 0.5, 1, 1.5, 3, 5, 1000, .infinity]
    let y = try model.result(["x": Tensor(x), "s": Tensor([2] as [Float], shape: [])])
    #expect((0..<x.count).map { NarrowTypeTests.number(y, $0) } == x.map { value in
      max(Double(range.lowerBound), min(Double(range.upperBound), Double((value / 2).rounded(.toNearestOrEven))))
    })
  }

  @Test func blocksHaveTheirScales() throws {
    // Two rows of 5 in blocks of 2: the last block is a short one.
    var model = ModelWriter(
      opset: 25, inputs: [.tensor("s", .f32, [2, 3])], outputs: ["y"],
      nodes: [Node("DequantizeLinear", ["w", "s", "z"], ["y"], ["axis": 1, "block_size": 2])])
    model.graph.initializers = [
      NarrowTypeTests.proto(.int4, [2, 5]) { out in
        out.text(8, "w")
        out.data(9, NarrowType.int4.packed(Tensor([-8, 7, 1, 2, 3, 0, -1, 4, 5, 6] as [Int8])))
      },
      NarrowTypeTests.proto(.int4, [2, 3]) { out in
        out.text(8, "z")
        out.data(9, NarrowType.int4.packed(Tensor([1, 0, -1, 0, 2, 0] as [Int8])))
      },
    ]
    let s = Tensor([1, 2, 4, 8, 16, 32] as [Float], shape: [2, 3])
    #expect(
      try model.result(["s": s]) == Tensor([-9, 6, 2, 4, 16, 0, -8, 32, 48, 192] as [Float], shape: [2, 5]))
  }

  @Test func floatsAreQuantizedInTheirGrid() throws {
    let model = ModelWriter(
      opset: 23, inputs: [.tensor("x", .f32, ["N"]), .tensor("s", .f32, []), Self.value("z", .float8e4m3fn, [])],
      outputs: ["q", "y"],
      nodes: [
        Node("QuantizeLinear", ["x", "s", "z"], ["q"]), Node("DequantizeLinear", ["q", "s", "z"], ["y"]),
      ])
    let found = try model.compiled([
      "x": Tensor([2, 33, -1_000, 0.001] as [Float]), "s": Tensor([2] as [Float], shape: []), "z": Tensor([0] as [Float16], shape: []),
    ])
    #expect(found["q"] == Tensor([1, 16, -448, 0] as [Float16]))
    #expect(found["y"] == Tensor([2, 32, -896, 0] as [Float]))
  }

  @Test func scalesMayBePowersOfTwo() throws {
    let model = ModelWriter(
      opset: 24, inputs: [.tensor("x", .f32, [2]), Self.value("s", .float8e8m0, [2])], outputs: ["q", "y"],
      nodes: [
        Node("QuantizeLinear", ["x", "s"], ["q"], ["axis": 0, "output_dtype": .int(Int(NarrowType.float4e2m1.rawValue))]),
        Node("DequantizeLinear", ["q", "s"], ["y"], ["axis": 0, "output_dtype": 1]),
      ])
    let found = try model.compiled(["x": Tensor([5, 24] as [Float]), "s": Tensor([BFloat16(Float(2)), BFloat16(Float(8))])])
    #expect(found["q"] == Tensor([2, 3] as [Float16]))
    #expect(found["y"] == Tensor([4, 24] as [Float]))
  }
}

extension Tensor {
  /// One zero of the carrier of a type.
  fileprivate static func zero(_ type: NarrowType) -> Tensor {
    switch type.carrier {
    case .s8: Tensor([0] as [Int8])
    case .u8: Tensor([0] as [UInt8])
    case .bf16: Tensor([BFloat16(Float(1))])
    default: Tensor([0] as [Float16])
    }
  }
}
