import ApusCompiler
import ApusONNX
import ApusSupport
import ApusTensor
import Testing

/// Where a size or a value decides what a model looks like, only that is settled: the other sizes stay open.
@Suite struct GuardTests {
  private typealias Node = ModelWriter.Node
  private typealias Graph = ModelWriter.Graph

  /// What exporters write for a squeeze of an axis whose size they do not know: branches of different ranks.
  private func squeezing(_ condition: [Node], _ inputs: [ModelWriter.Value] = []) -> ModelWriter {
    let squeezed = Graph(outputs: ["narrow"], nodes: [Node("Squeeze", ["x", "axis"], ["narrow"])])
    let same = Graph(outputs: ["wide"], nodes: [Node("Identity", ["x"], ["wide"])])
    return ModelWriter(
      inputs: [.tensor("x", .f32, ["N", "T"])] + inputs, outputs: ["y"],
      initializers: [
        "axis": Tensor([1] as [Int64]), "zero": Tensor([0] as [Int64]), "one": Tensor([1] as [Int64]), "two": Tensor([2] as [Int64]),
        "scalar": Tensor(scalar: Int64(1)),
      ],
      nodes: [
        Node("Shape", ["x"], ["s"]), Node("Gather", ["s", "zero"], ["n"]), Node("Gather", ["s", "one"], ["t"]),
      ] + condition + [
        Node("If", ["c"], ["b"], ["then_branch": .graph(squeezed), "else_branch": .graph(same)]), Node("Neg", ["b"], ["y"]),
      ])
  }

  private func x(_ n: Int, _ t: Int) -> Tensor { Tensor((0..<n * t).map { Float($0) }, shape: [n, t]) }

  /// The shape of the output for each input, all from one model, and how many variants that took.
  private func shapes(_ writer: ModelWriter, _ inputs: [[String: Tensor]]) throws -> (shapes: [[Int]], variants: Int) {
    let model = ImportedModel(try writer.file(), CompilerOptions(threads: 1))
    let shapes = try inputs.map { given in
      let y = try model.run(given)[0].tensor
      let x = try #require(given["x"])
      #expect((0..<y.count).allSatisfy { y.scalar(at: $0).asDouble == -x.scalar(at: $0).asDouble })
      return y.shape
    }
    return (shapes, model.variantCount)
  }

  @Test func aSizeThatDecidesTheRankMakesOneVariantAnOutcome() throws {
    let writer = squeezing([Node("Equal", ["t", "one"], ["c"])])
    let sizes = [(1, 1), (4, 1), (2, 3), (7, 5), (0, 1), (1, 0), (1, 1), (2, 3)]
    let (found, variants) = try shapes(writer, sizes.map { ["x": x($0, $1)] })
    #expect(found == sizes.map { $1 == 1 ? [$0] : [$0, $1] })
    #expect(variants == 2)
    let model = ImportedModel(try writer.file(), isInterpreted: true)
    let narrow = try model.variant(for: ["x": .tensor(x(4, 1))]).model
    #expect(narrow.outputs.map(\.typeText) == ["f32[N]"])
    #expect(try model.variant(for: ["x": .tensor(x(2, 3))]).model.outputs.map(\.typeText) == ["f32[N, T]"])
  }

  @Test(arguments: [true, false])
  func aVariantRefusesSizesThatItIsNotFor(isInterpreted: Bool) throws {
    let writer = squeezing([Node("Equal", ["t", "one"], ["c"])])
    let model = ImportedModel(try writer.file(), CompilerOptions(threads: 1), isInterpreted: isInterpreted)
    for (own, other) in [(1, 3), (3, 1)] {
      let variant = try model.variant(for: ["x": .tensor(x(2, own))]).model
      let error = #expect(throws: DiagnosticError.self) { try variant.run([x(2, other)]) }
      #expect(error?.diagnostics.first?.id == "input.shape")
      // The interpreter names the two sizes only.
      if isInterpreted { continue }
      #expect(error?.diagnostics.first?.message.contains("compiled for sizes with T \(own == 1 ? "==" : "!=") 1") == true)
    }
  }

  @Test func conditionsOnSizesAreCombined() throws {
    let sizes = [(1, 1), (2, 1), (3, 1), (5, 1), (1, 2), (3, 2)]
    let inputs = sizes.map { ["x": x($0, $1)] }
    let both = squeezing([
      Node("Greater", ["n", "two"], ["g"]), Node("Not", ["g"], ["small"]), Node("Equal", ["t", "one"], ["u"]),
      Node("Not", ["u"], ["v"]), Node("Or", ["v", "small"], ["either"]), Node("Not", ["either"], ["c"]),
    ])
    let (found, variants) = try shapes(both, inputs)
    #expect(found == sizes.map { $0 > 2 && $1 == 1 ? [$0] : [$0, $1] })
    #expect(variants == 2)
    // A number of conditions as one, by way of numbers.
    let counted = squeezing([
      Node("LessOrEqual", ["n", "two"], ["p"]), Node("Less", ["t", "two"], ["q"]), Node("And", ["p", "q"], ["ab"]),
      Node("Cast", ["ab"], ["number"], ["to": 7]), Node("Mul", ["number", "t"], ["product"]), Node("Cast", ["product"], ["c"], ["to": 9]),
    ])
    let (second, count) = try shapes(counted, inputs)
    #expect(second == sizes.map { $0 <= 2 && $1 == 1 ? [$0] : [$0, $1] })
    #expect(count == 2)
  }

