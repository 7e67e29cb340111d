import ApusIR
import ApusTensor
import Testing

@Suite struct ConversionTests {
  private func convert(_ x: Tensor, to element: ElementType) throws -> Tensor {
    try result(.convert, x, stated: type(element, x.shape))
  }

  @Test(arguments: ElementType.floats) func s3_1_comparisonsWithNaN(_ type: ElementType) throws {
    let x = try tensor(type, [.nan, 1, .nan, 0, 1])
    let y = try tensor(type, [1, .nan, .nan, -0.0, 2])
    #expect(doubles(try result(.equal, x, y)) == [0, 0, 0, 1, 0])
    #expect(doubles(try result(.notEqual, x, y)) == [1, 1, 1, 0, 1])
    #expect(doubles(try result(.less, x, y)) == [0, 0, 0, 0, 1])
    #expect(doubles(try result(.lessEqual, x, y)) == [0, 0, 0, 1, 1])
    #expect(doubles(try result(.greater, x, y)) == [0, 0, 0, 0, 0])
    #expect(doubles(try result(.greaterEqual, x, y)) == [0, 0, 0, 1, 0])
  }

  @Test(arguments: ElementType.allCases) func s3_2_comparisonsYieldBool(_ type: ElementType) throws {
    let y = try result(.equal, try tensor(type, [1, 0]), try tensor(type, [1, 1]))
    #expect(y.elementType == .bool)
    #expect(y.withUnsafeBytes { Array($0) } == [1, 0])
  }

  @Test(arguments: ElementType.allCases) func s3_3_selectPicks(_ type: ElementType) throws {
    let y = try result(.select, Tensor([true, false]), try tensor(type, [1, 1]), try tensor(type, [0, 0]))
    #expect(doubles(y) == [1, 0])
  }

  @Test func s3_3_theOtherElementHasNoInfluence() throws {
    let y = try result(.select, Tensor([true, false]), Tensor([1, Float.nan]), Tensor([Float.nan, 2]))
    #expect(doubles(y) == [1, 2])
  }

  @Test(arguments: ElementType.floats, ElementType.integers) func s3_4_floatToIntegerSaturates(
    _ source: ElementType, _ target: ElementType
  ) throws {
    let x = try tensor(source, [1.9, -1.9, .infinity, -.infinity, .nan, 0.5])
    let y = scalars(try convert(x, to: target))
    let minusOne: Scalar = target.isSignedInteger ? .signed(-1) : .unsigned(0)
    #expect(y == [.one(target), minusOne, target.largest, target.smallest, .zero(target), .zero(target)])
  }

  @Test func s3_4_saturationStartsAtTheEnds() throws {
    let x = Tensor([0x1p63, -0x1p63, 0x1p64, -1, 9_223_372_036_854_774_784])
    #expect(try convert(x, to: .s64).values(as: Int64.self) == [.max, .min, .max, -1, 9_223_372_036_854_774_784])
    #expect(try convert(x, to: .u64).values(as: UInt64.self) == [1 << 63, 0, .max, 0, 9_223_372_036_854_774_784])
    #expect(try convert(Tensor([127.9, 128, -128.9, -129]), to: .s8).values(as: Int8.self) == [127, 127, -128, -128])
  }

  @Test func s3_5_floatToNarrowerFloatRoundsOnce() throws {
    // Just above a tie of f16: rounding by way of f32 would lose the excess.
    let x = Tensor([1 + 0x1p-11 + 0x1p-40, 1 + 0x1p-11, 65_519.99, 65_520, 0x1p-25, 0x1p-25 + 0x1p-60])
    #expect(doubles(try convert(x, to: .f16)) == [1 + 0x1p-10, 1, 65_504, .infinity, 0, 0x1p-24])
    #expect(doubles(try convert(Tensor([1 + 0x1p-8 + 0x1p-40]), to: .bf16)) == [1 + 0x1p-7])
    #expect(doubles(try convert(Tensor([Float(bitPattern: 0x0020_0000)]), to: .bf16)) == [0x1p-128])
    for source in ElementType.floats {
      let exact = try tensor(source, [1.5, -0.0, .infinity])
      #expect(same(doubles(try convert(exact, to: .f64)), [1.5, -0.0, .infinity]))
    }
  }

  @Test func s3_6_integerToFloatRoundsOnce() throws {
    // 2⁶² + 2³⁸ + 1 lies above a tie of f32 that f64 rounds it to.
    let value = Int64(1) << 62 + 1 << 38 + 1
    #expect(try convert(Tensor([value]), to: .f32).values(as: Float.self) == [Float(value)])
    #expect(doubles(try convert(Tensor([value]), to: .f32)) == [0x1p62 + 0x1p39])
    #expect(doubles(try convert(Tensor([UInt64.max]), to: .f32)) == [0x1p64])
    #expect(doubles(try convert(Tensor([Int64(1) << 53 + 1]), to: .f64)) == [0x1p53])
    #expect(doubles(try convert(Tensor([Int32(2_049), 65_520, -65_519]), to: .f16)) == [2_048, .infinity, -65_504])
    // Above a tie of bf16 by less than f64 can tell.
    #expect(doubles(try convert(Tensor([Int64(0x4040_0000_0000_0001)]), to: .bf16)) == [0x1p62 * (1 + 0x1p-7)])
  }

  @Test(arguments: ElementType.integers) func s3_7_integersWrap(_ target: ElementType) throws {
    let y = scalars(try convert(Tensor([Int64(-1), 256 + 7, .min]), to: target))
    let seven = Scalar.signed(target.bitWidth == 8 ? 7 : 263).converted(to: target)
    let lowest: Scalar = target == .s64 ? .signed(.min) : target == .u64 ? .unsigned(1 << 63) : .zero(target)
    #expect(y == [target.isSignedInteger ? .signed(-1) : target.largest, seven, lowest])
    #expect(scalars(try convert(Tensor([UInt8(200)]), to: target)) == [Scalar.unsigned(200).converted(to: target)])
  }

  @Test(arguments: ElementType.numbers) func s3_8_toAndFromBool(_ type: ElementType) throws {
    #expect(try convert(try tensor(type, [0, 1, 2]), to: .bool) == Tensor([false, true, true]))
    #expect(doubles(try convert(Tensor([false, true]), to: type)) == [0, 1])
    if type.isFloat {
      #expect(try convert(try tensor(type, [-0.0, .nan, 0.5]), to: .bool) == Tensor([false, true, true]))
    }
  }

  @Test(arguments: ElementType.allCases, ElementType.allCases) func convertAgreesWithScalars(
    _ source: ElementType, _ target: ElementType
  ) throws {
    let x = try tensor(
      source,
      exactly: [.float(3.7), .float(-2.5), .signed(.min), .unsigned(.max), .float(1e6), .bool(true), .float(-0.0)])
    #expect(scalars(try convert(x, to: target)) == scalars(x).map { $0.converted(to: target) })
  }
}
