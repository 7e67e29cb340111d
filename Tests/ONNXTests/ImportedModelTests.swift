import ApusCompiler
import ApusONNX
import ApusSupport
import ApusTensor
import Testing

@Suite struct ImportedModelTests {
  private static var open: ModelWriter {
    ModelWriter(
      inputs: [.tensor("x", .f32, ["N"]), .tensor("k", .f32, [1])], outputs: ["y"],
      initializers: ["k": Tensor([10] as [Float])], nodes: [.init("Mul", ["x", "k"], ["y"])])
  }

  @Test func oneVariantServesAllSizes() throws {
    let model = ImportedModel(try Self.open.file(), CompilerOptions(threads: 1))
    for count in [0, 1, 7] {
      let y = try model.run(["x": Tensor([Float](repeating: 2, count: count))])[0]
      #expect(y.name == "y" && y.tensor == Tensor([Float](repeating: 20, count: count)))
    }
    #expect(model.variantCount == 1)
  }

  @Test func inputsWithDefaultsMayBeLeftOut() throws {
    let model = ImportedModel(try Self.open.file(), isInterpreted: true)
    let x = Tensor([1, 2] as [Float])
    #expect(try model.run(["x": x])[0].tensor == Tensor([10, 20] as [Float]))
    #expect(try model.run(["x": x, "k": Tensor([3] as [Float])])[0].tensor == Tensor([3, 6] as [Float]))
    #expect(model.variantCount == 2)
  }