  @Test func boundsDecideWithoutAGuard() throws {
    let never = squeezing([Node("Neg", ["one"], ["minus"]), Node("Less", ["t", "minus"], ["c"])])
    #expect(try never.module().functions[0].resultTypes[0].rank == 2)
    #expect(try shapes(never, [["x": x(2, 1)], ["x": x(2, 3)]]).variants == 1)
  }

  @Test func aValueThatDecidesLeavesSizesOpen() throws {
    let writer = squeezing([Node("Equal", ["k", "scalar"], ["c"])], [.tensor("k", .s64, [])])
    let inputs = [(1, 1), (4, 1), (4, 0), (2, 0)].map { ["x": x($0, 1), "k": Tensor(scalar: Int64($1))] }
    let (found, variants) = try shapes(writer, inputs)
    #expect(found == [[1], [4], [4, 1], [2, 1]])
    #expect(variants == 2)
  }

  @Test func aValueAndASizeThatDecideTogether() throws {
    let writer = squeezing(
      [Node("Equal", ["k", "scalar"], ["v"]), Node("Equal", ["t", "one"], ["u"]), Node("And", ["u", "v"], ["c"])],
      [.tensor("k", .s64, [])])
    let cases = [(1, 1, 1), (4, 1, 1), (4, 3, 1), (2, 5, 1), (4, 3, 0), (4, 1, 0)]
    let (found, variants) = try shapes(writer, cases.map { ["x": x($0, $1), "k": Tensor(scalar: Int64($2))] })
    #expect(found == [[1], [4], [4, 3], [2, 5], [4, 3], [4, 1]])
    #expect(variants == 3)
  }

  @Test func aNumberThatASizeStandsForIsOneOfAFew() throws {
    // The axis that is summed over is a size less two.
    let writer = ModelWriter(
      inputs: [.tensor("x", .f32, ["N", "T"])], outputs: ["y"],
      initializers: ["zero": Tensor([0] as [Int64]), "two": Tensor([2] as [Int64])],
      nodes: [
        Node("Shape", ["x"], ["s"]), Node("Gather", ["s", "zero"], ["n"]), Node("Sub", ["n", "two"], ["axes"]),
        Node("ReduceSum", ["x", "axes"], ["y"], ["keepdims": 0]),
      ])
    let model = ImportedModel(try writer.file(), CompilerOptions(threads: 1))
    for (n, t, shape) in [(2, 5, [5]), (2, 1, [1]), (3, 4, [3]), (3, 0, [3]), (2, 7, [7])] {
      #expect(try model.run(["x": x(n, t)])[0].tensor.shape == shape)
    }
    #expect(model.variantCount == 2)
  }

  @Test func aConditionOnSizesIsAValueToo() throws {
    let writer = ModelWriter(
      inputs: [.tensor("x", .f32, ["N", 2])], outputs: ["y"],
      initializers: ["zero": Tensor(scalar: Int64(0)), "three": Tensor(scalar: Int64(3))],
      nodes: [
        Node("Shape", ["x"], ["s"]), Node("Gather", ["s", "zero"], ["n"]), Node("Less", ["n", "three"], ["c"]),
        Node("Neg", ["x"], ["m"]), Node("Where", ["c", "x", "m"], ["y"]),
      ])
    for n in [0, 2, 3, 4] {
      let y = try writer.result(["x": x(n, 2)])
      #expect(y == Tensor((0..<n * 2).map { n < 3 ? Float($0) : -Float($0) }, shape: [n, 2]))
    }
  }

  @Test func oneSizeOrAnotherIsASize() throws {
    let writer = ModelWriter(
      inputs: [.tensor("x", .f32, ["N", "T"])], outputs: ["y"],
      initializers: ["one": Tensor([1] as [Int64]), "seven": Tensor([7] as [Int64]), "sizes": Tensor([7] as [Int64])],
      nodes: [
        Node("Shape", ["x"], ["s"]), Node("Equal", ["s", "one"], ["c"]), Node("Where", ["c", "seven", "s"], ["to"]),
        Node("Expand", ["x", "to"], ["y"]),
      ])
    for (n, t) in [(1, 1), (1, 3), (2, 1), (2, 3)] {
      #expect(try writer.result(["x": x(n, t)]).shape == [n == 1 ? 7 : n, t == 1 ? 7 : t])
    }
  }

  @Test func whatIsSettledIsTold() throws {
    let sized = try squeezing([Node("Equal", ["t", "one"], ["c"])]).file()
    let report = try ModelReport(sized, CompilerOptions())
    #expect(report.problems.map(\.id) == ["onnx.guard"] && report.problems[0].severity == .note)
    #expect(report.problems[0].message.contains("T == 1") && report.outputs.map(\.typeText) == ["f32[N]"])
    let types = sized.importedTypes(shapes: [:])
    #expect(types.entries.last?.name == "y" && types.entries.last?.sizes == [nil])

    let valued = try squeezing([Node("Equal", ["k", "scalar"], ["c"])], [.tensor("k", .s64, [])]).file()
    let second = try ModelReport(valued, CompilerOptions())
    #expect(second.problems.map(\.severity) == [.note] && second.problems[0].message.contains("'k'"))
    // What is looked at without inputs is not what runs.
    #expect(try ImportedModel(valued, isInterpreted: true).prepare() == nil)
  }
}
