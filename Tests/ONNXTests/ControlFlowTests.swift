import ApusONNX
import ApusTensor
import Testing

/// Graphs within nodes: what they see, how often they run, and what they give.
@Suite struct ControlFlowTests {
  private typealias Node = ModelWriter.Node
  private typealias Graph = ModelWriter.Graph

  private func floats(_ values: [Float], _ shape: [Int]) -> Tensor { Tensor(values, shape: shape) }

  /// Adds row after row of what lies around the loop, and collects the sums.
  private var rows: Graph {
    Graph(
      inputs: [.tensor("i", .s64, []), .tensor("c", .bool, []), .tensor("a", .f32, ["C"])], outputs: ["co", "ao", "s"],
      nodes: [
        Node("Identity", ["c"], ["co"]), Node("Gather", ["x", "i"], ["r"]), Node("Add", ["a", "r"], ["ao"]),
        Node("Identity", ["ao"], ["s"]),
      ])
  }

  @Test(arguments: [0, 1, 3])
  func aLoopCollectsAsManyRowsAsItRan(count: Int) throws {
    let model = ModelWriter(
      inputs: [.tensor("m", .s64, []), .tensor("x", .f32, ["N", "C"]), .tensor("a0", .f32, ["C"])], outputs: ["z"],
      nodes: [Node("Loop", ["m", "", "a0"], ["y", "z"], ["body": .graph(rows)])])
    let z = try model.result([
      "m": Tensor([Int64(count)], shape: []), "x": floats([1, 2, 3, 4, 5, 6], [3, 2]), "a0": floats([10, 20], [2]),
    ])
    let sums: [Float] = [11, 22, 14, 26, 19, 32]
    #expect(z == floats(Array(sums.prefix(2 * count)), [count, 2]))
  }

  @Test func aLoopOverAnAxisKeepsItsSize() throws {
    let model = ModelWriter(
      inputs: [.tensor("x", .f32, ["N", "C"]), .tensor("a0", .f32, ["C"])], outputs: ["z"],
      initializers: ["first": Tensor([Int64(0)], shape: [])],
      nodes: [
        Node("Shape", ["x"], ["shape"]), Node("Gather", ["shape", "first"], ["m"]),
        Node("Loop", ["m", "", "a0"], ["y", "z"], ["body": .graph(rows)]),
      ])
    let function = try model.module().functions[0]
    #expect(function.resultTypes[0].dims[0] == function.type(of: function.parameters[0]).dims[0])
    #expect(try model.result(["x": floats([], [0, 2]), "a0": floats([1, 2], [2])]) == floats([], [0, 2]))
  }

  @Test func aConditionEndsALoop() throws {
    let body = Graph(
      inputs: [.tensor("i", .s64, []), .tensor("c", .bool, []), .tensor("a", .f32, [])], outputs: ["co", "ao", "ao"],
      nodes: [Node("Add", ["a", "a"], ["ao"]), Node("Less", ["ao", "limit"], ["co"])])
    let model = ModelWriter(
      inputs: [.tensor("a0", .f32, []), .tensor("limit", .f32, [])], outputs: ["z"],
      nodes: [Node("Loop", ["", "", "a0"], ["y", "z"], ["body": .graph(body)])])
    #expect(try model.result(["a0": floats([1], []), "limit": floats([8], [])]) == floats([2, 4, 8], [3]))
  }

  @Test func whatALoopCarriesMayGrow() throws {
    let body = Graph(
      inputs: [.tensor("i", .s64, []), .tensor("c", .bool, []), .tensor("a", .f32, nil)], outputs: ["c", "ao"],
      nodes: [Node("Concat", ["a", "x"], ["ao"], ["axis": 0])])
    let model = ModelWriter(
      inputs: [.tensor("m", .s64, []), .tensor("x", .f32, ["N"])], outputs: ["y"],
      nodes: [Node("Loop", ["m", "", "x"], ["y"], ["body": .graph(body)])])
    let y = try model.result(["m": Tensor([Int64(2)], shape: []), "x": floats([1, 2], [2])])
    #expect(y == floats([1, 2, 1, 2, 1, 2], [6]))
  }

  @Test(arguments: [true, false])
  func branchesMayDifferInSizeAndRank(condition: Bool) throws {
    for (axis, expected) in [(-1, [4]), (0, [1, 2])] {
      let then = Graph(
        outputs: ["t"],
        nodes: [axis < 0 ? Node("Concat", ["x", "x"], ["t"], ["axis": 0]) : Node("Unsqueeze", ["x", "axes"], ["t"])])
      let model = ModelWriter(
        inputs: [.tensor("c", .bool, []), .tensor("x", .f32, ["N"])], outputs: ["y"],
        initializers: ["axes": Tensor([Int64(0)])],
        nodes: [
          Node(
            "If", ["c"], ["b"],
            ["then_branch": .graph(then), "else_branch": .graph(Graph(outputs: ["e"], nodes: [Node("Neg", ["x"], ["e"])]))]),
          Node("Abs", ["b"], ["y"]),
        ])
      let y = try model.result(["c": Tensor([condition], shape: []), "x": floats([1, -2], [2])])
      #expect(y.shape == (condition ? expected : [2]))
    }
  }

  @Test func aScanMayRunBackwardsOverAnyAxis() throws {
    let body = Graph(
      inputs: [.tensor("s", .f32, []), .tensor("v", .f32, [])], outputs: ["so", "so"], nodes: [Node("Add", ["s", "v"], ["so"])])
    let model = ModelWriter(
      inputs: [.tensor("s0", .f32, []), .tensor("x", .f32, ["N"])], outputs: ["z"],
      nodes: [
        Node(
          "Scan", ["s0", "x"], ["y", "z"],
          ["body": .graph(body), "num_scan_inputs": 1, "scan_input_directions": [1], "scan_output_directions": [1]])
      ])
    #expect(try model.result(["s0": floats([0], []), "x": floats([1, 2, 4], [3])]) == floats([7, 6, 4], [3]))
  }

  /// Of no rows there is no row to write, and the body still says of what type one would be.
  @Test func aScanMayRunOverNothing() throws {
    let body = Graph(
      inputs: [.tensor("s", .f32, []), .tensor("v", .f32, [])], outputs: ["so", "so"], nodes: [Node("Add", ["s", "v"], ["so"])])
    let model = ModelWriter(
      inputs: [.tensor("s0", .f32, []), .tensor("x", .f32, [0])], outputs: ["z"],
      nodes: [Node("Scan", ["s0", "x"], ["y", "z"], ["body": .graph(body), "num_scan_inputs": 1])])
    #expect(try model.result(["s0": floats([0], []), "x": floats([], [0])]) == floats([], [0]))
  }
}
