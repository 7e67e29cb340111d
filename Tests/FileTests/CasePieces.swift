import Foundation

/// Bytes written out in a case's header, so that broken and huge inputs stay readable:
///
///     "text"   hex(89 50)   u16(1)   u32(1)   u64(1)   zeros(16)   repeat("(", 10000)
///     safetensors("{'w':{…}}")    the header with its length before it; ' stands for "
///     npy("{'descr': …}")         magic, version 1.0 and the padded header
///     f32(1 -0.5 nan)   s64(-1)   values
///     npz("x.npy": npy("…") f32(1), "y.npy": …)    an archive of stored entries
///     first(100, PIECES)          these bytes, cut short
///
/// Numbers are little-endian. A piece may stand where text is expected: `safetensors(repeat("[", 9))`.
struct CasePieces {
  private var rest: Substring

  static func bytes(of text: String) throws -> [UInt8] {
    var pieces = CasePieces(rest: text[...])
    var bytes: [UInt8] = []
    pieces.skipSpaces()
    while !pieces.rest.isEmpty {
      bytes += try pieces.piece()
      pieces.skipSpaces()
    }
    return bytes
  }

  /// Pieces up to a comma or a parenthesis that closes.
  private mutating func several() throws -> [UInt8] {
    var bytes: [UInt8] = []
    skipSpaces()
    while let next = rest.first, next != ",", next != ")" {
      bytes += try piece()
      skipSpaces()
    }
    return bytes
  }

  private mutating func piece() throws -> [UInt8] {
    if rest.first == "\"" { return try quoted() }
    let name = String(rest.prefix { $0.isLetter || $0.isNumber })
    rest = rest.dropFirst(name.count)
    try take("(")
    defer { skipSpaces() }
    let bytes: [UInt8]
    switch name {
    case "hex": bytes = try hex()
    case "u16": bytes = littleEndian(UInt16(truncatingIfNeeded: try number()))
    case "u32": bytes = littleEndian(UInt32(truncatingIfNeeded: try number()))
    case "u64": bytes = littleEndian(UInt64(try number()))
    case "zeros": bytes = [UInt8](repeating: 0, count: try number())
    case "repeat":
      let part = try piece()
      try take(",")
      bytes = Array(repeatElement(part, count: try number()).joined())
    case "safetensors":
      let header = try piece().map { $0 == UInt8(ascii: "'") ? UInt8(ascii: "\"") : $0 }
      bytes = littleEndian(UInt64(header.count)) + header
    case "npy": bytes = npy(try piece())
    case "f32": bytes = try words().flatMap { littleEndian(try value(Float($0), $0).bitPattern) }
    case "s64": bytes = try words().flatMap { littleEndian(try value(Int64($0), $0)) }
    case "first":
      let count = try number()
      try take(",")
      bytes = Array(try several().prefix(count))
    case "npz":
      var entries: [(name: [UInt8], data: [UInt8])] = []
      repeat {
        if !entries.isEmpty { try take(",") }
        let name = try quoted()
        try take(":")
        entries.append((name, try several()))
      } while rest.first == ","
      bytes = StoredArchive.bytes(of: entries)
    default: throw CaseFormatError("no piece is called `\(name)`")
    }
    try take(")")
    return bytes
  }

  private mutating func quoted() throws -> [UInt8] {
    rest = rest.dropFirst()
    guard let end = rest.firstIndex(of: "\"") else { throw CaseFormatError("a quote is not closed") }
    defer { rest = rest[rest.index(after: end)...] }
    return Array(rest[..<end].utf8)
  }

  /// Words up to the parenthesis that closes.
  private mutating func words() throws -> [Substring] {
    let text = rest.prefix { $0 != ")" }
    rest = rest.dropFirst(text.count)
    return text.split(separator: " ")
  }

  private func value<Value>(_ value: Value?, _ text: Substring) throws -> Value {
    guard let value else { throw CaseFormatError("`\(text)` is no value") }
    return value
  }

  private mutating func hex() throws -> [UInt8] {
    let digits = rest.prefix { $0 != ")" }
    rest = rest.dropFirst(digits.count)
    return try digits.split(separator: " ").map { pair in
      guard let byte = UInt8(pair, radix: 16) else { throw CaseFormatError("`\(pair)` is no byte") }
      return byte
    }
  }

  private mutating func number() throws -> Int {
    skipSpaces()
    let digits = rest.prefix { $0.isNumber }
    rest = rest.dropFirst(digits.count)
    guard let number = Int(digits) else { throw CaseFormatError("`\(digits)` is no number") }
    return number
  }

  private mutating func take(_ character: Character) throws {
    skipSpaces()
    guard rest.first == character else { throw CaseFormatError("`\(character)` expected at `\(rest)`") }
    rest = rest.dropFirst()
    skipSpaces()
  }

  private mutating func skipSpaces() {
    rest = rest.drop { $0 == " " }
  }
}

func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
  withUnsafeBytes(of: number.littleEndian, Array.init)
}

/// NumPy's format version 1.0: magic, version, header length, header padded to 64 with a final line break.
private func npy(_ header: [UInt8]) -> [UInt8] {
  let unpadded = 10 + header.count + 1
  let padding = [UInt8](repeating: UInt8(ascii: " "), count: (64 - unpadded % 64) % 64)
  let padded = header + padding + [UInt8(ascii: "\n")]
  return [0x93] + Array("NUMPY".utf8) + [1, 0] + littleEndian(UInt16(padded.count)) + padded
}
