import ApusIR
import ApusTensor
import Testing

@Suite struct QuantizationTests {
  @Test(arguments: ElementType.floats, ElementType.integers) func s9_1_quantizeRoundsAndSaturates(
    _ real: ElementType, _ type: ElementType
  ) throws {
    let x = try tensor(real, [1, 1.25, 1.75, 60_000, -60_000])
    let scale = try tensor(real, [0.5, 0.5, 0.5, 0x1p-24, 0x1p-24])
    let y = scalars(try result(.quantize, x, scale, try tensor(type, [10, 10, 10, 10, 10])))
    // 1.25 / 0.5 is a tie between 2 and 3.
    #expect(y[..<3].map(\.asDouble) == [12, 12, 14])
    let big = 60_000 * 0x1p24 + 10
    #expect(y[3] == (type.bitWidth < 64 ? type.largest : Scalar.float(big).converted(to: type)) || real == .bf16)
    if type.bitWidth < 64 || !type.isSignedInteger { #expect(y[4] == type.smallest) }
  }

  @Test func s9_1_theQuotientRoundsInF32() throws {
    // 1000 / 3 = 333.33 in f32; in f16 it would round to 333.25. Scaled by 4096 the difference shows.
    let y = try result(
      .quantize, try tensor(.f16, [1_000]), try tensor(.f16, [0.000_732_421_875]), try tensor(.s32, [0]))
    #expect(doubles(y) == [Double((Float(1_000) / Float(0.000_732_421_875)).rounded(.toNearestOrEven))])
    let exact = try result(.quantize, Tensor([Float(0x1p24)]), Tensor([Float(1)]), Tensor([Int32(1)]))
    #expect(doubles(exact) == [0x1p24 + 1])
    let wide = try result(.quantize, Tensor([Float(-0x1p63)]), Tensor([Float(1)]), Tensor([Int64.max]))
    #expect(doubles(wide) == [-1])
  }

  @Test(arguments: ElementType.floats, ElementType.integers) func s9_2_quantizeTakesNaNToTheZeroPoint(
    _ real: ElementType, _ type: ElementType
  ) throws {
    let x = try tensor(real, [.nan, .infinity, -.infinity])
    let y = try result(.quantize, x, try tensor(real, [1, 1, 1]), try tensor(type, [5, 5, 5]))
    #expect(scalars(y) == [Scalar.signed(5).converted(to: type), type.largest, type.smallest])
  }

  @Test(arguments: ElementType.floats, ElementType.integers) func s9_3_dequantizeTakesTheExactDifference(
    _ real: ElementType, _ type: ElementType
  ) throws {
    let x = try tensor(type, [10, 0])
    let y = try result(.dequantize, x, try tensor(real, [0.5, 0.25]), try tensor(type, [2, 8]))
    #expect(y.elementType == real && doubles(y) == [4, -2])
  }

  @Test func s9_3_theProductRoundsInF32First() throws {
    let y = try result(
      .dequantize, Tensor([Int16(32_767)]), try tensor(.f16, [0x1p-4]), Tensor([Int16(-32_768)]))
    // 65 535 is no f16, and still the result is finite.
    #expect(doubles(y) == [4_096])
    let wide = try result(.dequantize, Tensor([UInt64.max]), Tensor([0x1p-64]), Tensor([UInt64(0)]))
    #expect(doubles(wide) == [1])
  }
}
