import ApusTensor

// Hardware conversions make a signalling NaN quiet; moving an element must not change it.

/// Exact, the bits of a NaN included.
func widened(_ value: Float) -> Double {
  guard value.isNaN else { return Double(value) }
  let bits = UInt64(value.bitPattern)
  return Double(bitPattern: ((bits >> 31) << 63) | 0x7FF0_0000_0000_0000 | ((bits & 0x7F_FFFF) << 29))
}

/// Rounds to nearest even; undoes `widened` for a NaN.
func narrowedToFloat(_ value: Double) -> Float {
  guard value.isNaN else { return Float(value) }
  let sign = UInt32(truncatingIfNeeded: value.bitPattern >> 63) << 31
  let fraction = UInt32(truncatingIfNeeded: value.bitPattern >> 29) & 0x7F_FFFF
  return Float(bitPattern: sign | 0x7F80_0000 | (fraction == 0 ? 0x40_0000 : fraction))
}

func narrowedToFloat16(_ value: Double) -> UInt16 {
  guard value.isNaN else { return Float16Bits.rounding(value) }
  return narrowedNaN(value, infinity: Float16Bits.infinity, fractionBits: 10)
}

func narrowedToBFloat16(_ value: Double) -> UInt16 {
  guard value.isNaN else { return BFloat16Bits.rounding(value) }
  return narrowedNaN(value, infinity: BFloat16Bits.infinity, fractionBits: 7)
}

private func narrowedNaN(_ value: Double, infinity: UInt16, fractionBits: Int) -> UInt16 {
  let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 63) << 15
  let fraction = UInt16(truncatingIfNeeded: (value.bitPattern & 0xF_FFFF_FFFF_FFFF) >> UInt64(52 - fractionBits))
  return sign | infinity | (fraction == 0 ? 1 << UInt16(fractionBits - 1) : fraction)
}

/// Rounds a double to a value of the float type `type`, to nearest even.
func rounding(to type: ElementType) -> (Double) -> Double {
  switch type {
  case .f64: { $0 }
  case .f32: { widened(narrowedToFloat($0)) }
  case .f16: { widened(Float16Bits.float(narrowedToFloat16($0))) }
  case .bf16: { widened(BFloat16Bits.float(narrowedToBFloat16($0))) }
  case .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool:
    preconditionFailure("no float is of type \(type)")
  }
}

/// The type that folds and contractions of `type` accumulate in: f32 for the narrow floats.
func accumulator(of type: ElementType) -> ElementType {
  switch type {
  case .f16, .bf16: .f32
  case .f32, .f64, .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool: type
  }
}

/// The integer modulo 2ⁿ, as a value of `type`; for `bool` whether it differs from 0.
func wrapped(_ value: Int64, to type: ElementType) -> Int64 {
  switch type {
  case .s8: Int64(Int8(truncatingIfNeeded: value))
  case .s16: Int64(Int16(truncatingIfNeeded: value))
  case .s32: Int64(Int32(truncatingIfNeeded: value))
  case .s64, .u64: value
  case .u8: value & 0xFF
  case .u16: value & 0xFFFF
  case .u32: value & 0xFFFF_FFFF
  case .bool: value == 0 ? 0 : 1
  case .f32, .f64, .f16, .bf16: preconditionFailure("no integer is of type \(type)")
  }
}

/// The smallest value of an integer type, as `Elements` holds it.
func smallestInteger(_ type: ElementType) -> Int64 {
  type.isSignedInteger ? Int64.min >> Int64(64 - type.bitWidth) : 0
}

/// The largest value of an integer type, as `Elements` holds it.
func largestInteger(_ type: ElementType) -> Int64 {
  if type == .bool { return 1 }
  let ones = UInt64.max >> UInt64(64 - type.bitWidth)
  return Int64(bitPattern: type.isSignedInteger ? ones >> 1 : ones)
}

/// Maps integers of `type` to ones whose signed order is the order of the values.
func ordered(_ value: Int64, of type: ElementType) -> Int64 {
  type == .u64 ? value ^ Int64.min : value
}
