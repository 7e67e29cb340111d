import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

@Suite struct SourceTests {
  @Test(arguments: ElementType.allCases) func s8_1_scalarConstantsFill(_ element: ElementType) throws {
    let y = try result(.constant, attributes: ["value": .scalar(.one(element))], stated: type(element, [2, 3]))
    #expect(y.shape == [2, 3] && doubles(y) == [1, 1, 1, 1, 1, 1])
    let whole = try tensor(element, [1, 0, 1])
    #expect(
      try result(.constant, attributes: ["value": .tensor(ConstantTensor(whole))], stated: type(element, [3])) == whole)
    #expect(
      try result(.constant, attributes: ["value": .scalar(.zero(element))], stated: type(element, [0])).count == 0)
  }

  @Test(arguments: ElementType.numbers) func s8_2_iotaCounts(_ element: ElementType) throws {
    let y = try result(.iota, attributes: ["axis": .int(0)], stated: type(element, [3, 2]))
    #expect(doubles(y) == [0, 0, 1, 1, 2, 2])
    let columns = try result(.iota, attributes: ["axis": .int(1)], stated: type(element, [2, 3]))
    #expect(doubles(columns) == [0, 1, 2, 0, 1, 2])
    let long = doubles(try result(.iota, attributes: ["axis": .int(0)], stated: type(element, [300])))
    #expect(long[299] == Scalar.signed(299).converted(to: element).asDouble)
    #expect(long[257] == Scalar.signed(257).converted(to: element).asDouble)
  }

  @Test func s8_3_randomBitsArePhilox() throws {
    // Known answer of Philox4x32-10: counter 0, key 0.
    let words: [UInt32] = [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]
    let seed = Tensor(scalar: UInt64(0))
    func bits(_ element: ElementType, _ shape: [Int], seed: Tensor) throws -> Tensor {
      try result(.randomBits, seed, stated: type(element, shape))
    }
    #expect(Array(try bits(.u32, [5], seed: seed).values(as: UInt32.self).prefix(4)) == words)
    #expect(try bits(.u8, [2, 2], seed: seed).values(as: UInt8.self) == words.map { UInt8(truncatingIfNeeded: $0) })
    #expect(
      try bits(.u16, [3], seed: seed).values(as: UInt16.self) == words.prefix(3).map { UInt16(truncatingIfNeeded: $0) })
    #expect(try bits(.u64, [2], seed: seed).values(as: UInt64.self) == [0xE169_C58D_6627_E8D5, 0x9B00_DBD8_BC57_AC4C])
    let next = Philox(key: 1 << 40).block(1)
    let other = try bits(.u32, [2, 3], seed: Tensor(scalar: UInt64(1) << 40)).values(as: UInt32.self)
    #expect(other[4] == next.0 && other[5] == next.1)
  }

  @Test func s8_4_sizeIsTheValueOfADimension() throws {
    var symbols = SymbolTable()
    let b = symbols.intern("B")
    let size = try Dim.sum(.product(.symbol(b), 3), 1)
    let main = try function([TensorType(.f32, [.symbol(b)])], symbols: symbols) { function, _ in
      [try function.emit(.size, [], [NamedAttribute("of", .dims([size]))])]
    }
    #expect(try Interpreter(Module(main)).run([try Tensor.zeros(.f32, shape: [5])]) == [Tensor(scalar: Int64(16))])
  }
}
