/// An element type of ONNX's files that Apus has no tensors of: of 2 to 8 bits. Its values are held in a wider type that has
/// all of them, the *carrier*, and become codes again where a file of the type is written.
package enum NarrowType: Int32, CaseIterable, Sendable {
  // Numbers of TensorProto.DataType.
  case float8e4m3fn = 17
  case float8e4m3fnuz = 18
  case float8e5m2 = 19
  case float8e5m2fnuz = 20
  case uint4 = 21
  case int4 = 22
  case float4e2m1 = 23
  case float8e8m0 = 24
  case uint2 = 25
  case int2 = 26
  case float6e2m3 = 27
  case float6e3m2 = 28

  /// What the bits of an element stand for.
  package enum Form: Sendable {
    case integer(isSigned: Bool)
    case float(NarrowFloat)
    /// 2 to the power of code − 127; the last code is NaN.
    case powerOfTwo
  }

  package var form: Form {
    switch self {
    case .uint4, .uint2: .integer(isSigned: false)
    case .int4, .int2: .integer(isSigned: true)
    case .float8e8m0: .powerOfTwo
    case .float8e4m3fn: .float(NarrowFloat(fractionBits: 3, exponentBits: 4, bias: 7, specials: .nanAlone))
    case .float8e4m3fnuz: .float(NarrowFloat(fractionBits: 3, exponentBits: 4, bias: 8, specials: .nanForNegativeZero))
    case .float8e5m2: .float(NarrowFloat(fractionBits: 2, exponentBits: 5, bias: 15, specials: .infinityAndNaNs))
    case .float8e5m2fnuz: .float(NarrowFloat(fractionBits: 2, exponentBits: 5, bias: 16, specials: .nanForNegativeZero))
    case .float4e2m1: .float(NarrowFloat(fractionBits: 1, exponentBits: 2, bias: 1, specials: .none))
    case .float6e2m3: .float(NarrowFloat(fractionBits: 3, exponentBits: 2, bias: 1, specials: .none))
    case .float6e3m2: .float(NarrowFloat(fractionBits: 2, exponentBits: 3, bias: 3, specials: .none))
    }
  }

  package var bitCount: Int {
    switch self {
    case .uint2, .int2: 2
    case .uint4, .int4, .float4e2m1: 4
    case .float6e2m3, .float6e3m2: 6
    case .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float8e8m0: 8
    }
  }

  /// The narrowest type of ours that has all values.
  package var carrier: ElementType {
    switch form {
    case .integer(let isSigned): isSigned ? .s8 : .u8
    case .float: .f16
    case .powerOfTwo: .bf16
    }
  }

  /// ONNX's name.
  package var name: String { ElementType.onnxName(rawValue) }

  /// The largest and the smallest integer; nil for floats.
  package var integers: ClosedRange<Int>? {
    guard case .integer(let isSigned) = form else { return nil }
    return isSigned ? -(1 << (bitCount - 1))...(1 << (bitCount - 1)) - 1 : 0...(1 << bitCount) - 1
  }

  // MARK: Codes

  /// The bits, in the carrier, of what a code stands for.
  package func carried(_ code: UInt8) -> UInt16 {
    switch form {
    case .integer(let isSigned):
      let unused = UInt8(8 - bitCount)
      let high = code << unused
      return UInt16(isSigned ? UInt8(bitPattern: Int8(bitPattern: high) >> Int8(unused)) : high >> unused)
    case .powerOfTwo: return code == 255 ? 0x7fc0 : code == 0 ? 0x0040 : UInt16(code) << 7
    case .float(let float): return float.half(code)
    }
  }

  /// The code of a value of the carrier, given as bits; what the type does not have becomes what is nearest.
  package func code(_ bits: UInt16) -> UInt8 {
    switch form {
    case .integer: return UInt8(truncatingIfNeeded: bits) & UInt8((1 << bitCount) - 1)
    case .powerOfTwo:
      let value = abs(BFloat16Bits.double(bits))
      if value.isNaN { return 255 }
      if value < 0x1p-127 { return 0 }
      if value.isInfinite { return 254 }
      return UInt8(min(254, Int(value.exponent) + 127 + (value.significand >= 1.5 ? 1 : 0)))
    case .float(let float): return float.code(half: bits)
    }
  }

  /// Whether a value of the carrier is one of the type's. A zero is, whatever its sign.
  package func holds(_ bits: UInt16) -> Bool {
    let back = carried(code(bits))
    if back == bits { return true }
    switch form {
    case .integer: return false
    case .powerOfTwo: return BFloat16Bits.double(bits).isNaN
    case .float:
      let (own, other) = (Float16Bits.double(bits), Float16Bits.double(back))
      return own == other || own.isNaN && other.isNaN
    }
  }
}

