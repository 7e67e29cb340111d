import ApusIR
import ApusTensor
import Testing

@Suite struct MovementTests {
  /// 0, 1, 0, 1 … and so also exact as bool.
  private func alternating(_ type: ElementType, _ shape: [Int]) throws -> Tensor {
    try tensor(type, (0..<shape.reduce(1, *)).map { Double($0 % 2) }, shape: shape)
  }

  @Test(arguments: ElementType.allCases) func s7_1_broadcastRepeatsAxesOfOne(_ element: ElementType) throws {
    let x = try tensor(element, [0, 1])
    let y = try result(.broadcast, x, attributes: ["axes": .ints([0])], stated: type(element, [2, 3]))
    #expect(y.shape == [2, 3] && doubles(y) == [0, 0, 0, 1, 1, 1])
    let z = try result(
      .broadcast, try x.reshaped([1, 2]), attributes: ["axes": .ints([0, 2])], stated: type(element, [3, 1, 2]))
    #expect(doubles(z) == [0, 1, 0, 1, 0, 1])
    let scalar = try result(
      .broadcast, try tensor(element, [1], shape: []), attributes: ["axes": .ints([])], stated: type(element, [0, 2]))
    #expect(scalar.shape == [0, 2])
  }

  @Test(arguments: ElementType.allCases) func s7_2_reshapeKeepsTheOrder(_ element: ElementType) throws {
    let x = try alternating(element, [2, 3])
    #expect(doubles(try result(.reshape, x, stated: type(element, [3, 2]))) == doubles(x))
    #expect(
      try result(.reshape, try Tensor.zeros(element, shape: [0, 3]), stated: type(element, [5, 0])).shape == [5, 0])
    #expect(try result(.reshape, try Tensor.zeros(element, shape: [1]), stated: type(element, [])).shape == [])
  }

  @Test(arguments: ElementType.allCases) func s7_3_transposePermutesAxes(_ element: ElementType) throws {
    let x = try tensor(element, [0, 1, 1, 0, 0, 1], shape: [1, 2, 3])
    let y = try result(.transpose, x, attributes: ["perm": .ints([2, 0, 1])])
    #expect(y.shape == [3, 1, 2] && doubles(y) == [0, 0, 1, 0, 1, 1])
    #expect(
      try result(.transpose, try Tensor.zeros(element, shape: [2, 0]), attributes: ["perm": .ints([1, 0])]).shape == [
        0, 2,
      ])
    #expect(try result(.transpose, try tensor(element, [1], shape: []), attributes: ["perm": .ints([])]).shape == [])
  }

  @Test func s7_4_sliceCountsUpToTheLimit() throws {
    let x = Tensor((0..<12).map { Int32($0) }, shape: [2, 6])
    func slice(_ starts: [Dim], _ limits: [Dim], _ strides: [Int]) throws -> Tensor {
      try result(
        .slice, x, attributes: ["starts": .dims(starts), "limits": .dims(limits), "strides": .ints(strides)])
    }
    #expect(try slice([0, 1], [2, 6], [1, 2]) == Tensor([Int32(1), 3, 5, 7, 9, 11], shape: [2, 3]))
    #expect(try slice([1, 0], [2, 6], [1, 4]) == Tensor([Int32(6), 10], shape: [1, 2]))
    #expect(try slice([1, 3], [2, 3], []).shape == [1, 0])
    #expect(try slice([1, 5], [2, 6], []) == Tensor([Int32(11)], shape: [1, 1]))
  }

  @Test(arguments: ElementType.allCases) func s7_5_padsBetweenNeighbours(_ element: ElementType) throws {
    let zero = try tensor(element, [0], shape: [])
    func pad(_ x: Tensor, _ low: [Dim], _ high: [Dim], _ interior: [Int]) throws -> Tensor {
      try result(
        .pad, x, zero, attributes: ["low": .dims(low), "high": .dims(high), "interior": .ints(interior)])
    }
    #expect(doubles(try pad(try tensor(element, [1, 1]), [1], [2], [2])) == [0, 1, 0, 0, 1, 0, 0])
    #expect(doubles(try pad(try tensor(element, [1, 1]), [0], [0], [])) == [1, 1])
    #expect(doubles(try pad(try Tensor.zeros(element, shape: [0]), [1], [2], [5])) == [0, 0, 0])
    let y = try pad(try tensor(element, [1, 1], shape: [1, 2]), [1, 0], [0, 1], [0, 1])
    #expect(y.shape == [2, 4] && doubles(y) == [0, 0, 0, 0, 1, 0, 1, 0])
  }

  @Test(arguments: ElementType.allCases) func s7_6_concatAndReverse(_ element: ElementType) throws {
    let (a, b) = (try alternating(element, [2, 1]), try tensor(element, [1, 1, 0, 0], shape: [2, 2]))
    let rows = try evaluate(.concat, [a, b, try Tensor.zeros(element, shape: [2, 0])], ["axis": .int(1)])[0]
    #expect(rows.shape == [2, 3] && doubles(rows) == [0, 1, 1, 1, 0, 0])
    let columns = try result(.concat, b, b, attributes: ["axis": .int(0)])
    #expect(columns.shape == [4, 2] && doubles(columns) == [1, 1, 0, 0, 1, 1, 0, 0])
    let reversed = try result(.reverse, rows, attributes: ["axes": .ints([1])])
    #expect(doubles(reversed) == [1, 1, 0, 0, 0, 1])
    #expect(doubles(try result(.reverse, rows, attributes: ["axes": .ints([0, 1])])) == doubles(rows).reversed())
    #expect(try result(.reverse, try Tensor.zeros(element, shape: [0]), attributes: ["axes": .ints([0])]).shape == [0])
  }
}
