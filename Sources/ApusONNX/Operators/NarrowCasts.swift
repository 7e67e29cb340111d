import ApusIR
import ApusTensor

/// Conversions to narrow types, written out on their carriers: each value that a type does not have becomes one that it has,
/// in one rounding.
extension NodeTranslation {
  /// The tensor's elements as values of the narrow type, in its carrier. The node's `saturate` and `round_mode` count.
  func narrowed(_ x: ValueID, to type: NarrowType) throws -> ValueID {
    switch type.form {
    case .integer: return try wrapped(x, to: type)
    case .float(let float):
      return convert(try rounded(x, to: float, saturates: flag("saturate", true)), to: type.carrier)
    case .powerOfTwo:
      let mode = try string("round_mode", "up")
      guard let mode = PowerRounding(rawValue: mode) else {
        throw error("onnx.attribute", "'round_mode' is \"up\", \"down\" or \"nearest\", not \"\\(mode)\"")
      }
      return convert(try roundedToPower(x, mode, saturates: flag("saturate", true)), to: type.carrier)
    }
  }

  // MARK: Integers

  /// The low bits, with a sign where the type has one. A float loses its fraction first.
  private func wrapped(_ x: ValueID, to type: NarrowType) throws -> ValueID {
    let whole = try converted(x, to: type.carrier)
    guard type.carrier == .s8 else { return try call(.and, [.value(whole), .integer((1 << type.bitCount) - 1)]) }
    let unused = Meaning.integer(8 - type.bitCount)
    return try call(.shiftRight, [.value(call(.shiftLeft, [.value(whole), unused])), unused])
  }

  // MARK: Floats

  /// f32 where it has all values of the tensor's type, else f64. 64-bit integers that f64 rounds are beyond all narrow types.
  private func wide(_ x: ValueID) -> ValueID {
    switch element(x) {
    case .f32, .f64: x
    case .f16, .bf16, .s8, .u8, .s16, .u16, .bool: convert(x, to: .f32)
    case .s32, .u32, .s64, .u64: convert(x, to: .f64)
    }
  }

  /// The power of two that the exponent of each float stands for: 0 for denormal ones, infinity for NaN.
  private func binade(_ x: ValueID) throws -> ValueID {
    let isDouble = element(x) == .f64
    let bits = try call(.bitcast, [.value(x)], ["to": .elementType(isDouble ? .u64 : .u32)])
    let exponent = try call(.and, [.value(bits), .integer(isDouble ? 0x7ff0_0000_0000_0000 : 0x7f80_0000)])
    return try call(.bitcast, [.value(exponent)], ["to": .elementType(element(x))])
  }

  /// To nearest, ties to even, in the format's grid; in f32 or f64.
  private func rounded(_ value: ValueID, to format: NarrowFloat, saturates: Bool) throws -> ValueID {
    let x = wide(value)
    let hasOverflow = !saturates && format.specials != .none
    // Of what is farther out than the next binade, only that matters.
    let limit = hasOverflow ? 2 * format.largest : format.largest
    let bounded = try call(.min, [.value(call(.max, [.value(x), .number(-limit)])), .number(limit)])
    // All that is divided and multiplied by is a power of two, so that one rounding is left. The one of infinity, for
    // NaN, gives NaN.
    let least = try call(.max, [.value(binade(bounded)), .number(Self.power(format.leastExponent))])
    let step = try call(.mul, [.value(least), .number(Self.power(-format.fractionBits))])
    var y = try call(.mul, call(.round, call(.div, bounded, step)), step)
    if hasOverflow {
      let isBeyond = try call(.greater, [.value(call(.abs, y)), .number(format.largest)])
      let target = try scalar(format.specials == .infinityAndNaNs ? .infinity : .nan, element(x))
      y = try call(.select, isBeyond, call(.mul, y, target), y)
    }
    switch format.specials {
    case .infinityAndNaNs, .nanAlone: return y
    case .nanForNegativeZero:
      return try call(.select, [.value(call(.equal, [.value(y), .number(0)])), .number(0), .value(y)])
    case .none:
      return try call(.select, [.value(call(.equal, y, y)), .value(y), .value(scalar(-0.0, element(x)))])
    }
  }

