import Apus
import Testing

/// What `import Apus` offers, used as its users do.
@Suite struct FacadeTests {
  @Test func graphsFromText() throws {
    let model = try Model(graph: "graph f(x: f32[N], k: f32[]) { y = x * k + 1.0; return y }")
    #expect(model.inputs.map(\.name) == ["x", "k"] && model.outputs.map(\.name) == ["y"])
    let x = Tensor([1, 2, 3] as [Float])
    let expected = Tensor([3, 5, 7] as [Float])
    #expect(try model(x, Tensor(scalar: 2 as Float)) == [expected])
    #expect(try model.run(named: ["k": Tensor(scalar: 2 as Float), "x": x]) == ["y": expected])
  }

  @Test func graphsInSwift() throws {
    let model = try jit("softplus") { graph in
      let x = graph.input("x", .f32, ["N", 2])
      let y = log(exp(x) + 1)
      return ["y": y, "sum": reduceSum(y, axes: [1])]
    }
    let outputs = try model.run(named: ["x": Tensor([0, 0, 0, 0] as [Float], shape: [2, 2])])
    #expect(outputs["y"]?.shape == [2, 2])
    let sums = try #require(outputs["sum"]).values(as: Float.self)
    #expect(sums.allSatisfy { abs($0 - 1.386_294_4) < 1e-6 })
    let single = try jit { graph in graph.input("x", .s32, []) * 3 }
    #expect(try single(Tensor(scalar: 5 as Int32)) == [Tensor(scalar: 15 as Int32)])
  }

  @Test func mistakesNameTheirLines() throws {
    do {
      _ = try jit { graph in
        let x = graph.input("x", .f32, [2, 3])
        return x.matmul(x)
      }
      Issue.record("a product of unfit matrices was compiled")
    } catch let error as DiagnosticError {
      #expect(error.diagnostics.first?.id == "matmul.k")
      guard case .swift(let file, _)? = error.diagnostics.first?.place else { Issue.record("no line"); return }
      #expect(file.hasSuffix("FacadeTests.swift"))
    }
    #expect(throws: DiagnosticError.self) { try Model(graph: "graph f(x: f32[2]) { return z }") }
    #expect(throws: DiagnosticError.self) { try Model(contentsOf: "nowhere.apus") }
  }

  @Test func severalTasksAtOnce() async throws {
    let model = try Model(graph: "graph f(x: f32[N]) { return softmax(x, axis: 0) * 2.0 }")
    let inputs = (1...16).map { size in Tensor((0..<size * 7).map { Float($0 % 5) }) }
    let expected = try inputs.map { input in try model(input)[0] }
    try await withThrowingTaskGroup(of: (Int, Tensor).self) { group in
      for (index, input) in inputs.enumerated() {
        group.addTask { (index, try await model.run([input])[0]) }
      }
      for try await (index, result) in group { #expect(result == expected[index]) }
    }
  }

  private struct Refusal: Error {}

  @Test func customOperations() throws {
    let scale: @convention(c) (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int64) -> Void = { x, y, count in
      for index in 0..<Int(count) { y[index] = x[index] * 3 }
    }
    let operations = [
      CustomOperation("largest") { operands in
        guard let largest = operands[0].values(as: Float.self).max() else { throw Refusal() }
        return [Tensor(scalar: largest)]
      },
      CustomOperation(
        "triple",
        CFunction(
          unsafeBitCast(scale, to: UnsafeRawPointer.self),
          [.pointer(.operand(0)), .pointer(.result(0)), .count(.operand(0))])),
    ]
    let model = try jit(options: ModelOptions(operations: operations)) { graph in
      let x = graph.input("x", .f32, ["N"])
      let triple = customCall("triple", [x], results: [(.f32, ["N"])])[0]
      return triple - customCall("largest", [triple], results: [(.f32, [])])[0]
    }
    #expect(try model(Tensor([1, 3, 2] as [Float]))[0].values(as: Float.self) == [-6, 0, -3])
    #expect(throws: Refusal.self) { try model(Tensor([Float]())) }
    #expect(throws: DiagnosticError.self) {
      try jit { graph in customCall("unknown", [graph.input("x", .f32, [])], results: [(.f32, [])])[0] }
    }
    #expect(throws: DiagnosticError.self) {
      try Model(
        graph: "graph f(x: f32[]) { return x }", options: ModelOptions(operations: [operations[0], operations[0]]))
    }
  }

  @Test func limitsOfMemory() throws {
    let text = "graph f(x: f32[N]) where N in 0...100000000 { return broadcast(x, axes: [1], shape: [1000, N]) }"
    let model = try Model(graph: text, options: ModelOptions(memoryLimit: 1 << 20))
    #expect(try model(Tensor([Float](repeating: 1, count: 10)))[0].count == 10_000)
    do {
      _ = try model(Tensor([Float](repeating: 1, count: 1000)))
      Issue.record("4 MB were allocated")
    } catch let error as DiagnosticError {
      #expect(error.diagnostics.first?.id == "limit.memory")
    }
  }
}
