import ApusSupport
import ApusTensor
import Testing

@Suite struct ScalarTests {
  private func roundTrip<Bits: FixedWidthInteger & BitwiseCopyable>(_ bits: Bits, _ type: ElementType) -> Bits {
    var bits = bits
    let scalar = withUnsafeBytes(of: &bits) { Scalar(from: $0, at: 0, as: type) }
    #expect(scalar.converted(to: type) == scalar)
    var out: Bits = 0
    withUnsafeMutableBytes(of: &out) { scalar.store(to: $0, at: 0, as: type) }
    return out
  }

  /// Signalling NaNs and their payloads included.
  @Test func everySixteenBitPatternComesBack() {
    for type in [ElementType.f16, .bf16, .s16, .u16] {
      #expect((UInt16.min...UInt16.max).allSatisfy { roundTrip($0, type) == $0 })
    }
    for type in [ElementType.s8, .u8] { #expect((UInt8.min...UInt8.max).allSatisfy { roundTrip($0, type) == $0 }) }
    #expect(roundTrip(UInt8(0), .bool) == 0 && roundTrip(UInt8(1), .bool) == 1)
  }

  @Test func widePatternsComeBack() {
    var random = SplitMix64(seed: 7)
    for _ in 0..<500 {
      let bits: UInt64 = random.next()
      for type in [ElementType.f64, .s64, .u64] { #expect(roundTrip(bits, type) == bits) }
      for type in [ElementType.f32, .s32, .u32] {
        #expect(roundTrip(UInt32(truncatingIfNeeded: bits), type) == UInt32(truncatingIfNeeded: bits))
      }
    }
    #expect(roundTrip(0x7F80_0001 as UInt32, .f32) == 0x7F80_0001)
    #expect(roundTrip(0xFFF0_0000_0000_0001 as UInt64, .f64) == 0xFFF0_0000_0000_0001)
  }

  @Test func equalityIsByBits() {
    #expect(Scalar.float(0) != .float(-0.0))
    #expect(Scalar.float(.nan) == .float(.nan))
    #expect(Scalar.signed(1) != .unsigned(1))
    #expect(Set([Scalar.float(0), .float(-0.0), .float(0)]).count == 2)
  }

  @Test func floatToInteger() {
    #expect(Scalar.float(.nan).converted(to: .s32) == .signed(0))
    #expect(Scalar.float(-1.9).converted(to: .s8) == .signed(-1))
    #expect(Scalar.float(1e300).converted(to: .s64) == .signed(.max))
    #expect(Scalar.float(-1e300).converted(to: .s64) == .signed(.min))
    #expect(Scalar.float(0x1p63).converted(to: .s64) == .signed(.max))
    #expect(Scalar.float(0x1p63).converted(to: .u64) == .unsigned(1 << 63))
    #expect(Scalar.float(.infinity).converted(to: .u64) == .unsigned(.max))
    #expect(Scalar.float(-3).converted(to: .u8) == .unsigned(0))
    #expect(Scalar.float(255.9).converted(to: .u8) == .unsigned(255))
    #expect(Scalar.float(256).converted(to: .u8) == .unsigned(255))
    #expect(Scalar.float(-128.5).converted(to: .s8) == .signed(-128))
  }

  @Test func integersWrapAndTruth() {
    #expect(Scalar.signed(300).converted(to: .s8) == .signed(44))
    #expect(Scalar.signed(-1).converted(to: .u16) == .unsigned(65535))
    #expect(Scalar.unsigned(.max).converted(to: .s64) == .signed(-1))
    #expect(Scalar.bool(true).converted(to: .f16) == .float(1))
    #expect(Scalar.bool(true).converted(to: .u32) == .unsigned(1))
    #expect(Scalar.float(.nan).converted(to: .bool) == .bool(true))
    #expect(Scalar.float(-0.0).converted(to: .bool) == .bool(false))
  }

  /// Through a rounded double, these would end on a tie and round the wrong way.
  @Test func integersRoundOnce() {
    let justAboveTie = Int64(1) << 62 + Int64(1) << 54 + 1
    #expect(Scalar.signed(justAboveTie).converted(to: .bf16) == .float(0x1.02p62))
    #expect(Scalar.signed(-justAboveTie).converted(to: .bf16) == .float(-0x1.02p62))
    #expect(Scalar.signed(justAboveTie - 1).converted(to: .bf16) == .float(0x1p62))
    let aboveFloatTie = Int64(1) << 62 + Int64(1) << 38 + 1
    #expect(Scalar.signed(aboveFloatTie).converted(to: .f32) == .float(0x1.000002p62))
    #expect(Scalar.unsigned(.max).converted(to: .bf16) == .float(0x1p64))
    #expect(Scalar.unsigned(.max).converted(to: .f16) == .float(.infinity))
    #expect(Scalar.signed(65519).converted(to: .f16) == .float(65504))
    #expect(Scalar.signed(65520).converted(to: .f16) == .float(.infinity))
  }

  @Test func storingConverts() {
    var tensor = Tensor([BFloat16(0 as Float), BFloat16(0 as Float)])
    tensor.setScalar(.float(0x1.01p0 + 0x1p-40), at: 1)
    #expect(tensor.scalar(at: 1) == .float(0x1.02p0))
    #expect(Scalar.one(.f16) == .float(1) && Scalar.zero(.bool) == .bool(false))
  }
}
