import ApusGraph
import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

@Suite struct BuilderTests {
  private func verified(_ module: Module) -> Module {
    let found = module.verify()
    #expect(found.isEmpty, "\(DiagnosticError(found))")
    return module
  }

  private func run(_ graph: GraphBuilder, _ results: [Node], _ inputs: Tensor...) throws -> [Tensor] {
    try Interpreter(verified(graph.build(returning: results))).run(inputs)
  }

  /// The ids and lines of what is wrong with a graph.
  private func mistakes(_ graph: GraphBuilder, _ results: Node...) -> [(id: String, line: Int)] {
    do {
      _ = try graph.build(returning: results)
      return []
    } catch {
      return error.diagnostics.map { diagnostic in
        guard case .swift(let fileID, let line) = diagnostic.place else { return (diagnostic.id, 0) }
        #expect(fileID == "GraphTests/BuilderTests.swift")
        return (diagnostic.id, line)
      }
    }
  }

  @Test func theSameGraphAsInText() throws {
    let graph = GraphBuilder("mlp")
    let x = graph.input("x", .f32, ["B", 3])
    graph.bound("B", in: 1...512)
    let w = Node([Float](repeating: 0.5, count: 6), shape: [3, 2])
    let y = softmax(x.matmul(w) * 2 + 0.25, axis: -1)
    let built = verified(try graph.build(returning: ["y": y]))
    let read = try module(
      """
      graph mlp(x: f32[B, 3]) -> (y: f32[B, 2]) where B in 1...512 {
        w = weight f32[3, 2] = [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
        return softmax(x @ w * 2 + 0.25, axis: -1)
      }
      """)
    #expect(built.text(TextOptions(hidesNames: true)).contains("softmax"))
    #expect(ops(built.functions[0]).sorted() == ops(read.functions[0]).sorted())
    #expect(built.functions[0].resultTypes == read.functions[0].resultTypes)
    #expect(built.functions[0].resultNames == ["y"])
    let input = ramp([4, 3])
    #expect(try Interpreter(built).run([input]) == Interpreter(read).run([input]))
  }

