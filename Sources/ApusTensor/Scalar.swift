/// One element, of any element type, without loss.
///
/// Equality and hashing go by bits: −0 differs from 0, and a NaN equals a NaN of the same bits.
public enum Scalar: Sendable, BitwiseCopyable {
  /// f64, f32, f16 or bf16; a double holds each of them exactly.
  case float(Double)
  case signed(Int64)
  case unsigned(UInt64)
  case bool(Bool)
}

extension Scalar {
  /// The element at `index` of `bytes`, exactly, the bits of a NaN included.
  public init(from bytes: UnsafeRawBufferPointer, at index: Int, as type: ElementType) {
    let offset = index * type.byteCount
    func load<T: BitwiseCopyable>(_: T.Type) -> T { bytes.loadUnaligned(fromByteOffset: offset, as: T.self) }
    switch type {
    case .f64: self = .float(load(Double.self))
    case .f32: self = .float(widened(load(Float.self)))
    case .f16: self = .float(widened(Float16Bits.float(load(UInt16.self))))
    case .bf16: self = .float(widened(BFloat16Bits.float(load(UInt16.self))))
    case .s8: self = .signed(Int64(load(Int8.self)))
    case .s16: self = .signed(Int64(load(Int16.self)))
    case .s32: self = .signed(Int64(load(Int32.self)))
    case .s64: self = .signed(load(Int64.self))
    case .u8: self = .unsigned(UInt64(load(UInt8.self)))
    case .u16: self = .unsigned(UInt64(load(UInt16.self)))
    case .u32: self = .unsigned(UInt64(load(UInt32.self)))
    case .u64: self = .unsigned(load(UInt64.self))
    case .bool: self = .bool(load(UInt8.self) != 0)
    }
  }

  /// Writes the value, converted as ``converted(to:)`` does, as element `index` of `bytes`.
  /// What was read from an element of the same type is written back bit for bit.
  public func store(to bytes: UnsafeMutableRawBufferPointer, at index: Int, as type: ElementType) {
    let offset = index * type.byteCount
    func put<T: BitwiseCopyable>(_ value: T) { bytes.storeBytes(of: value, toByteOffset: offset, as: T.self) }
    switch (type, converted(to: type)) {
    case (.f64, .float(let value)): put(value)
    case (.f32, .float(let value)): put(narrowed(value))
    case (.f16, .float(let value)): put(narrowed(value, fractionBits: 10, rounding: Float16Bits.rounding))
    case (.bf16, .float(let value)): put(narrowed(value, fractionBits: 7, rounding: BFloat16Bits.rounding))
    case (.s8, .signed(let value)): put(Int8(truncatingIfNeeded: value))
    case (.s16, .signed(let value)): put(Int16(truncatingIfNeeded: value))
    case (.s32, .signed(let value)): put(Int32(truncatingIfNeeded: value))
    case (.s64, .signed(let value)): put(value)
    case (.u8, .unsigned(let value)): put(UInt8(truncatingIfNeeded: value))
    case (.u16, .unsigned(let value)): put(UInt16(truncatingIfNeeded: value))
    case (.u32, .unsigned(let value)): put(UInt32(truncatingIfNeeded: value))
    case (.u64, .unsigned(let value)): put(value)
    case (.bool, .bool(let value)): put(UInt8(value ? 1 : 0))
    case (_, .float), (_, .signed), (_, .unsigned), (_, .bool):
      preconditionFailure("\(self) was not converted to \(type)")
    }
  }

  public static func zero(_ type: ElementType) -> Scalar { Scalar.signed(0).converted(to: type) }
  public static func one(_ type: ElementType) -> Scalar { Scalar.signed(1).converted(to: type) }
}

extension Scalar: Hashable {
  public static func == (a: Scalar, b: Scalar) -> Bool {
    switch (a, b) {
    case (.float(let x), .float(let y)): x.bitPattern == y.bitPattern
    case (.signed(let x), .signed(let y)): x == y
    case (.unsigned(let x), .unsigned(let y)): x == y
    case (.bool(let x), .bool(let y)): x == y
    case (.float, _), (.signed, _), (.unsigned, _), (.bool, _): false
    }
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .float(let value): hasher.combine(0); hasher.combine(value.bitPattern)
    case .signed(let value): hasher.combine(1); hasher.combine(value)
    case .unsigned(let value): hasher.combine(2); hasher.combine(value)
    case .bool(let value): hasher.combine(3); hasher.combine(value)
    }
  }
}

// Hardware conversions make a signalling NaN quiet; moving an element must not change it.

private func widened(_ value: Float) -> Double {
  guard value.isNaN else { return Double(value) }
  let bits = UInt64(value.bitPattern)
  return Double(bitPattern: ((bits >> 31) << 63) | 0x7FF0_0000_0000_0000 | ((bits & 0x7F_FFFF) << 29))
}

private func narrowed(_ value: Double) -> Float {
  guard value.isNaN else { return Float(value) }
  let sign = UInt32(truncatingIfNeeded: value.bitPattern >> 63) << 31
  return Float(bitPattern: sign | 0x7F80_0000 | UInt32(value.bitPattern >> 29 & 0x7F_FFFF))
}

private func narrowed(_ value: Double, fractionBits: UInt64, rounding: (Double) -> UInt16) -> UInt16 {
  guard value.isNaN else { return rounding(value) }
  let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 63) << 15
  let infinity = (0x7FFF >> fractionBits) << fractionBits
  return sign | UInt16(infinity) | UInt16((value.bitPattern & 0xF_FFFF_FFFF_FFFF) >> (52 - fractionBits))
}
