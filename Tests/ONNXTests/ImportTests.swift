import ApusCompiler
import ApusIR
import ApusONNX
import ApusSupport
import ApusTensor
import Testing

/// Names, sizes, functions, and what is said of models that cannot be imported.
@Suite struct ImportTests {
  private typealias Node = ModelWriter.Node

  private func ids(_ model: ModelWriter, _ inputs: [String: Tensor] = [:]) -> [String] {
    do {
      _ = try ImportedModel(model.file(), isInterpreted: true).run(inputs)
      return []
    } catch let error as DiagnosticError {
      return error.diagnostics.map(\.id)
    } catch {
      return ["\(error)"]
    }
  }

  private func function(_ model: ModelWriter) throws -> Function {
    let module = try model.module()
    #expect(module.verify() == [])
    return module.functions[0]
  }

  @Test func oneNameIsOneSize() throws {
    let model = ModelWriter(
      inputs: [.tensor("x", .f32, ["N", "?"]), .tensor("y", .f32, ["N", nil]), .tensor("z", .f32, ["a.b", "a_b"])],
      outputs: ["s"], nodes: [Node("Abs", ["x"], ["s"])])
    let dims = try function(model).parameters.map { try function(model).type(of: $0).dims }
    #expect(dims[0][0] == dims[1][0])
    #expect(Set([dims[0][1], dims[1][1], dims[2][0], dims[2][1]]).count == 4)
  }

  @Test func everythingWrongIsSaidAtOnce() {
    let model = ModelWriter(
      inputs: [.tensor("x", .f32, [2])], outputs: ["d"],
      nodes: [
        Node("Nonsense", ["x"], ["a"], name: "first"), Node("Add", ["x", "nowhere"], ["b"]), Node("Add", ["a", "b"], ["c"]),
        Node("Other", ["c"], ["d"], domain: "unknown.domain"), Node("Abs", ["x"], ["x"]),
      ])
    let found = ids(model, ["x": Tensor([1, 2] as [Float])])
    #expect(found.contains("onnx.operator") && found.filter { $0 == "onnx.name" }.count == 2, "\(found)")
  }

  @Test func messagesNameTheNode() throws {
    let model = ModelWriter(
      domains: ["own": 3], inputs: [.tensor("x", .f32, [2])], outputs: ["a"],
      nodes: [Node("Nonsense", ["x"], ["a"], domain: "own", name: "first")])
    let file = try model.file("m.onnx")
    let error = #expect(throws: DiagnosticError.self) { _ = try file.imported() }
    let last = error?.diagnostics.first?.rendered().split(separator: "\n").last.map(String.init)
    #expect(last == "m.onnx: unsupported[onnx.operator]: node 'first' (own.Nonsense, opset 3): the operator 'Nonsense' is not supported")
  }

  @Test func functionsAreInlinedWithTheirAttributes() throws {
    let leaky = ModelWriter.Function(
      domain: "own", name: "Leaky", inputs: ["x"], outputs: ["y"], attributes: ["slope"],
      nodes: [Node("LeakyRelu", ["x"], ["y"], ["alpha": .reference("slope", kind: 1)])])
    let model = ModelWriter(
      domains: ["own": 1], inputs: [.tensor("x", .f32, [2])], outputs: ["y"], functions: [leaky],
      nodes: [Node("Leaky", ["x"], ["y"], ["slope": 0.5], domain: "own")])
    let results = try ImportedModel(model.file(), isInterpreted: true).run(["x": Tensor([-2, 3] as [Float])])
    #expect(results[0].tensor == Tensor([-1, 3] as [Float]))
  }

  @Test func functionsThatCallThemselvesAreRefused() {
    let own = ModelWriter.Function(
      domain: "own", name: "F", inputs: ["x"], outputs: ["y"], nodes: [Node("F", ["x"], ["y"], domain: "own")])
    let model = ModelWriter(
      domains: ["own": 1], inputs: [.tensor("x", .f32, [2])], outputs: ["y"], functions: [own],
      nodes: [Node("F", ["x"], ["y"], domain: "own")])
    #expect(ids(model, ["x": Tensor([1, 2] as [Float])]).contains("onnx.recursion"))
  }

