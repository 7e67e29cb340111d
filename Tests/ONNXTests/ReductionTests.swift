import ApusONNX
import ApusTensor
import Testing

@Suite struct ReductionTests {
  private let x = Tensor([1, -2, 3, -4, 5, -6] as [Float], shape: [2, 3])

  private func run(
    _ op: String, _ operands: [Tensor?], _ attributes: KeyValuePairs<String, ModelWriter.Attribute> = [:], opset: Int = 20
  ) throws -> Tensor { try ModelWriter.result(of: op, operands, attributes, opset: opset) }

  @Test func axesAreAnAttributeOrAnOperand() throws {
    let sums = Tensor([-3, 3, -3] as [Float])
    #expect(try run("ReduceSum", [x], ["axes": [0], "keepdims": 0], opset: 11) == sums)
    #expect(try run("ReduceSum", [x, Tensor([-2] as [Int64])], ["keepdims": 0], opset: 13) == sums)
    #expect(try run("ReduceL1", [x, Tensor([1] as [Int64])]) == Tensor([6, 15] as [Float], shape: [2, 1]))
  }

  @Test func withoutAxesAllOrNoneAreFolded() throws {
    let none = Tensor([] as [Int64])
    #expect(try run("ReduceSumSquare", [x, none], ["keepdims": 0]) == Tensor(scalar: 91 as Float))
    let squares = Tensor([1, 4, 9, 16, 25, 36] as [Float], shape: [2, 3])
    #expect(try run("ReduceSumSquare", [x, none], ["noop_with_empty_axes": 1]) == squares)
    #expect(try run("ReduceMean", [x], ["noop_with_empty_axes": 1]) == x)
  }

  @Test func ofNothing() throws {
    let empty = Tensor([] as [Float], shape: [2, 0])
    let axes = Tensor([1] as [Int64])
    func folded(_ op: String) throws -> Tensor { try run(op, [empty, axes], ["keepdims": 0]) }
    #expect(try folded("ReduceMax") == Tensor([-.infinity, -.infinity] as [Float]))
    #expect(try folded("ReduceProd") == Tensor([1, 1] as [Float]))
    #expect(try folded("ReduceLogSumExp") == Tensor([-.infinity, -.infinity] as [Float]))
  }

  @Test func bools() throws {
    let bools = Tensor([true, false, true, true], shape: [2, 2])
    let axes = Tensor([1] as [Int64])
    #expect(try run("ReduceMin", [bools, axes], ["keepdims": 0]) == Tensor([false, true]))
    #expect(try run("ReduceMax", [bools, axes], ["keepdims": 0]) == Tensor([true, true]))
  }

  /// The product of three sizes of which nothing is known does not fit in 64 bits.
  @Test func overManyOpenAxes() throws {
    let ones = Tensor(Array(repeating: 1 as Int32, count: 24), shape: [2, 3, 4])
    #expect(try run("ReduceLogSum", [ones], ["keepdims": 0]) == Tensor(scalar: 3 as Int32))
  }

  @Test func lastOfTies() throws {
    let ties = Tensor([3, 3, 1] as [Int32])
    #expect(try run("ArgMax", [ties], ["keepdims": 0, "select_last_index": 1]) == Tensor(scalar: 1 as Int64))
    #expect(try run("ArgMax", [ties], ["keepdims": 0]) == Tensor(scalar: 0 as Int64))
  }

  @Test func cumulations() throws {
    let x = Tensor([1, 2, 3] as [Int32])
    let axis = Tensor(scalar: -1 as Int32)
    #expect(try run("CumSum", [x, axis], ["exclusive": 1, "reverse": 1]) == Tensor([5, 3, 0] as [Int32]))
    #expect(try run("CumProd", [x, axis], ["exclusive": 1], opset: 26) == Tensor([1, 1, 2] as [Int32]))
  }

  @Test func trianglesBeyondTheCorners() throws {
    let x = Tensor([1, 2, 3, 4, 5, 6] as [Int64], shape: [2, 3])
    let k = Tensor(scalar: 1 as Int64)
    #expect(try run("Trilu", [x, k]) == Tensor([0, 2, 3, 0, 0, 6] as [Int64], shape: [2, 3]))
    #expect(try run("Trilu", [x, Tensor(scalar: -5 as Int64)], ["upper": 0]) == Tensor([0, 0, 0, 0, 0, 0] as [Int64], shape: [2, 3]))
  }

  @Test(arguments: ["none", "mean", "sum"]) func lossesIgnoreLabels(_ reduction: String) throws {
    let scores = Tensor([-1, -2, -3, -4, -5, -6] as [Float], shape: [3, 2])
    let labels = Tensor([0, -1, 1] as [Int64])
    let weights = Tensor([2, 0.5] as [Float])
    let y = try run(
      "NegativeLogLikelihoodLoss", [scores, labels, weights], ["ignore_index": -1, "reduction": .string(reduction)])
    switch reduction {
    case "none": #expect(y == Tensor([2, 0, 3] as [Float]))
    case "sum": #expect(y == Tensor(scalar: 5 as Float))
    default: #expect(y == Tensor(scalar: 2 as Float))
    }
  }
}
