import ApusIR
import ApusInterpreter
import ApusTensor
import Testing

@Suite struct OrderingTests {
  private func arg(_ code: OpCode, _ x: Tensor, axis: Int = 0, last: Bool = false) throws -> [Double] {
    doubles(try result(code, x, attributes: ["axis": .int(axis), "last": .bool(last)]))
  }

  private func sort(_ x: Tensor, axis: Int = 0, descending: Bool = false) throws -> (values: Tensor, indices: [Double])
  {
    let both = try evaluate(.sort, [x], ["axis": .int(axis), "descending": .bool(descending)])
    return (both[0], doubles(both[1]))
  }

  @Test(arguments: ElementType.numbers) func s4_6_tiesTakeTheLowestIndex(_ type: ElementType) throws {
    let x = try tensor(type, [3, 9, 9, 3])
    #expect(try arg(.argMax, x) == [1])
    #expect(try arg(.argMax, x, last: true) == [2])
    #expect(try arg(.argMin, x) == [0])
    #expect(try arg(.argMin, x, last: true) == [3])
    let ends = try tensor(type, exactly: [.signed(1), type.isFloat ? .float(100) : type.largest], shape: [2, 1])
    #expect(try arg(.argMax, ends) == [1])
    #expect(try arg(.argMax, ends, axis: 1) == [0, 0])
    if type.isFloat { #expect(try arg(.argMax, try tensor(type, [-0.0, 0])) == [0]) }
  }

  @Test(arguments: ElementType.floats) func s4_7_nanWinsAnArgReduction(_ type: ElementType) throws {
    let x = try tensor(type, [1, .nan, .infinity, .nan, -.infinity])
    #expect(try arg(.argMax, x) == [1])
    #expect(try arg(.argMax, x, last: true) == [3])
    #expect(try arg(.argMin, x) == [1])
    #expect(try arg(.argMin, x, last: true) == [3])
  }

  @Test(arguments: [OpCode.argMax, .argMin]) func s4_8_anEmptyAxisHasNoLargest(_ code: OpCode) throws {
    expectDiagnostic("\(code.name).C1") {
      _ = try Interpreter.evaluate(
        code, operands: [try Tensor.zeros(.f32, shape: [2, 0])], attributes: [NamedAttribute("axis", .int(1))],
        resultTypes: [type(.s64, [2])])
    }
    let nothing = try Interpreter.evaluate(
      code, operands: [try Tensor.zeros(.f32, shape: [0, 0])], attributes: [NamedAttribute("axis", .int(1))],
      resultTypes: [type(.s64, [0])])
    #expect(nothing[0].shape == [0])
  }

  @Test(arguments: ElementType.numbers) func s4_11_sortIsStable(_ type: ElementType) throws {
    let (values, indices) = try sort(try tensor(type, [3, 1, 2, 1, 3]))
    #expect(doubles(values) == [1, 1, 2, 3, 3])
    #expect(indices == [1, 3, 2, 0, 4])
    let columns = try sort(try tensor(type, [3, 1, 2, 5, 1, 9], shape: [3, 2]))
    #expect(doubles(columns.values) == [1, 1, 2, 1 + 4, 3, 9] && columns.indices == [2, 0, 1, 1, 0, 2])
    if type.isFloat {
      let special = try sort(try tensor(type, [.nan, 0, -0.0, .infinity, .nan, -.infinity]))
      #expect(same(doubles(special.values), [-.infinity, 0, -0.0, .infinity, .nan, .nan]))
      #expect(special.indices == [5, 1, 2, 3, 0, 4])
    } else {
      let ends = try sort(try tensor(type, exactly: [type.largest, type.smallest]))
      #expect(scalars(ends.values) == [type.smallest, type.largest])
    }
  }

  @Test(arguments: ElementType.numbers) func s4_12_descendingSortIsStableToo(_ type: ElementType) throws {
    let (values, indices) = try sort(try tensor(type, [3, 1, 2, 1, 3]), descending: true)
    #expect(doubles(values) == [3, 3, 2, 1, 1])
    #expect(indices == [0, 4, 2, 1, 3])
    if type.isFloat {
      let special = try sort(try tensor(type, [1, .nan, 2, .nan]), descending: true)
      #expect(same(doubles(special.values), [.nan, .nan, 2, 1]))
      #expect(special.indices == [1, 3, 2, 0])
    }
  }

  @Test(arguments: ElementType.numbers) func s4_13_topKIsTheHeadOfSort(_ type: ElementType) throws {
    let x = try tensor(type, [3, 1, 2, 3, 5, 1, 1, 0], shape: [2, 4])
    for isLargest in [true, false] {
      let top = try evaluate(
        .topK, [x], ["k": .dims([2]), "axis": .int(1), "largest": .bool(isLargest)])
      let all = try evaluate(.sort, [x], ["axis": .int(1), "descending": .bool(isLargest)])
      for (head, whole) in zip(top, all) {
        #expect(head.shape == [2, 2])
        #expect(doubles(head) == [0, 1, 4, 5].map { doubles(whole)[$0] })
      }
    }
    let none = try evaluate(.topK, [x], ["k": .dims([0]), "axis": .int(0), "largest": .bool(true)])
    #expect(none.map(\.shape) == [[0, 4], [0, 4]])
  }
}
