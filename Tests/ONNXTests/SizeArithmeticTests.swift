import ApusIR
import ApusONNX
import ApusSupport
import ApusTensor
import Testing

/// What models compute from shapes stays symbolic, and means the same as if it were computed when they run.
@Suite struct SizeArithmeticTests {
  private typealias Node = ModelWriter.Node

  /// The result's sizes, by the names of the model's.
  private func sizes(_ model: ModelWriter) throws -> String {
    let function = try model.module().functions[0]
    return function.symbols.text(function.resultTypes[0])
  }

  /// A model that reshapes `x`, of the sizes N, T and 6, to the shape that nodes compute from its own, called s.
  private func reshaping(_ initializers: KeyValuePairs<String, Tensor>, _ nodes: [Node]) -> ModelWriter {
    ModelWriter(
      inputs: [.tensor("x", .f32, ["N", "T", 6])], outputs: ["y"], initializers: initializers,
      nodes: [Node("Shape", ["x"], ["s"])] + nodes + [Node("Reshape", ["x", "target"], ["y"])])
  }

  private func x(_ n: Int, _ t: Int) -> Tensor { Tensor((0..<n * t * 6).map { Float($0) }, shape: [n, t, 6]) }

  @Test func partsOfShapesAreMovedAbout() throws {
    let model = reshaping(
      ["zero": Tensor(scalar: Int64(0)), "one": Tensor([1] as [Int64]), "two": Tensor([2] as [Int64]),
        "axis": Tensor([0] as [Int64]), "heads": Tensor([2, -1] as [Int64])],
      [
        Node("Gather", ["s", "zero"], ["n"]), Node("Unsqueeze", ["n", "axis"], ["n1"]),
        Node("Slice", ["s", "one", "two"], ["t1"]), Node("Concat", ["n1", "t1", "heads"], ["target"], ["axis": 0]),
      ])
    #expect(try sizes(model) == "f32[N, T, 2, 3]")
    #expect(try model.result(["x": x(2, 3)]).shape == [2, 3, 2, 3])
  }

  @Test func arithmeticOnSizesIsSymbolic() throws {
    let model = reshaping(
      ["i": Tensor([0, 1] as [Int64]), "six": Tensor([6] as [Int64]), "three": Tensor([3] as [Int64])],
      [
        Node("Gather", ["s", "i"], ["nt"]), Node("Cast", ["nt"], ["f"], ["to": 1]),
        Node("ReduceProd", ["f"], ["p"], ["keepdims": 1]), Node("Cast", ["p"], ["rows"], ["to": 7]),
        Node("Mul", ["rows", "six"], ["all"]), Node("Div", ["all", "three"], ["thirds"]),
        Node("Concat", ["thirds", "three"], ["target"], ["axis": 0]),
      ])
    #expect(try sizes(model) == "f32[2*N*T, 3]")
    #expect(try model.result(["x": x(1, 3)]).shape == [6, 3])
  }

  @Test func aSizeIsNoPlaceholder() throws {
    // Exporters write −1 for sizes to keep, and replace them where they stand.
    let model = reshaping(
      ["minus": Tensor([-1] as [Int64])],
      [Node("Equal", ["s", "minus"], ["open"]), Node("Where", ["open", "minus", "s"], ["target"])])
    #expect(try sizes(model) == "f32[N, T, 6]")
  }