/// A floating-point format of at most 8 bits: sign, exponent, fraction, from the highest bit on.
package struct NarrowFloat: Sendable {
  /// Codes that stand for no number.
  package enum Specials: Sendable {
    case none
    /// As in IEEE 754: those with all bits of the exponent.
    case infinityAndNaNs
    /// Those with all bits of exponent and fraction.
    case nanAlone
    /// The one that would be negative zero.
    case nanForNegativeZero
  }

  package let fractionBits: Int
  package let exponentBits: Int
  package let bias: Int
  package let specials: Specials

  /// The exponent of the smallest number that is no denormal one.
  package var leastExponent: Int { 1 - bias }

  package var largest: Double { magnitude(largestCode) }

  private var signBit: Int { 1 << (fractionBits + exponentBits) }
  private var largestCode: Int {
    switch specials {
    case .none, .nanForNegativeZero: signBit - 1
    case .nanAlone: signBit - 2
    case .infinityAndNaNs: signBit - (1 << fractionBits) - 1
    }
  }

  private func magnitude(_ code: Int) -> Double {
    let (exponent, fraction) = (code >> fractionBits, code & ((1 << fractionBits) - 1))
    let digits = exponent == 0 ? fraction : fraction | 1 << fractionBits
    return Double(digits) * Double(sign: .plus, exponent: max(exponent, 1) - bias - fractionBits, significand: 1)
  }

  /// A code's value as the bits of an f16.
  fileprivate func half(_ code: UInt8) -> UInt16 {
    let own = Int(code) & (signBit - 1)
    let isNegative = Int(code) & signBit != 0
    if specials == .nanForNegativeZero, isNegative, own == 0 { return 0x7e00 }
    let sign: UInt16 = isNegative ? 0x8000 : 0
    guard own > largestCode else { return sign | Float16Bits.rounding(magnitude(own)) }
    return sign | (specials == .infinityAndNaNs && own == largestCode + 1 ? 0x7c00 : 0x7e00)
  }

  fileprivate func code(half bits: UInt16) -> UInt8 {
    let value = Float16Bits.double(bits)
    let sign = value.sign == .minus ? signBit : 0
    if value.isNaN {
      switch specials {
      case .none, .nanForNegativeZero: return UInt8(signBit)
      case .infinityAndNaNs, .nanAlone: return UInt8(sign | (signBit - 1))
      }
    }
    let size = abs(value)
    if size.isInfinite, specials == .infinityAndNaNs { return UInt8(sign | (largestCode + 1)) }
    guard size < largest else { return UInt8(sign | largestCode) }
    let exponent = size == 0 ? leastExponent : max(Int(size.exponent), leastExponent)
    // A digit more than the fraction has where the number is no denormal one, which counts the exponent up from 0.
    let digits = size * Double(sign: .plus, exponent: fractionBits - exponent, significand: 1)
    let own = Int(digits.rounded(.toNearestOrEven)) + (exponent - leastExponent) << fractionBits
    return UInt8(own == 0 && specials == .nanForNegativeZero ? 0 : sign | own)
  }
}
