import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

/// What is known of sums whose order is free.
@Suite struct EnclosureTests {
  private func enclosure(_ body: String, _ element: ElementType, _ rows: [[Double]]) throws -> Enclosure {
    let columns = rows.first?.count ?? 0
    let text = """
      apus-ir 1

      func @f(%x: \(element.name)[\(rows.count), \(columns)]) -> \(element.name)[\(rows.count)] {
        %0: \(element.name)[\(rows.count)] = \(body)
        return %0
      }
      """
    var x = try Tensor.zeros(element, shape: [rows.count, columns])
    for (index, value) in rows.joined().enumerated() { x.setScalar(.float(value), at: index) }
    let module = try Module.parse(SourceText(name: "f.ir", text: text))
    return try #require(try Interpreter(module).enclose([x])?.first)
  }

  /// Whether that number may be the first element.
  private func allows(_ enclosure: Enclosure, _ number: Double) -> Bool {
    var found = enclosure.value
    found.setScalar(.float(number), at: 0)
    return enclosure.contradiction(found) == nil
  }

  @Test func sumsThatAreExactInEveryOrderAreCertain() throws {
    let sum = try enclosure("reduce_sum %x, axes: [1]", .f32, [[0.5, 1.25, -8], [1, 0x1p-24, 0], [1, .infinity, 2]])
    #expect(sum.certainty == [.pinned, .bounded, .pinned])
    // What f16 would accumulate is 2048.
    let half = try enclosure("reduce_sum %x, axes: [1]", .f16, [[2048, 1, 1]])
    #expect(allows(half, 2050) && !allows(half, 2048))
    let zero = try enclosure("reduce_sum %x, axes: [1]", .f32, [[1, -0.0, -1]])
    #expect(allows(zero, 0) && !allows(zero, -0.0))
    let zeros = try enclosure("reduce_sum %x, axes: [1]", .f32, [[-0.0, -0.0, -0.0]])
    #expect(allows(zeros, 0) && allows(zeros, -0.0))
  }

  @Test func theUnitsOfOneSumDoNotMatterToAnother() throws {
    let sum = try enclosure("reduce_sum %x, axes: [1]", .f32, [[1, 3], [0x1p-40, 1]])
    #expect(sum.certainty == [.pinned, .bounded])
  }

  @Test func windowsAreSumsToo() throws {
    let text = """
      apus-ir 1

      func @f(%x: f32[4]) -> f32[3] {
        %0: f32[3] = reduce_window %x, kind: sum, window: [2]
        return %0
      }
      """
    let module = try Module.parse(SourceText(name: "f.ir", text: text))
    let sum = try Interpreter(module).enclose([Tensor([Float(1), 2, 0x1p-30, 5])])?.first
    #expect(sum?.certainty == [.pinned, .bounded, .bounded])
  }

  @Test func productsWithExactSumsAreCertain() throws {
    let text = """
      apus-ir 1

      func @f(%x: f32[2, 3], %y: f32[3, 2]) -> f32[2, 2] {
        %0: f32[2, 2] = matmul %x, %y
        return %0
      }
      """
    let module = try Module.parse(SourceText(name: "f.ir", text: text))
    func certainty(_ x: [Float], _ y: [Float]) throws -> [Enclosure.Certainty]? {
      try Interpreter(module).enclose([Tensor(x, shape: [2, 3]), Tensor(y, shape: [3, 2])])?.first?.certainty
    }
    #expect(try certainty([1, 2, 3, 0.25, -5, 0], [1, 2, 3, 4, 5, 6]) == [.pinned, .pinned, .pinned, .pinned])
    #expect(try certainty([1, 2, 3, 0.1, -5, 0], [1, 2, 3, 0.1, 5, 6]) == [.pinned, .bounded, .bounded, .bounded])
    // A product of denormals is no multiple of one.
    #expect(try certainty([0x1p-140, 0, 0, 1, 0, 0], [0x1p-140, 1, 0, 0, 0, 0]) == [.bounded, .pinned, .pinned, .pinned])
  }

  /// A NaN is a NaN whatever its payload, but its bits are not.
  @Test func theBitsOfNaNsAreOpen() throws {
    let text = """
      apus-ir 1

      func @f(%x: f32[3]) -> s32[3] {
        %0: f32[3] = neg %x
        %1: s32[3] = bitcast %0
        return %1
      }
      """
    let module = try Module.parse(SourceText(name: "f.ir", text: text))
    let enclosure = try Interpreter(module).enclose([Tensor([1, .nan, -0.0] as [Float], shape: [3])])?.first
    #expect(enclosure?.certainty == [.pinned, .open, .pinned])
  }

  /// The run that has to fail with `size.bounds` is not enclosed as if it went on.
  @Test func sizesThatLeaveTheirBoundsHaveNoEnclosure() throws {
    let text = """
      apus-ir 1

      func @f(%x: s32[], %y: s32[2], %end: s32[]) -> s32[] where d0 in 1...19, d1 in 1...19 {
        %0: s32[], %1: s32[d1] = while %2 = %x, %3: s32[d0] = %y {
          %4: bool[] = less %2, %end
          continue %4
        } do {
          %5: s32[] = add %2, %x
          %6: s32[d0 + 5] = constant 0
          yield %5, %6
        }
        return %0
      }
      """
    let interpreter = Interpreter(try Module.parse(SourceText(name: "f.ir", text: text)))
    func inputs(_ end: Int32) -> [Tensor] { [Tensor([1] as [Int32], shape: []), Tensor([1, 1] as [Int32], shape: [2]), Tensor([end], shape: [])] }
    #expect(try interpreter.enclose(inputs(4))?.first?.value.scalar(at: 0) == .signed(4))
    #expect(try interpreter.enclose(inputs(5)) == nil)
    let error = #expect(throws: DiagnosticError.self) { try interpreter.run(inputs(5)) }
    #expect(error?.diagnostics.first?.id == "size.bounds")
  }
}