  // MARK: Powers of two

  private enum PowerRounding: String {
    case up, down, nearest
  }

  /// The power of two at the magnitude of each element, in f64. Of what is beyond the ends, the end if it saturates, else
  /// NaN; so it is with 0.
  private func roundedToPower(_ value: ValueID, _ mode: PowerRounding, saturates: Bool) throws -> ValueID {
    let x = try call(.abs, convert(value, to: .f64))
    let below = try binade(x)
    let above = try call(.mul, [.value(below), .number(2)])
    let rounded: ValueID
    switch mode {
    case .down: rounded = below
    case .up: rounded = try call(.select, call(.greater, x, below), above, below)
    case .nearest:
      let half = try call(.mul, [.value(below), .number(1.5)])
      rounded = try call(.select, call(.greaterEqual, x, half), above, below)
    }
    let (least, most) = (Self.power(-127), Self.power(127))
    let bounded = try call(.min, [.value(call(.max, [.value(rounded), .number(least)])), .number(most)])
    let nan = try scalar(.nan, .f64)
    let isNaN = try call(.notEqual, x, x)
    guard !saturates else { return try call(.select, isNaN, nan, bounded) }
    let fits = try call(.equal, bounded, rounded)
    return try call(.select, call(.and, fits, call(.equal, x, x)), bounded, nan)
  }

  private static func power(_ exponent: Int) -> Double { Double(sign: .plus, exponent: exponent, significand: 1) }
}

/// Bits of narrow types as those of others.
extension NodeTranslation {
  /// Elements of as many bits as another type's, at least one of which is narrow.
  func bitCast(_ x: ValueID, _ from: StoredType, _ to: StoredType) throws -> Imported {
    let codes: ValueID
    switch from {
    case .own(let element):
      codes = element == .bool ? convert(x, to: .u8) : try call(.bitcast, [.value(x)], ["to": .elementType(.u8)])
    case .narrow(let type): codes = try self.codes(x, type)
    }
    switch to {
    case .own(let element):
      return .value(element == .bool ? convert(codes, to: .bool) : try call(.bitcast, [.value(codes)], ["to": .elementType(element)]))
    case .narrow(let type): return .value(try values(codes, type)).marked(type)
    }
  }

  /// The code of each element, of u8.
  private func codes(_ x: ValueID, _ type: NarrowType) throws -> ValueID {
    switch type.form {
    case .integer:
      let bits = type.carrier == .u8 ? x : try call(.bitcast, [.value(x)], ["to": .elementType(.u8)])
      return try call(.and, [.value(bits), .integer((1 << type.bitCount) - 1)])
    case .float, .powerOfTwo:
      // One of 65 536 bit patterns: a table has the code of each.
      let bits = try call(.bitcast, [.value(x)], ["to": .elementType(.u16)])
      let table = Tensor((0...UInt16.max).map { type.code($0) })
      return try call(.gather, [.value(constant(table)), .value(convert(bits, to: .s32))], ["axis": .integer(0)])
    }
  }

  /// What each code, of u8, stands for.
  private func values(_ codes: ValueID, _ type: NarrowType) throws -> ValueID {
    let bytes = (0..<1 << type.bitCount).map { UInt8($0) }
    var packed = [UInt8](repeating: 0, count: type.byteCount(bytes.count))
    for (index, code) in bytes.enumerated() {
      packed[index * type.bitCount / 8] |= code << UInt8(index * type.bitCount % 8)
    }
    let table = try packed.withUnsafeBytes { try type.unpacked($0, shape: [bytes.count]) }
    return try call(.gather, [.value(constant(table)), .value(convert(codes, to: .s32))], ["axis": .integer(0)])
  }
}
