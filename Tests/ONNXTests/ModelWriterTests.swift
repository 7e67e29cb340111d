import ApusONNX
import ApusTensor
import Testing

@Suite struct ModelWriterTests {
  @Test func aModelRuns() throws {
    let model = ModelWriter(
      inputs: [.tensor("x", .f32, ["N", 2])], outputs: ["y"], initializers: ["w": Tensor([1, -2] as [Float])],
      nodes: [.init("Mul", ["x", "w"], ["s"]), .init("Relu", ["s"], ["y"])])
    let x = Tensor([1, 2, -3, -4, 5, 6] as [Float], shape: [3, 2])
    #expect(try model.result(["x": x]) == Tensor([1, 0, 0, 8, 5, 0] as [Float], shape: [3, 2]))
  }

  @Test func aFunctionOfTheModelIsInlined() throws {
    let twice = ModelWriter.Function(
      domain: "own", name: "Twice", inputs: ["a"], outputs: ["b"], nodes: [.init("Add", ["a", "a"], ["b"])])
    let model = ModelWriter(
      domains: ["own": 1], inputs: [.tensor("x", .f32, [])], outputs: ["y"], functions: [twice],
      nodes: [.init("Twice", ["x"], ["y"], domain: "own")])
    #expect(try model.result(["x": Tensor(scalar: 3 as Float)]) == Tensor(scalar: 6 as Float))
  }

  @Test func anUnknownOperatorIsNamed() {
    let model = ModelWriter(
      domains: ["own": 1], inputs: [.tensor("x", .f32, [2])], outputs: ["y"],
      nodes: [.init("Frobnicate", ["x"], ["y"], domain: "own", name: "n7")])
    let problems = model.problems(["x": Tensor([1, 2] as [Float])])
    #expect(problems.map(\.id) == ["onnx.operator"] && problems.first?.severity == .unsupported)
    let text = problems.first?.rendered() ?? ""
    #expect(text.contains("node 'n7' (own.Frobnicate, opset 1)"))
  }
}