  @Test func shapesOfHigherRankAreMovedToo() throws {
    // The way that some exporters turn amounts of padding round.
    let model = ModelWriter(
      inputs: [.tensor("x", .f32, ["N", "T"])], outputs: ["y"],
      initializers: [
        "pairs": Tensor([-1, 2] as [Int64]), "flat": Tensor([-1] as [Int64]), "zeros": Tensor([0, 0] as [Int64]),
        "last": Tensor([-1] as [Int64]), "end": Tensor([Int64.min]), "axis": Tensor([0] as [Int64]), "step": Tensor([-1] as [Int64]),
      ],
      nodes: [
        Node("Shape", ["x"], ["s"]), Node("Concat", ["zeros", "s"], ["amounts"], ["axis": 0]),
        Node("Reshape", ["amounts", "pairs"], ["table"]), Node("Slice", ["table", "last", "end", "axis", "step"], ["turned"]),
        Node("Transpose", ["turned"], ["across"], ["perm": [1, 0]]), Node("Reshape", ["across", "flat"], ["pads"]),
        Node("Pad", ["x", "pads"], ["y"]),
      ])
    #expect(try sizes(model) == "f32[2*N + T, T]")
    let y = try model.result(["x": Tensor([1, 2, 3] as [Float], shape: [1, 3])])
    #expect(y == Tensor([0, 0, 0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0].map { Float($0) }, shape: [5, 3]))
  }

  @Test func rangesCountToSizes() throws {
    let model = ModelWriter(
      inputs: [.tensor("x", .f32, ["T"])], outputs: ["y"],
      initializers: ["zero": Tensor(scalar: Int64(0)), "one": Tensor(scalar: Int64(1))],
      nodes: [
        Node("Shape", ["x"], ["s"]), Node("Gather", ["s", "zero"], ["t"]), Node("Range", ["zero", "t", "one"], ["y"]),
      ])
    #expect(try sizes(model) == "s64[T]")
    #expect(try model.result(["x": Tensor([1, 2, 3] as [Float])]) == Tensor([0, 1, 2] as [Int64]))
  }

  /// A model that computes the second size of its result from that of x by a float, as exporters of scales do.
  private func scaling(_ op: String, _ factor: Float, _ rounding: String?) -> ModelWriter {
    ModelWriter(
      inputs: [.tensor("x", .f32, ["T"])], outputs: ["y"],
      initializers: ["k": Tensor([factor]), "one": Tensor([1] as [Int64]), "value": Tensor([3] as [Float])],
      nodes: [
        Node("Shape", ["x"], ["s"]), Node("Cast", ["s"], ["f"], ["to": 1]), Node(op, ["f", "k"], ["q"]),
        Node(rounding ?? "Identity", ["q"], ["r"]), Node("Cast", ["r"], ["size"], ["to": 7]),
        Node("Concat", ["one", "size"], ["to"], ["axis": 0]), Node("Expand", ["value", "to"], ["y"]),
      ])
  }

  @Test(arguments: [
    ("Mul", 0.5, "Floor", "floordiv(T, 2)"), ("Mul", 0.75, "Ceil", "floordiv(3*T + 3, 4)"), ("Mul", 2, "Floor", "2*T"),
    ("Div", 3, "Floor", "floordiv(T, 3)"), ("Div", 1.5, "Ceil", "floordiv(2*T + 2, 3)"), ("Mul", 2.5, nil, "floordiv(5*T, 2)"),
  ] as [(String, Float, String?, String)])
  func fractionsOfSizesStaySymbolic(op: String, factor: Float, rounding: String?, expected: String) throws {
    let model = scaling(op, factor, rounding)
    #expect(try sizes(model) == "f32[1, \(expected)]")
    for count in [0, 1, 2, 3, 4, 5, 6, 7, 100] {
      let exact = op == "Mul" ? Float(count) * factor : Float(count) / factor
      let rounded = rounding == "Ceil" ? exact.rounded(.up) : exact.rounded(.down)
      let y = try model.interpreted(["x": Tensor([Float](repeating: 0, count: count))])["y"]
      #expect(y?.shape == [1, Int(rounded)], "\(count)")
    }
  }

  @Test func whatFloatsRoundDiffersFromFractions() throws {
    // 0.7 is less than seven tenths, and 10 times that is 7 only because it is rounded.
    let model = scaling("Mul", 0.7, "Floor")
    #expect(throws: DiagnosticError.self) { try sizes(model) }
    #expect(try model.interpreted(["x": Tensor([Float](repeating: 0, count: 10))])["y"]?.shape == [1, 7])
    // Beyond what floats count exactly, the sizes are settled instead.
    let half = scaling("Mul", 0.5, "Floor")
    #expect(try half.module().functions[0].obligations.contains { $0.id == "onnx.size" })
  }

