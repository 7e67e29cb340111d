import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

@Suite struct ContractionTests {
  private func conv(
    _ x: Tensor, _ w: Tensor, code: OpCode = .conv, strides: [Int] = [], pads: [Int] = [], dilations: [Int] = [],
    groups: Int = 1
  ) throws -> Tensor {
    try result(
      code, x, w,
      attributes: [
        "strides": .ints(strides), "pads": .ints(pads), "dilations": .ints(dilations), "groups": .int(groups),
      ])
  }

  private func random(_ type: ElementType, _ shape: [Int], seed: UInt64) throws -> Tensor {
    var generator = SplitMix64(seed: seed)
    let count = shape.reduce(1, *)
    return try tensor(type, (0..<count).map { _ in Double.random(in: -1...1, using: &generator) }, shape: shape)
  }

  /// Half of the smallest number is none, which the middle between bounds must not become.
  @Test func boundsLieAroundTheSmallestProducts() throws {
    var function = Function(name: "f")
    let operands = (0..<2).map { _ in function.addParameter(TensorType(.f64, [1, 1])) }
    let product = try function.emit(.matmul, operands)
    function.resultTypes = [function.type(of: product)]
    function.insert(.return, [product], results: [], at: .end(of: function.entry))
    let least = Double.leastNonzeroMagnitude
    let inputs = [try tensor(.f64, [least], shape: [1, 1]), try tensor(.f64, [3], shape: [1, 1])]
    let enclosure = try #require(try Interpreter(Module(function)).enclose(inputs)?.first)
    #expect(enclosure.contradiction(enclosure.value) == nil)
    #expect(enclosure.contradiction(try tensor(.f64, [9 * least], shape: [1, 1])) != nil)
  }

  @Test(arguments: ElementType.floats) func s5_1_floatMatmulRoundsOnce(_ type: ElementType) throws {
    let (m, k, n) = (3, 65, 5)
    let (a, b) = (try random(type, [2, m, k], seed: 1), try random(type, [2, k, n], seed: 2))
    let y = doubles(try result(.matmul, a, b))
    let (x, w) = (doubles(a), doubles(b))
    for batch in 0..<2 {
      for i in 0..<m {
        for j in 0..<n {
          let terms = (0..<k).map { Float80(x[(batch * m + i) * k + $0]) * Float80(w[(batch * k + $0) * n + j]) }
          let exact = Double(terms.reduce(0, +))
          let found = y[(batch * m + i) * n + j]
          if type == .f64 {
            #expect(abs(found - exact) <= Double(k) * 0x1p-52 * Double(terms.map(abs).reduce(0, +)))
          } else {
            #expect(found == Scalar.float(exact).converted(to: type).asDouble)
          }
        }
      }
    }
    // Sums overflow f16 on the way, not in the end.
    if type == .f16 {
      let sum = try result(
        .matmul, try tensor(.f16, [300, 300, -300], shape: [1, 3]), try tensor(.f16, [200, 200, 200], shape: [3, 1]))
      #expect(doubles(sum) == [60_000])
    }
  }

  @Test(arguments: ElementType.numbers) func s5_2_anEmptySumIsZero(_ type: ElementType) throws {
    let y = try result(.matmul, try Tensor.zeros(type, shape: [2, 0]), try Tensor.zeros(type, shape: [0, 3]))
    #expect(y == (try Tensor.zeros(type, shape: [2, 3])))
    #expect(
      try result(.matmul, try Tensor.zeros(type, shape: [0, 4]), try Tensor.zeros(type, shape: [4, 3])).shape == [0, 3])
    let z = try conv(try Tensor.zeros(type, shape: [1, 0, 3]), try Tensor.zeros(type, shape: [2, 0, 2]))
    #expect(z == (try Tensor.zeros(type, shape: [1, 2, 2])))
  }

  @Test(arguments: ElementType.integers) func s5_3_integerProductsWrap(_ type: ElementType) throws {
    let x = try tensor(type, exactly: [type.largest, .signed(2), .signed(3), .signed(1)], shape: [2, 2])
    let y = try result(.matmul, x, try tensor(type, [2, 1], shape: [2, 1]))
    // 2 · largest + 2, and 7.
    #expect(doubles(y) == [0, 7])
    let z = try conv(
      try tensor(type, exactly: [type.largest, .signed(2)], shape: [1, 1, 2]),
      try tensor(type, [2, 1], shape: [1, 1, 2]))
    #expect(doubles(z) == [0])
  }

  @Test(arguments: ElementClass.byte.members, ElementClass.byte.members) func s5_4_byteProductsAreS32(
    _ left: ElementType, _ right: ElementType
  ) throws {
    let a = try tensor(left, exactly: [left.largest, left.smallest], shape: [1, 2])
    let b = try tensor(right, exactly: [right.largest, right.smallest], shape: [2, 1])
    let y = try result(.matmulInteger, a, b)
    let expected = doubles(a)[0] * doubles(b)[0] + doubles(a)[1] * doubles(b)[1]
    #expect(y.elementType == .s32 && doubles(y) == [expected])
    let z = try conv(try a.reshaped([1, 1, 2]), try b.reshaped([1, 1, 2]), code: .convInteger)
    #expect(z.elementType == .s32 && doubles(z) == [expected])
  }

  @Test(arguments: ElementType.numbers) func s5_5_convCorrelatesWithZeroPadding(_ type: ElementType) throws {
    let x = try tensor(type, [1, 2, 3, 4], shape: [1, 1, 4])
    let w = try tensor(type, [1, 10], shape: [1, 1, 2])
    #expect(doubles(try conv(x, w)) == [21, 32, 43])
    #expect(doubles(try conv(x, w, pads: [1, 1])) == [10, 21, 32, 43, 4])
    #expect(doubles(try conv(x, w, strides: [2])) == [21, 43])
    #expect(doubles(try conv(x, w, dilations: [3])) == [41])
    if type.isFloat {
      let infinite = try tensor(type, [1, .infinity], shape: [1, 1, 2])
      #expect(doubles(try conv(x, infinite, pads: [0, 1]))[3].isNaN)
    }
  }

  @Test func s5_5_convInTwoDimensions() throws {
    let x = Tensor((0..<12).map { Float($0) }, shape: [1, 1, 3, 4])
    let w = Tensor([Float(1), 2, 3, 4], shape: [1, 1, 2, 2])
    let y = try conv(x, w, strides: [1, 2], pads: [0, 0, 0, 0])
    #expect(y == Tensor([Float(34), 54, 74, 94], shape: [1, 1, 2, 2]))
    let padded = try conv(x, w, strides: [2, 3], pads: [1, 0, 0, 1])
    #expect(padded == Tensor([Float(4), 9, 74, 40], shape: [1, 1, 2, 2]))
  }

  @Test(arguments: ElementType.numbers) func s5_6_groupsStaySeparate(_ type: ElementType) throws {
    let x = try tensor(type, [1, 2, 3, 4], shape: [1, 4, 1])
    let w = try tensor(type, [1, 1, 2, 1, 1, 0, 0, 3], shape: [4, 2, 1])
    let y = try conv(x, w, groups: 2)
    #expect(y.shape == [1, 4, 1] && doubles(y) == [3, 4, 3, 12])
    let batches = try conv(try Tensor.zeros(type, shape: [3, 4, 1]), w, groups: 2)
    #expect(batches == (try Tensor.zeros(type, shape: [3, 4, 1])))
  }
}
