import ApusSupport
import ApusTensor

/// `convert` between any two element types. In registers an element is: f32 and f64 themselves, f16 and bf16 as
/// f32 (already rounded to their type), integers in their width, bool as `i1`.
extension Emitter {
  /// The type that one element has in registers.
  func computeType(_ element: ElementType) -> CodeType {
    switch element {
    case .f32, .f16, .bf16: types.f32
    case .f64: types.f64
    case .bool: types.i1
    case .s8, .u8, .s16, .u16, .s32, .u32, .s64, .u64: types.storage(element)
    }
  }

  /// From memory's form to the registers'.
  func fromStorage(_ x: CodeValue, _ element: ElementType) -> CodeValue {
    switch element {
    case .f16: widenF16(x)
    case .bf16: widenBF16(x)
    case .bool: compare(x, .notEqual, zero(x.type))
    case .f32, .f64, .s8, .u8, .s16, .u16, .s32, .u32, .s64, .u64: x
    }
  }

  /// From the registers' form to memory's.
  func toStorage(_ x: CodeValue, _ element: ElementType) -> CodeValue {
    switch element {
    case .f16: narrowToF16(x)
    case .bf16: narrowToBF16(x)
    case .bool: resize(x, to: types.i8, signed: false)
    case .f32, .f64, .s8, .u8, .s16, .u16, .s32, .u32, .s64, .u64: x
    }
  }

  /// Rounds what an f32 computation gave to the element type that it stands for.
  func rounded(_ x: CodeValue, to element: ElementType) -> CodeValue {
    switch element {
    case .f16: widenF16(narrowToF16(x))
    case .bf16: widenBF16(narrowToBF16(x))
    case .f32, .f64, .bool, .s8, .u8, .s16, .u16, .s32, .u32, .s64, .u64: x
    }
  }

  /// One element type's value as another's: to floats the nearest, ties to even, in one rounding; between integers the
  /// low bits; from float to integer towards zero, saturating, NaN as 0; to bool whether it is not zero.
  func convert(_ x: CodeValue, from: ElementType, to: ElementType) -> CodeValue {
    if from == to { return x }
    switch to {
    case .bool:
      return compare(x, .notEqual, zero(x.type))
    case .s8, .u8, .s16, .u16, .s32, .u32, .s64, .u64:
      if from.isFloat { return saturate(x, to: to) }
      let signed = isPlanted(.widenedUnsignedTakesASign) ? to.isSignedInteger : from.isSignedInteger
      return resize(x, to: types.storage(to), signed: signed)
    case .f32, .f64:
      let scalar = computeType(to)
      return from.isFloat ? resizeFloat(x, to: scalar) : toFloat(x, scalar, signed: from.isSignedInteger)
    case .f16, .bf16:
      return rounded(singlePrecision(x, from: from), to: to)
    }
  }
}

extension Emitter {
  /// An f32 that rounds on to f16 or bf16 without a second rounding error.
  func singlePrecision(_ x: CodeValue, from: ElementType) -> CodeValue {
    switch from {
    case .f32, .f16, .bf16:
      return x
    case .f64:
      return narrowToOddF32(x)
    case .bool, .s8, .u8, .s16, .u16:
      return toFloat(x, types.f32, signed: from.isSignedInteger)
    case .s32, .u32:
      return narrowToOddF32(toFloat(x, types.f64, signed: from.isSignedInteger))
    case .s64, .u64:
      // Twelve low bits become one sticky bit, so that f64 holds the rest exactly; a tie of f16 or bf16 at this size
      // lies far above them.
      let low = and(x, int(0xfff, x.type))
      let sticky = select(compare(low, .equal, zero(x.type)), zero(x.type), int(0x800, x.type))
      let short = or(and(x, int(~0xfff, x.type)), sticky)
      let isSmall = compare(add(x, int(1 << 52, x.type)), .less, int(1 << 53, x.type), signed: false)
      let exact = toFloat(select(isSmall, x, short), types.f64, signed: from.isSignedInteger)
      return narrowToOddF32(exact)
    }
  }

  /// Towards zero; beyond the range its end; NaN as 0.
  private func saturate(_ x: CodeValue, to: ElementType) -> CodeValue {
    let signed = to.isSignedInteger
    // LLVM converts 8 and 16 bits through scalars, 32 bits in vectors.
    let wide = to.bitWidth < 32 ? types.i32 : types.storage(to)
    let (low, high) = integerRange(to)
    // 2^n ends the range exclusively and is exact in every float type, unlike 2^n − 1.
    let exponent = signed ? to.bitWidth - 1 : to.bitWidth
    let limit = float(Double(sign: .plus, exponent: exponent, significand: 1), x.type)
    let floor = signed ? neg(limit) : zero(x.type)
    let isBelow = compare(x, .less, floor)
    let isAbove = compare(x, isPlanted(.saturationMissesItsEnd) ? .greater : .greaterEqual, limit)
    let isOutside = isPlanted(.nanConvertsToLeast) ? or(isBelow, isAbove) : or(or(isBelow, isAbove), isNaN(x))
    let safe = select(isOutside, zero(x.type), x)
    let inside = toInteger(safe, wide, signed: signed || to.bitWidth < 32)
    let result = select(
      isAbove, int(high, inside.type), select(isBelow, int(low, inside.type), inside))
    return resize(result, to: types.storage(to), signed: signed)
  }

  /// The ends of an integer type's range, `high` as a bit pattern.
  private func integerRange(_ type: ElementType) -> (low: Int, high: Int) {
    type.isSignedInteger
      ? (Int.min >> (64 - type.bitWidth), Int.max >> (64 - type.bitWidth))
      : (0, Int(bitPattern: UInt.max >> (64 - type.bitWidth)))
  }
}
