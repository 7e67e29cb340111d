/// IEEE 754 binary16 values as bits. Conversions round once, to nearest, ties to even; denormals and
/// infinities are exact, a NaN stays a NaN (made quiet, its leading payload bits kept).
public enum Float16Bits: Sendable {
  public static let infinity: UInt16 = 0x7C00
  /// 65504, the largest finite value.
  public static let greatestFinite: UInt16 = 0x7BFF

  @inlinable public static func rounding(_ value: Float) -> UInt16 { rounding(Double(value)) }

  @inlinable public static func rounding(_ value: Double) -> UInt16 {
    narrowFloat(value.bitPattern, exponentBits: 5, fractionBits: 10)
  }

  /// Exact.
  @inlinable public static func float(_ bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let exponent = UInt32(bits >> 10) & 0x1F
    let fraction = UInt32(bits) & 0x3FF
    switch exponent {
    case 0x1F:
      return Float(bitPattern: sign | 0x7F80_0000 | (fraction << 13))
    case 0:
      guard fraction != 0 else { return Float(bitPattern: sign) }
      // Shift the leading one up to the implicit place; each step lowers the exponent by one.
      let shift = UInt32(fraction.leadingZeroBitCount) - 21
      return Float(bitPattern: sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3FF) << 13))
    default:
      return Float(bitPattern: sign | ((exponent + 112) << 23) | (fraction << 13))
    }
  }

  /// Exact.
  @inlinable public static func double(_ bits: UInt16) -> Double { Double(float(bits)) }
}

/// bfloat16 values, the upper half of a binary32, as bits. Conversions as in ``Float16Bits``.
public enum BFloat16Bits: Sendable {
  public static let infinity: UInt16 = 0x7F80
  /// About 3.39e38, the largest finite value.
  public static let greatestFinite: UInt16 = 0x7F7F

  @inlinable public static func rounding(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
  }

  @inlinable public static func rounding(_ value: Double) -> UInt16 {
    narrowFloat(value.bitPattern, exponentBits: 8, fractionBits: 7)
  }

  /// Exact.
  @inlinable public static func float(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

  /// Exact.
  @inlinable public static func double(_ bits: UInt16) -> Double { Double(float(bits)) }
}

/// A bfloat16 number. Equality and hashing are those of the number, as for `Float`: NaN differs from itself.
public struct BFloat16: Sendable, Hashable, BitwiseCopyable, CustomStringConvertible {
  public var bitPattern: UInt16

  @inlinable public init(bitPattern: UInt16) { self.bitPattern = bitPattern }
  /// Rounds to nearest, ties to even.
  @inlinable public init(_ value: Float) { bitPattern = BFloat16Bits.rounding(value) }
  /// Rounds once, to nearest, ties to even.
  @inlinable public init(_ value: Double) { bitPattern = BFloat16Bits.rounding(value) }

  @inlinable public static func == (a: Self, b: Self) -> Bool { Float(a) == Float(b) }
  @inlinable public func hash(into hasher: inout Hasher) { hasher.combine(Float(self)) }
  public var description: String { Float(self).description }
}

extension Float {
  /// Exact.
  @inlinable public init(_ value: BFloat16) { self = BFloat16Bits.float(value.bitPattern) }
}

extension Double {
  /// Exact.
  @inlinable public init(_ value: BFloat16) { self = BFloat16Bits.double(value.bitPattern) }
}

/// Rounds the binary64 `bits` to a format with at most 8 exponent and 10 fraction bits.
@inlinable
func narrowFloat(_ bits: UInt64, exponentBits: UInt64, fractionBits: UInt64) -> UInt16 {
  let sign = UInt16(truncatingIfNeeded: bits >> 63) << 15
  let exponent = Int64(bits >> 52 & 0x7FF)
  let fraction = bits & 0xF_FFFF_FFFF_FFFF
  let infinity: UInt64 = ((1 << exponentBits) - 1) << fractionBits
  let drop = 52 - fractionBits

  func rounded(_ value: UInt64, dropping shift: UInt64) -> UInt64 {
    (value + (1 << (shift - 1)) - 1 + (value >> shift & 1)) >> shift
  }
  func signed(_ magnitude: UInt64) -> UInt16 { sign | UInt16(truncatingIfNeeded: magnitude) }

  if exponent == 0x7FF {
    return signed(fraction == 0 ? infinity : infinity | (fraction >> drop) | (1 << (fractionBits - 1)))
  }
  // A binary64 denormal lies far below half the smallest denormal of either narrow format.
  if exponent == 0 { return sign }
  let target = exponent - 1023 + Int64(1 << (exponentBits - 1)) - 1
  if target >= Int64(1 << exponentBits) - 1 { return signed(infinity) }
  if target >= 1 {
    // A carry out of the fraction raises the exponent, up to infinity: exactly what rounding asks.
    return signed(rounded((UInt64(target) << 52) | fraction, dropping: drop))
  }
  let shift = UInt64(Int64(drop) + 1 - target)
  return shift > 53 ? sign : signed(rounded(fraction | (1 << 52), dropping: shift))
}
