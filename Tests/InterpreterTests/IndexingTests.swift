import ApusIR
import ApusTensor
import Testing

@Suite struct IndexingTests {
  private static let indexTypes = ElementClass.index.members

  @Test(arguments: indexTypes, [-1.0, 3]) func s6_1_indicesOutOfRangeEndTheRun(
    _ type: ElementType, _ index: Double
  ) throws {
    let x = Tensor([Float(10), 20, 30])
    let indices = try tensor(type, [0, index])
    expectDiagnostic("index.range") { _ = try result(.gather, x, indices, attributes: ["axis": .int(0)]) }
    expectDiagnostic("index.range") { _ = try result(.gatherElements, x, indices, attributes: ["axis": .int(0)]) }
    let vectors = try indices.reshaped([2, 1])
    expectDiagnostic("index.range") { _ = try result(.gatherNd, x, vectors) }
    let updates = Tensor([Float(1), 2])
    expectDiagnostic("index.range") {
      _ = try result(.scatterElements, x, indices, updates, attributes: ["axis": .int(0)])
    }
    expectDiagnostic("index.range") { _ = try result(.scatterNd, x, vectors, updates) }
  }

  @Test func s6_2_indicesAreCheckedWhereElementsMove() throws {
    let x = try Tensor.zeros(.f32, shape: [3, 0])
    #expect(try result(.gather, x, Tensor([Int32(3)]), attributes: ["axis": .int(0)]).shape == [1, 0])
    #expect(try result(.gatherNd, x, try Tensor([Int32(3)]).reshaped([1, 1])).shape == [1, 0])
    let none = try Tensor.zeros(.f32, shape: [1, 0])
    let beyond = try Tensor([Int32(3)]).reshaped([1, 1])
    expectDiagnostic("index.range") { _ = try result(.scatterNd, x, beyond, none) }
    #expect(try result(.gather, x, Tensor([Int32(2), 0]), attributes: ["axis": .int(0)]).shape == [2, 0])
    expectDiagnostic("index.range") {
      _ = try result(.gather, x, Tensor([Int32(0)]), attributes: ["axis": .int(1)])
    }
    #expect(try result(.gather, x, try Tensor.zeros(.s64, shape: [0]), attributes: ["axis": .int(0)]).shape == [0, 0])
  }

  @Test(arguments: ElementType.allCases, indexTypes) func gathersPick(_ type: ElementType, _ index: ElementType) throws
  {
    let x = try tensor(type, [0, 1, 1, 0, 1, 0], shape: [2, 3])
    let rows = try result(.gather, x, try tensor(index, [1, 0, 1], shape: [3, 1]), attributes: ["axis": .int(0)])
    #expect(rows.shape == [3, 1, 3] && doubles(rows) == [0, 1, 0, 0, 1, 1, 0, 1, 0])
    let columns = try result(.gather, x, try tensor(index, [2, 0]), attributes: ["axis": .int(1)])
    #expect(columns.shape == [2, 2] && doubles(columns) == [1, 0, 0, 0])
    let one = try result(.gather, x, try tensor(index, [1], shape: []), attributes: ["axis": .int(1)])
    #expect(one.shape == [2] && doubles(one) == [1, 1])
    let elements = try result(
      .gatherElements, x, try tensor(index, [1, 0], shape: [1, 2]), attributes: ["axis": .int(0)])
    #expect(elements.shape == [1, 2] && doubles(elements) == [0, 1])
    let points = try result(.gatherNd, x, try tensor(index, [0, 2, 1, 1], shape: [2, 2]))
    #expect(points.shape == [2] && doubles(points) == [1, 1])
    let slices = try result(.gatherNd, x, try tensor(index, [1], shape: [1, 1]))
    #expect(slices.shape == [1, 3] && doubles(slices) == [0, 1, 0])
    let batched = try result(
      .gatherNd, x, try tensor(index, [1, 2, 0, 1], shape: [2, 2, 1]), attributes: ["batch_axes": .int(1)])
    #expect(batched.shape == [2, 2] && doubles(batched) == [1, 1, 0, 1])
  }

  @Test(arguments: ElementType.allCases) func s6_3_duplicatesApplyInOrder(_ type: ElementType) throws {
    let x = try tensor(type, [0, 0, 0])
    let y = try result(
      .scatterElements, x, Tensor([Int32(1), 1, 2]), try tensor(type, [0, 1, 1]), attributes: ["axis": .int(0)])
    #expect(doubles(y) == [0, 1, 1])
    let z = try result(.scatterNd, x, Tensor([Int64(1), 0, 1], shape: [3, 1]), try tensor(type, [1, 1, 0]))
    #expect(doubles(z) == [1, 0, 0])
  }

