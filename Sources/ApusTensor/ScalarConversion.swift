extension Scalar {
  /// The value in `type`, as the op `convert` defines it.
  ///
  /// To a float: rounded once, to nearest, ties to even; true is 1. Float to integer: towards zero, saturating,
  /// NaN becomes 0. Integer to integer: modulo 2ⁿ. To `bool`: whether it differs from zero (a NaN does).
  public func converted(to type: ElementType) -> Scalar {
    switch type {
    case .f64: .float(asDouble)
    case .f32: .float(rounded(fractionBits: 23, asFloat, through: { Float($0) }, back: { Double($0) }))
    case .f16: .float(rounded(fractionBits: 10, nil, through: Float16Bits.rounding, back: Float16Bits.double))
    case .bf16: .float(rounded(fractionBits: 7, nil, through: BFloat16Bits.rounding, back: BFloat16Bits.double))
    case .s8: .signed(asSigned(Int8.self))
    case .s16: .signed(asSigned(Int16.self))
    case .s32: .signed(asSigned(Int32.self))
    case .s64: .signed(asSigned(Int64.self))
    case .u8: .unsigned(asUnsigned(UInt8.self))
    case .u16: .unsigned(asUnsigned(UInt16.self))
    case .u32: .unsigned(asUnsigned(UInt32.self))
    case .u64: .unsigned(asUnsigned(UInt64.self))
    case .bool: .bool(isTrue)
    }
  }

  /// The value as a double, rounded to nearest where it is an integer of more than 53 bits.
  public var asDouble: Double {
    switch self {
    case .float(let value): value
    case .signed(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .bool(let value): value ? 1 : 0
    }
  }

  /// Whether the value differs from zero; a NaN does.
  public var isTrue: Bool {
    switch self {
    case .float(let value): value != 0
    case .signed(let value): value != 0
    case .unsigned(let value): value != 0
    case .bool(let value): value
    }
  }
}

extension Scalar {
  /// Integers go to f32 directly: by way of a double they would be rounded twice.
  private var asFloat: Float? {
    switch self {
    case .signed(let value): Float(value)
    case .unsigned(let value): Float(value)
    case .float, .bool: nil
    }
  }

  private func rounded<Narrow>(
    fractionBits: UInt64, _ direct: Narrow?, through narrow: (Double) -> Narrow, back widen: (Narrow) -> Double
  ) -> Double {
    if let direct { return widen(direct) }
    switch self {
    case .float(let value): return value.isNaN ? shortened(value, fractionBits) : widen(narrow(value))
    case .signed(let value): return widen(narrow(roundedToOdd(value.magnitude, negative: value < 0)))
    case .unsigned(let value): return widen(narrow(roundedToOdd(value, negative: false)))
    case .bool(let value): return value ? 1 : 0
    }
  }

  /// A NaN with only the leading bits of its payload; quiet where none of them is set.
  private func shortened(_ nan: Double, _ fractionBits: UInt64) -> Double {
    let drop = 52 - fractionBits
    let kept = Double(bitPattern: (nan.bitPattern >> drop) << drop)
    return kept.isNaN ? kept : Double(bitPattern: kept.bitPattern | (1 << 51))
  }

  /// Rounding to odd first makes the second rounding, to far fewer bits, correct.
  private func roundedToOdd(_ magnitude: UInt64, negative: Bool) -> Double {
    let excess = max(0, 64 - magnitude.leadingZeroBitCount - 53)
    let kept = magnitude >> UInt64(excess)
    let sticky: UInt64 = kept << UInt64(excess) == magnitude ? 0 : 1
    let value = Double(sign: .plus, exponent: excess, significand: Double(kept | sticky))
    return negative ? -value : value
  }

  private func asSigned<Integer: FixedWidthInteger & SignedInteger>(_: Integer.Type) -> Int64 {
    switch self {
    case .float(let value): Int64(saturated(value, to: Integer.self))
    case .signed(let value): Int64(Integer(truncatingIfNeeded: value))
    case .unsigned(let value): Int64(Integer(truncatingIfNeeded: value))
    case .bool(let value): value ? 1 : 0
    }
  }

  private func asUnsigned<Integer: FixedWidthInteger & UnsignedInteger>(_: Integer.Type) -> UInt64 {
    switch self {
    case .float(let value): UInt64(saturated(value, to: Integer.self))
    case .signed(let value): UInt64(Integer(truncatingIfNeeded: value))
    case .unsigned(let value): UInt64(Integer(truncatingIfNeeded: value))
    case .bool(let value): value ? 1 : 0
    }
  }

  private func saturated<Integer: FixedWidthInteger>(_ value: Double, to _: Integer.Type) -> Integer {
    guard !value.isNaN else { return 0 }
    let whole = value.rounded(.towardZero)
    // Double(Integer.max) may round up to one above it, hence `>=`.
    if whole >= Double(Integer.max) { return .max }
    if whole <= Double(Integer.min) { return .min }
    return Integer(whole)
  }
}
