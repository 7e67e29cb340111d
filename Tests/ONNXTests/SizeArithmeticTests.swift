import ApusIR
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