  @Test func fractionsAreMovedAndAddedUp() throws {
    // The size of what a window of 3 gives at every second place, as some write it: floor((n - 3) / 2 + 1).
    let model = ModelWriter(
      inputs: [.tensor("x", .f32, ["N", "T"])], outputs: ["y"],
      initializers: [
        "three": Tensor([3] as [Float]), "half": Tensor([0.5] as [Float]), "one": Tensor([1] as [Float]),
        "first": Tensor(scalar: Int64(0)), "axes": Tensor([0] as [Int64]), "value": Tensor([3] as [Float]),
      ],
      nodes: [
        Node("Shape", ["x"], ["s"]), Node("Cast", ["s"], ["f"], ["to": 1]), Node("Sub", ["f", "three"], ["a"]),
        Node("Mul", ["a", "half"], ["b"]), Node("Add", ["b", "one"], ["c"]), Node("Gather", ["c", "first"], ["d"]),
        Node("Unsqueeze", ["d", "axes"], ["e"]), Node("Concat", ["e", "f"], ["g"], ["axis": 0]), Node("Floor", ["g"], ["h"]),
        Node("Cast", ["h"], ["to"], ["to": 7]), Node("Expand", ["value", "to"], ["y"]),
      ])
    #expect(try sizes(model) == "f32[floordiv(N - 1, 2), N, T]")
    #expect(try model.result(["x": Tensor((0..<12).map { Float($0) }, shape: [6, 2])]).shape == [2, 6, 2])
  }

  @Test func aFractionOfASizeIsAValueToo() throws {
    let model = ModelWriter(
      inputs: [.tensor("x", .f32, ["T"])], outputs: ["y"], initializers: ["k": Tensor([0.5] as [Float])],
      nodes: [
        Node("Shape", ["x"], ["s"]), Node("Cast", ["s"], ["f"], ["to": 1]), Node("Mul", ["f", "k"], ["q"]), Node("Mul", ["x", "q"], ["y"]),
      ])
    #expect(try model.result(["x": Tensor([1, 2, 4] as [Float])]) == Tensor([1.5, 3, 6] as [Float]))
  }

  @Test func aSizeThatIsAValueIsComputedWhenTheModelRuns() throws {
    let model = ModelWriter(
      inputs: [.tensor("x", .f32, ["T", 2])], outputs: ["y"],
      nodes: [Node("Size", ["x"], ["n"]), Node("Cast", ["n"], ["f"], ["to": 1]), Node("Div", ["x", "f"], ["y"])])
    #expect(try sizes(model) == "f32[T, 2]")
    #expect(try model.result(["x": Tensor([4, 8] as [Float], shape: [1, 2])]) == Tensor([2, 4] as [Float], shape: [1, 2]))
  }

  @Test(arguments: [(1, 100, 1), (-2, 100, 1), (0, -1, 1), (-1, -100, -1), (5, 0, -2), (2, 2, 1), (-100, 3, 2)])
  func slicesOfOpenAxesAreClamped(start: Int, end: Int, step: Int) throws {
    for count in [0, 1, 3, 7] {
      let values = (0..<count).map { Float($0) }
      let model = { (size: ModelWriter.Size) in
        ModelWriter(
          inputs: [.tensor("x", .f32, [size])], outputs: ["y"],
          initializers: ["a": Tensor([Int64(start)]), "b": Tensor([Int64(end)]), "axis": Tensor([0] as [Int64]), "c": Tensor([Int64(step)])],
          nodes: [Node("Slice", ["x", "a", "b", "axis", "c"], ["y"])])
      }
      let known = try model(.fixed(count)).interpreted(["x": Tensor(values)])["y"]
      #expect(try model("T").interpreted(["x": Tensor(values)])["y"] == known, "\(count)")
      #expect(try model("T").module().functions[0].resultTypes[0].dims[0].constantValue == (start == 2 ? 0 : nil))
    }
  }
}
