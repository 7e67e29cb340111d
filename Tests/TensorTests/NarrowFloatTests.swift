import ApusSupport
import ApusTensor
import Testing

/// Judges our roundings by definition: the nearest of all values of the format, ties to the even bit pattern.
@Suite struct NarrowFloatTests {
  struct Format: Sendable {
    let name: String
    let infinity: UInt16
    let widen: @Sendable (UInt16) -> Double
    let fromDouble: @Sendable (Double) -> UInt16
    let fromFloat: @Sendable (Float) -> UInt16
  }

  static let f16 = Format(
    name: "f16", infinity: 0x7C00, widen: { Float16Bits.double($0) },
    fromDouble: { Float16Bits.rounding($0) }, fromFloat: { Float16Bits.rounding($0) })
  static let bf16 = Format(
    name: "bf16", infinity: 0x7F80, widen: { BFloat16Bits.double($0) },
    fromDouble: { BFloat16Bits.rounding($0) }, fromFloat: { BFloat16Bits.rounding($0) })

  /// Widening, straight from the definition of the format.
  private func reference(_ bits: UInt16, fractionBits: Int, bias: Int) -> Double {
    let fraction = Double(bits & (1 << UInt16(fractionBits) - 1))
    let exponent = Int(bits & 0x7FFF) >> fractionBits
    let scale = Double(sign: .plus, exponent: -fractionBits, significand: 1)
    let magnitude =
      exponent == 0
      ? fraction * scale * Double(sign: .plus, exponent: 1 - bias, significand: 1)
      : (1 + fraction * scale) * Double(sign: .plus, exponent: exponent - bias, significand: 1)
    return bits & 0x8000 == 0 ? magnitude : -magnitude
  }

  @Test func wideningEveryPattern() {
    for bits in UInt16.min...UInt16.max {
      if bits & 0x7FFF < 0x7C00 {
        #expect(Float16Bits.double(bits).bitPattern == reference(bits, fractionBits: 10, bias: 15).bitPattern)
      }
      if bits & 0x7FFF < 0x7F80 {
        #expect(BFloat16Bits.double(bits).bitPattern == reference(bits, fractionBits: 7, bias: 127).bitPattern)
      }
    }
    #expect(Float16Bits.float(0x7C00) == .infinity && Float16Bits.float(0xFC00) == -.infinity)
    #expect(Float16Bits.float(0x7E00).isNaN && BFloat16Bits.float(0xFFC0).isNaN)
  }

  /// At every value, at the midpoint to the next, and one ulp of double to each side of both.
  @Test(arguments: [f16, bf16]) func roundingAtEveryMidpoint(_ format: Format) {
    var wrong = 0
    for bits in 0..<format.infinity {
      let low = format.widen(bits)
      // Above the largest finite value the next step would be 2^(emax+1), where infinity begins.
      let step = bits + 1 == format.infinity ? low - format.widen(bits - 1) : format.widen(bits + 1) - low
      let middle = low + step / 2
      let even = bits & 1 == 0 ? bits : bits + 1
      for (value, expected) in [
        (low, bits), (low.nextUp, bits), (middle.nextDown, bits), (middle, even), (middle.nextUp, bits + 1),
      ] {
        if format.fromDouble(value) != expected { wrong += 1 }
        if format.fromDouble(-value) != expected | 0x8000 { wrong += 1 }
        if let exact = Float(exactly: value), format.fromFloat(exact) != expected { wrong += 1 }
      }
    }
    #expect(wrong == 0)
  }

  @Test(arguments: [f16, bf16]) func specialValues(_ format: Format) {
    #expect(format.fromDouble(0) == 0 && format.fromDouble(-0.0) == 0x8000)
    #expect(format.fromDouble(.infinity) == format.infinity && format.fromFloat(-.infinity) == format.infinity | 0x8000)
    #expect(format.fromDouble(.greatestFiniteMagnitude) == format.infinity)
    #expect(format.fromDouble(.leastNonzeroMagnitude) == 0 && format.fromDouble(-.leastNonzeroMagnitude) == 0x8000)
    // A payload in the low bits alone must not turn into infinity.
    for nan in [Double.nan, -Double.nan, Double(bitPattern: 0x7FF0_0000_0000_0001)] {
      #expect(format.widen(format.fromDouble(nan)).isNaN)
    }
    #expect(format.widen(format.fromFloat(Float(bitPattern: 0x7F80_0001))).isNaN)
  }

  /// By way of f32, both would land on the tie and round down to even.
  @Test func doubleRoundsOnce() {
    #expect(Float16Bits.rounding(0x1.002p0 + 0x1p-40) == 0x3C01)
    #expect(Float16Bits.rounding(Float(0x1.002p0 + 0x1p-40)) == 0x3C00)
    #expect(BFloat16Bits.rounding(0x1.01p0 + 0x1p-40) == 0x3F81)
    #expect(BFloat16Bits.rounding(Float(0x1.01p0 + 0x1p-40)) == 0x3F80)
    #expect(BFloat16Bits.rounding(Float(bitPattern: 0x0020_0000)) == 0x0020)
  }

  @Test func bfloat16Value() {
    #expect(Float(BFloat16(1.0 as Float)) == 1)
    #expect(BFloat16(0.0 as Float) == BFloat16(-0.0 as Float))
    #expect(BFloat16(Float.nan) != BFloat16(Float.nan))
    #expect(Tensor([BFloat16(2.5 as Double)]).scalar(at: 0) == .float(2.5))
  }
}