  @Test func wrongInputsAreToldAllAtOnce() throws {
    let model = ImportedModel(try Self.open.file(), isInterpreted: true)
    let error = #expect(throws: DiagnosticError.self) {
      try model.run(["k": Tensor([1] as [Int32]), "z": Tensor([1] as [Float])])
    }
    #expect(Set(error?.diagnostics.map(\.id) ?? []) == ["input.missing", "input.type", "input.unknown"])
    #expect(model.variantCount == 0)
  }

  @Test func tasksThatNeedOneVariantCompileItOnce() async throws {
    let model = ImportedModel(try Self.open.file(), CompilerOptions(threads: 1))
    let x = Tensor([1, 2, 3] as [Float])
    try await withThrowingTaskGroup(of: Tensor.self) { group in
      for _ in 0..<4 { group.addTask { try model.run(["x": x])[0].tensor } }
      for try await y in group { #expect(y == Tensor([10, 20, 30] as [Float])) }
    }
    #expect(model.variantCount == 1)
  }

  @Test func aModelOfAFileTakesInputsByPosition() throws {
    let model = try Model(ImportedModel(try Self.open.file(), CompilerOptions(threads: 1)))
    let x = Tensor([1, 2] as [Float])
    #expect(model.inputs.map(\.name) == ["x"] && model.outputs.map(\.name) == ["y"])
    #expect(try model.run([x]) == [Tensor([10, 20] as [Float])])
    #expect(throws: DiagnosticError.self) { try model.run([x, x]) }
  }

  @Test func aModelOfAFileTakesInputsByNameInTasks() async throws {
    let model = try Model(ImportedModel(try Self.open.file(), CompilerOptions(threads: 1)))
    let inputs = ["x": Tensor([1, 2] as [Float]), "k": Tensor([0] as [Float])]
    let outputs = try await model.run(named: inputs)
    #expect(outputs["y"] == Tensor([0, 0] as [Float]))
  }

  @Test func aModelThatNothingCanRunIsRefusedWhenItIsMade() throws {
    let file = try ModelWriter(
      domains: ["own": 1], inputs: [.tensor("x", .f32, ["N"])], outputs: ["y"],
      nodes: [.init("Frobnicate", ["x"], ["y"], domain: "own")]
    ).file()
    let error = #expect(throws: DiagnosticError.self) { try Model(ImportedModel(file)) }
    #expect(error?.diagnostics.map(\.id) == ["onnx.operator"])
  }

  @Test func obstaclesBehindAnObstacleAreToldToo() throws {
    let model = ModelWriter(
      domains: ["own": 1], inputs: [.tensor("x", .f32, [2])], outputs: ["y"],
      nodes: [
        .init("First", ["x"], ["a"], domain: "own", name: "n1"), .init("Second", ["a"], ["y"], domain: "own", name: "n2"),
      ])
    let texts = model.problems(["x": Tensor([1, 2] as [Float])]).map { $0.rendered() }
    #expect(texts.count == 2 && texts[0].contains("'n1'") && texts[1].contains("'n2'"))
  }

  @Test func aReportOfAFileTellsItsMemory() throws {
    let report = try ModelReport(Self.open.file(), CompilerOptions())
    #expect(report.inputs.map(\.name) == ["x"] && report.problems.isEmpty && report.memory?.assumed.isEmpty == false)
  }

  @Test func typesAreToldAsFarAsTheyAreKnown() throws {
    let model = ModelWriter(
      domains: ["own": 1], inputs: [.tensor("x", .f32, ["N", 3])], outputs: ["z"],
      nodes: [
        .init("Relu", ["x"], ["y"]), .init("Frobnicate", ["y"], ["f"], domain: "own"), .init("Abs", ["f"], ["z"]),
        .init("SequenceConstruct", ["y", "y"], ["s"]), .init("Reshape", ["y", "y"], ["r"]),
      ])
    let types = try model.file().importedTypes(shapes: [:])
    #expect(types.entries.map(\.name) == ["x", "y"] && types.entries.map(\.sizes) == [[nil, 3], [nil, 3]])
    #expect(types.untyped.map(\.name) == ["f", "z", "s", "r"])
    #expect(types.untyped[0].reason == "the operator 'Frobnicate' is not supported" && types.untyped[1].reason == "it depends on 'f'")
    #expect(types.untyped[2].reason == "it is a sequence of 2" && types.untyped[3].reason.contains("f32"))
    #expect(types.problems.map(\.id) == ["onnx.operator", "onnx.type"])
  }

  @Test func randomInputsShareSizesOfOneName() throws {
    let file = try ModelWriter(
      inputs: [.tensor("a", .f32, ["N", 2]), .tensor("b", .f32, ["N", 2])], outputs: ["y"],
      nodes: [.init("Add", ["a", "b"], ["y"])]
    ).file()
    let model = ImportedModel(file, isInterpreted: true)
    let values = try model.randomInputs(batch: 4)
    #expect(values.values.allSatisfy { $0.leaves.first?.shape == [4, 2] })
    #expect(try model.run(values: values).count == 1)
  }

  @Test func marginsWiderThanAnOpenAxis() throws {
    func model(_ mode: String) -> ModelWriter {
      ModelWriter(
        inputs: [.tensor("x", .f32, ["N"])], outputs: ["y"], initializers: ["pads": Tensor([4, 0] as [Int64])],
        nodes: [.init("Pad", ["x", "pads"], ["y"], ["mode": .string(mode)])])
    }
    let x = Tensor([1, 2, 3] as [Float])
    #expect(try model("wrap").compiled(["x": x])["y"] == Tensor([3, 1, 2, 3, 1, 2, 3] as [Float]))
    let problems = model("reflect").problems(["x": x])
    #expect(problems.map(\.id) == ["onnx.operand"] && problems[0].message.contains("to reflect"))
  }

  @Test func inputsThatCannotBeDrawnAreNamed() throws {
    let file = try ModelWriter(
      inputs: [.tensor("x", .f32, ["N", 2]), .tensor("shape", .s64, [2])], outputs: ["y"],
      nodes: [.init("Reshape", ["x", "shape"], ["y"])]
    ).file()
    let model = ImportedModel(file, isInterpreted: true)
    let values = try model.randomInputs()
    #expect(model.delicateInputs(given: [:]) == ["shape"])
    let failure = DiagnosticError(id: "reshape.C1", "it failed")
    let explained = model.explained(failure, given: [:], drawn: values).diagnostics
    #expect(explained.map(\.id) == ["inputs.value"] && explained[0].message.contains("'shape'"))
    let shape = ["shape": ONNXValue.tensor(Tensor([2, -1] as [Int64]))]
    #expect(model.explained(failure, given: shape, drawn: values).diagnostics == failure.diagnostics)
    #expect(try model.run(values: model.randomInputs(given: shape)).count == 1)
  }
}