  @Test(arguments: ElementType.numbers) func s6_4_scatteredReductionsRoundEachStep(_ type: ElementType) throws {
    let x = try tensor(type, [1, 2, 3, 4], shape: [2, 2])
    func scatter(_ reduction: String, _ updates: [Double]) throws -> [Double] {
      doubles(
        try result(
          .scatterElements, x, Tensor([Int32(0), 1, 0, 1], shape: [2, 2]), try tensor(type, updates, shape: [2, 2]),
          attributes: ["axis": .int(0), "reduction": .name(reduction)]))
    }
    #expect(try scatter("add", [1, 1, 1, 1]) == [3, 2, 3, 6])
    #expect(try scatter("mul", [2, 2, 2, 2]) == [4, 2, 3, 16])
    #expect(try scatter("min", [3, 3, 0, 5]) == [0, 2, 3, 3])
    #expect(try scatter("max", [0, 3, 7, 9]) == [7, 2, 3, 9])
    if type == .f16 {
      // Two steps of 1 are lost at 2048; both at once would not be.
      let y = try result(
        .scatterNd, try tensor(.f16, [2_048]), Tensor([Int32(0), 0], shape: [2, 1]), try tensor(.f16, [1, 1]),
        attributes: ["reduction": .name("add")])
      #expect(doubles(y) == [2_048])
    }
    if type.isInteger {
      let y = try result(
        .scatterNd, try tensor(type, exactly: [type.largest]), Tensor([Int32(0)], shape: [1, 1]), try tensor(type, [1]),
        attributes: ["reduction": .name("add")])
      #expect(scalars(y) == [type.smallest])
    }
  }

  @Test func scatterWritesSlices() throws {
    let x = Tensor([Float(0), 0, 0, 0, 0, 0], shape: [3, 2])
    let y = try result(
      .scatterNd, x, Tensor([Int32(2), 0], shape: [2, 1]), Tensor([Float(1), 2, 3, 4], shape: [2, 2]))
    #expect(y == Tensor([Float(3), 4, 0, 0, 1, 2], shape: [3, 2]))
    #expect(x.values(as: Float.self) == [0, 0, 0, 0, 0, 0])
    let unchanged = try result(.scatterNd, x, Tensor([Int32](), shape: [0, 1]), Tensor([Float](), shape: [0, 2]))
    #expect(unchanged == x)
  }

  @Test(arguments: ElementType.allCases, indexTypes) func s6_5_blocksAreMovedInside(
    _ type: ElementType, _ index: ElementType
  ) throws {
    let x = try tensor(type, [1, 0, 1, 1, 0, 0], shape: [2, 3])
    func slice(_ starts: [Double]) throws -> [Double] {
      doubles(try result(.dynamicSlice, x, try tensor(index, starts), attributes: ["sizes": .dims([1, 2])]))
    }
    #expect(try slice([0, 0]) == [1, 0])
    #expect(try slice([-5, 9]) == [0, 1])
    #expect(try slice([7, -1]) == [1, 0])
    let y = try result(
      .dynamicUpdateSlice, x, try tensor(type, [1, 1], shape: [1, 2]), try tensor(index, [1, 2]))
    #expect(doubles(y) == [1, 0, 1, 1, 1, 1])
    #expect(doubles(x) == [1, 0, 1, 1, 0, 0])
  }

  @Test func s6_5_anyStartIsClamped() throws {
    let y = try result(
      .dynamicSlice, Tensor([Int32(1), 2, 3]), Tensor([Int64.min]), attributes: ["sizes": .dims([1])])
    #expect(doubles(y) == [1])
    let z = try result(
      .dynamicSlice, Tensor([Int32(1), 2, 3]), Tensor([Int64.max]), attributes: ["sizes": .dims([2])])
    #expect(doubles(z) == [2, 3])
  }

  @Test(arguments: ElementType.allCases) func s6_6_nonZeroIsInRowMajorOrder(_ type: ElementType) throws {
    let y = try result(.nonZero, try tensor(type, [0, 1, 1, 0, 0, 1], shape: [2, 3]))
    #expect(y == Tensor([Int64(0), 0, 1, 1, 2, 2], shape: [2, 3]))
    if type.isFloat {
      #expect(try result(.nonZero, try tensor(type, [-0.0, .nan, 0])) == Tensor([Int64(1)], shape: [1, 1]))
    }
    #expect(try result(.nonZero, try Tensor.zeros(type, shape: [0, 3])).shape == [2, 0])
    #expect(try result(.nonZero, try tensor(type, [1], shape: [])).shape == [0, 1])
  }
}