  @Test func inputsWithDefaultsMayBeGiven() throws {
    let model = ModelWriter(
      inputs: [.tensor("x", .f32, [2]), .tensor("w", .f32, [2])], outputs: ["y"],
      initializers: ["w": Tensor([10, 20] as [Float])], nodes: [Node("Add", ["x", "w"], ["y"])])
    let imported = ImportedModel(try model.file(), isInterpreted: true)
    let x = Tensor([1, 2] as [Float])
    #expect(try imported.run(["x": x])[0].tensor == Tensor([11, 22] as [Float]))
    #expect(try imported.run(["x": x, "w": x])[0].tensor == Tensor([2, 4] as [Float]))
    #expect(imported.variantCount == 2)
  }

  /// The shape that a reshape asks for comes from an input: each value is a variant of its own.
  @Test func valuesThatAttributesNeedMakeVariants() throws {
    let model = ModelWriter(
      inputs: [.tensor("x", .f32, [6]), .tensor("shape", .s64, [2])], outputs: ["y"], nodes: [Node("Reshape", ["x", "shape"], ["y"])])
    let imported = ImportedModel(try model.file(), isInterpreted: true)
    let x = Tensor([1, 2, 3, 4, 5, 6] as [Float])
    #expect(try imported.run(["x": x, "shape": Tensor([2, 3] as [Int64])])[0].tensor.shape == [2, 3])
    #expect(try imported.run(["x": x, "shape": Tensor([3, -1] as [Int64])])[0].tensor.shape == [3, 2])
    #expect(try imported.run(["x": x, "shape": Tensor([3, -1] as [Int64])])[0].tensor.shape == [3, 2])
    #expect(imported.variantCount == 2)
    guard case .needs(let values, false, let problems) = try model.file().imported() else {
      Issue.record("nothing is needed")
      return
    }
    #expect(values == ["shape"] && problems.map(\.id) == ["onnx.dynamic"])
  }

  @Test func sizesStaySymbolic() throws {
    let model = ModelWriter(
      inputs: [.tensor("x", .f32, ["B", "T", 12])], outputs: ["y"],
      initializers: ["zero": Tensor(scalar: Int64(0)), "tail": Tensor([-1, 4] as [Int64]), "axes": Tensor([0] as [Int64])],
      nodes: [
        Node("Shape", ["x"], ["s"]), Node("Gather", ["s", "zero"], ["b"], ["axis": 0]), Node("Unsqueeze", ["b", "axes"], ["v"]),
        Node("Concat", ["v", "tail"], ["to"], ["axis": 0]), Node("Reshape", ["x", "to"], ["y"]),
      ])
    let function = try function(model)
    #expect(function.symbols.text(function.resultTypes[0]) == "f32[B, 3*T, 4]")
  }

  @Test func badDeclarationsAreRefused() {
    let x = Tensor([1, 2] as [Float])
    func model(_ input: ModelWriter.Value, _ node: Node = Node("Abs", ["x"], ["y"]), outputs: [ModelWriter.Value] = ["y"]) -> ModelWriter {
      ModelWriter(inputs: [input], outputs: outputs, nodes: [node])
    }
    #expect(ids(model("x"), ["x": x]) == ["onnx.input"])
    #expect(ids(model(.init("x", .tensor(dataType: 8, [2]))), ["x": x]) == ["onnx.type"])
    #expect(ids(model(.tensor("x", .f32, [2]), outputs: ["nowhere"]), ["x": x]) == ["onnx.name"])
    #expect(ids(model(.tensor("x", .f32, [2]), Node("Add", ["x"], ["y"])), ["x": x]) == ["onnx.operand"])
    #expect(ids(model(.tensor("x", .f32, [2]), Node("Abs", ["x"], ["y"], domain: "elsewhere")), ["x": x]) == ["onnx.opset"])
  }

  @Test func unknownRanksAreTakenFromTheInputs() throws {
    let model = ModelWriter(inputs: [.tensor("x", .f32, nil)], outputs: ["y"], nodes: [Node("Abs", ["x"], ["y"])])
    let imported = ImportedModel(try model.file(), isInterpreted: true)
    #expect(try imported.run(["x": Tensor([-1] as [Float], shape: [1, 1])])[0].tensor.shape == [1, 1])
  }
}
