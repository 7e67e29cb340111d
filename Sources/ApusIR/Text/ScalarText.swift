import ApusTensor

/// Numbers as text that reads back to the same bits.
enum ScalarText {
  /// The scalar as an element of that type: `0.125`, `-0.0`, `inf`, `nan`, `0x7fc00001`, `12`, `true`.
  static func text(_ scalar: Scalar, _ type: ElementType) -> String {
    switch scalar.converted(to: type) {
    case .float(let value): float(value, type)
    case .signed(let value): String(value)
    case .unsigned(let value): String(value)
    case .bool(let value): value ? "true" : "false"
    }
  }

  /// A NaN other than the default one is written as its bits.
  private static func float(_ value: Double, _ type: ElementType) -> String {
    if value.isNaN {
      let bits = bits(value, type)
      return bits == defaultNaN(type) ? "nan" : hexadecimal(bits, digits: type.byteCount * 2)
    }
    switch type {
    case .f32: return Float(value).description
    case .f16, .bf16: return shortest(value, type)
    case .f64, .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool: return value.description
    }
  }

  /// The bits of a float of that type: positive, quiet, no payload.
  static func defaultNaN(_ type: ElementType) -> UInt64 {
    switch type {
    case .f16: 0x7E00
    case .bf16: 0x7FC0
    case .f32: 0x7FC0_0000
    case .f64, .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool: 0x7FF8_0000_0000_0000
    }
  }

  /// The bits that the value, already of the type, has in memory.
  static func bits(_ value: Double, _ type: ElementType) -> UInt64 {
    var word: UInt64 = 0
    withUnsafeMutableBytes(of: &word) { Scalar.float(value).store(to: $0, at: 0, as: type) }
    return UInt64(littleEndian: word)
  }

  /// The value of those bits in that type.
  static func value(bits: UInt64, _ type: ElementType) -> Scalar {
    withUnsafeBytes(of: bits.littleEndian) { Scalar(from: $0, at: 0, as: type) }
  }

  static func hexadecimal(_ bits: UInt64, digits: Int) -> String {
    let text = String(bits, radix: 16)
    return "0x" + String(repeating: "0", count: max(0, digits - text.count)) + text
  }

  /// The fewest decimal digits that round to the value in a type of at most 11 bits of precision.
  private static func shortest(_ value: Double, _ type: ElementType) -> String {
    guard value.isFinite, value != 0 else { return value.description }
    // The description has 17 digits or fewer; cutting it to n digits and rounding the last one up or
    // down gives every candidate of n digits that could be nearest.
    let (digits, exponent) = decimal(value.magnitude)
    for count in 1..<max(digits.count, 2) where count < digits.count {
      let head = digits[..<count].reduce(0) { $0 * 10 + Int($1) }
      let isUp = digits[count] >= 5
      for mantissa in isUp ? [head + 1, head] : [head, head + 1] {
        let text = (value < 0 ? "-" : "") + "\(mantissa)e\(exponent - count)"
        guard let read = Double(text) else { continue }
        if bits(Scalar.float(read).converted(to: type).asDouble, type) == bits(value, type) {
          return read.description
        }
      }
    }
    return value.description
  }

  /// `0.d₁d₂… · 10^exponent` with the digits of the shortest decimal that reads as the value.
  private static func decimal(_ value: Double) -> (digits: [UInt8], exponent: Int) {
    var digits: [UInt8] = []
    var exponent = 0
    var isAfterPoint = false
    let text = Array(value.description.utf8)
    var index = 0
    while index < text.count, text[index] | 0x20 != UInt8(ascii: "e") {
      if text[index] == Byte.dot {
        isAfterPoint = true
      } else {
        let digit = text[index] - Byte.zero
        if digits.isEmpty, digit == 0 {
          if isAfterPoint { exponent -= 1 }
        } else {
          digits.append(digit)
          if !isAfterPoint { exponent += 1 }
        }
      }
      index += 1
    }
    if index < text.count, let power = Int(String(decoding: text[(index + 1)...], as: UTF8.self)) {
      exponent += power
    }
    while digits.last == 0 { digits.removeLast() }
    return (digits, exponent)
  }
}