  @Test func operatorsAndLiterals() throws {
    let graph = GraphBuilder()
    let x = graph.input("x", .s32, [3])
    let y: Node = [10, 20, 30]
    let results = [
      x + 1, 7 - x, -x * y, x / 2, x % 2, max(x, 2), select(x > 1, x, 0), (x == 2) || !(x != 3), x.cast(to: .f32) * 0.5,
      [x, x * 2], iota(shape: [3], to: .s32) + x, Node(x.shape[0] * 2),
    ]
    let found = try run(graph, results, Tensor([Int32(1), 2, 3]))
    #expect(
      found.map { doubles($0) } == [
        [2, 3, 4], [6, 5, 4], [-10, -40, -90], [0, 1, 1], [1, 0, 1], [2, 2, 3], [0, 2, 3], [0, 1, 1], [0.5, 1, 1.5],
        [1, 2, 3, 2, 4, 6], [1, 3, 5], [6],
      ])
  }

  @Test func constantsAreMadeOnce() throws {
    let graph = GraphBuilder()
    let x = graph.input("x", .f32, [2])
    let w = Node([Float(1), 2])
    let e = exp(1)
    _ = x + w + w + e + e
    let module = try graph.build(returning: [x * w * e])
    #expect(ops(module.functions[0]).filter { $0 == "constant" }.count == 2)
    #expect(ops(module.functions[0]).filter { $0 == "exp" }.count == 1)
    // The same nodes join another graph.
    let other = GraphBuilder()
    let y = other.input("y", .f32, [2])
    #expect(try run(other, [y + w], floats([1, 1], 2)) == [floats([2, 3], 2)])
  }

  @Test func opsWithSeveralResultsAndOptionalOperands() throws {
    let graph = GraphBuilder()
    let x = graph.input("x", .f32, ["B", 4])
    let (values, indices) = topK(x, k: [2], axis: -1)
    let normalized = layerNorm(x, scale: [1, 2, 3, 4], epsilon: 0)
    let folded = x.reshaped(["B" * 2, 2]).transposed()
    let built = verified(try graph.build(returning: [values, indices, normalized, folded]))
    let text = built.functions[0].symbols
    #expect(
      built.functions[0].resultTypes.map { text.text($0) } == ["f32[B, 2]", "s64[B, 2]", "f32[B, 4]", "f32[2, 2*B]"])
    #expect(x.shape[1].constant == 4 && x.shape[0].constant == nil && x.rank == 2 && x.elementType == .f32)
    #expect(([1, 2] as Node).elementType == .s64 && exp(1).elementType == .f32)
  }

  @Test func anOpByItsName() throws {
    let graph = GraphBuilder()
    let x = graph.input("x", .f32, [2])
    #expect(try run(graph, [.op("cumsum", [x], integers: ["axis": -1])], floats([1, 2], 2)) == [floats([1, 3], 2)])
  }

  @Test func customCalls() throws {
    let graph = GraphBuilder()
    let x = graph.input("x", .f32, ["N"])
    let results = customCall("twice", [x], results: [(.f32, ["N"]), (.s32, [])])
    let built = verified(try graph.build(returning: results))
    let interpreter = Interpreter(
      built, customOperations: ["twice": { operands, _ in [operands[0], Tensor(scalar: Int32(2))] }])
    #expect(try interpreter.run([floats([1, 2], 2)]) == [floats([1, 2], 2), Tensor(scalar: Int32(2))])
  }

  // MARK: Control flow

  @Test(arguments: [1.0, -1.0]) func branches(sign: Float) throws {
    let graph = GraphBuilder()
    let x = graph.input("x", .f32, ["N"])
    let y = conditional(reduceSum(x, axes: [0]) > 0) {
      x * 2
    } else: {
      0
    }
    #expect(try run(graph, [y + 1], floats([sign, sign], 2)) == [floats(sign > 0 ? [3, 3] : [1, 1], 2)])
  }

  @Test func loops() throws {
    let graph = GraphBuilder()
    let x = graph.input("x", .f32, ["N"])
    let limit = graph.input("limit", .s32)
    // The literals take the types that they meet; the vector grows.
    let results = loop([0, x, 1]) {
      $0[0] < limit
    } do: {
      [$0[0] + 1, concat([$0[1], $0[1]], axis: 0), $0[2] * x[sum: 0]]
    }
    #expect(results.map(\.elementType) == [.s32, .f32, .f32])
    let found = try run(graph, results, floats([1, 2], 2), Tensor(scalar: Int32(2)))
    #expect(found == [Tensor(scalar: Int32(2)), floats([1, 2, 1, 2, 1, 2, 1, 2], 8), Tensor(scalar: Float(9))])
  }

  @Test func constantsOfARegionStayThere() throws {
    let graph = GraphBuilder()
    let x = graph.input("x", .f32, [2])
    let w = Node([Float(1), 2])
    let y = conditional(x[sum: 0] > 0) {
      x + w
    } else: {
      x - w
    }
    #expect(try run(graph, [y * w], floats([1, 1], 2)) == [floats([2, 6], 2)])
  }

  // MARK: Mistakes

  @Test func mistakesAreThrownTogetherWithTheirLines() throws {
    let graph = GraphBuilder()
    let x = graph.input("x", .f32, [2, 3])
    let line = #line
    let a = softmax(x, axis: 2)
    let b = x.matmul(Node([Float](repeating: 0, count: 8), shape: [4, 2]))
    let c = x + Node([Float(1), 2])
    let d = exp(a + b + c)
    let found = mistakes(graph, d)
    #expect(found.map(\.id) == ["axis.range", "matmul.k", "broadcast.shapes"])
    #expect(found.map(\.line) == [line + 1, line + 2, line + 3])
  }

  @Test func nodesOfOtherGraphsAndRegions() {
    let (one, other) = (GraphBuilder("one"), GraphBuilder("other"))
    let x = one.input("x", .f32, [2])
    let y = other.input("y", .f32, [2])
    #expect(mistakes(one, x + y).map(\.id) == ["graph.mixed"])

    let graph = GraphBuilder()
    let z = graph.input("z", .f32, [2])
    var escaped = z
    _ = conditional(z[sum: 0] > 0) { () -> Node in
      escaped = z * 2
      return escaped
    } else: {
      z
    }
    #expect(mistakes(graph, escaped + 1).map(\.id) == ["graph.scope"])
  }

  @Test func wrongInputsSizesAndNames() {
    let graph = GraphBuilder()
    let x = graph.input("x", .f32, ["B"])
    _ = graph.input("x", .f32, [])
    _ = graph.input("y", .f32, [-1])
    graph.bound("C", in: 1...2)
    _ = x.reshaped(["D"])
    _ = Node.op("nothing", [x])
    _ = gelu(x, approximate: "nearly")
    #expect(
      mistakes(graph, x).map(\.id) == [
        "name.redefined", "dim.negative", "name.unknown", "name.unknown", "name.unknown", "op.attribute",
      ])
  }

  @Test func wrongControlFlow() {
    func graph(_ make: (Node) -> [Node]) -> [String] {
      let graph = GraphBuilder()
      let x = graph.input("x", .f32, [2])
      _ = make(x)
      return mistakes(graph, x).map(\.id)
    }
    #expect(graph { x in conditional(x > 0, then: { [x] }, else: { [x] }) } == ["if.condition"])
    #expect(graph { x in conditional(x[sum: 0] > 0, then: { [x] }, else: { [x, x] }) } == ["if.results"])
    #expect(graph { x in [conditional(x[sum: 0] > 0, then: { x }, else: { x.cast(to: .f64) })] } == ["if.results"])
    #expect(graph { x in loop([x], while: { $0[0] > 0 }, do: { $0 }) } == ["while.condition"])
    #expect(graph { x in loop([x], while: { $0[0][sum: 0] > 0 }, do: { _ in [] }) } == ["while.carried"])
    #expect(graph { x in loop([x], while: { $0[0][sum: 0] > 0 }, do: { [$0[0].cast(to: .f64)] }) } == ["while.carried"])
    #expect(
      graph { x in loop([x], while: { $0[0][sum: 0] > 0 }, do: { [exp($0[0], fileID: #fileID) + [1, 2, 3]] }) } == [
        "broadcast.shapes"
      ])
  }
}

extension Node {
  fileprivate subscript(sum axis: Int) -> Node { reduceSum(self, axes: [axis]) }
}
