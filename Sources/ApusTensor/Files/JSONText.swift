/// A JSON value as it stands in a header of a file (RFC 8259).
///
/// Numbers keep their text, so that an integer never passes through a float; an object keeps its order and
/// has no key twice.
indirect enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([Member])

  struct Member: Sendable, Equatable {
    var key: String
    var value: JSONValue
  }

  /// The value when it is written as a non-negative integer that fits `Int`.
  var count: Int? {
    guard case .number(let text) = self, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int(text)
  }
}

/// Reads JSON strictly: valid UTF-8, no duplicate keys, no trailing commas, no NaN, bounded nesting.
struct JSONText {
  struct Fault: Error {
    var reason: String
    /// In bytes from the start.
    var offset: Int
  }

  private let text: [UInt8]
  private var position = 0
  private let depthLimit: Int

  /// Reads one value and the white space around it.
  static func parse(_ text: [UInt8], depthLimit: Int = 16) throws(Fault) -> JSONValue {
    var reader = JSONText(text: text, depthLimit: depthLimit)
    let value = try reader.value(depth: 0)
    reader.skipSpace()
    guard reader.position == text.count else { throw reader.fault("something follows the value") }
    return value
  }

  private init(text: [UInt8], depthLimit: Int) {
    self.text = text
    self.depthLimit = depthLimit
  }
}

extension JSONText {
  private func fault(_ reason: String) -> Fault { Fault(reason: reason, offset: position) }

  private var peek: UInt8? { position < text.count ? text[position] : nil }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  private mutating func accept(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard peek == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func value(depth: Int) throws(Fault) -> JSONValue {
    guard depth < depthLimit else { throw fault("values are nested over \(depthLimit) deep") }
    if accept("{") { return .object(try members(depth: depth)) }
    if accept("[") { return .array(try elements(depth: depth)) }
    guard let first = peek else { throw fault("a value is missing") }
    if first == UInt8(ascii: "\"") { return .string(try string()) }
    if first == UInt8(ascii: "-") || (0x30...0x39).contains(first) { return .number(try number()) }
    for (word, value) in [("true", JSONValue.bool(true)), ("false", .bool(false)), ("null", .null)]
    where text[position...].starts(with: word.utf8) {
      position += word.utf8.count
      return value
    }
    throw fault("a value is missing")
  }

  private mutating func members(depth: Int) throws(Fault) -> [JSONValue.Member] {
    var members: [JSONValue.Member] = []
    var keys: Set<String> = []
    if accept("}") { return [] }
    repeat {
      skipSpace()
      guard peek == UInt8(ascii: "\"") else { throw fault("a key is missing") }
      let key = try string()
      guard keys.insert(key).inserted else { throw fault("the key \(quoted(key)) stands twice") }
      guard accept(":") else { throw fault("':' is missing") }
      members.append(JSONValue.Member(key: key, value: try value(depth: depth + 1)))
    } while accept(",")
    guard accept("}") else { throw fault("'}' is missing") }
    return members
  }

  private mutating func elements(depth: Int) throws(Fault) -> [JSONValue] {
    var elements: [JSONValue] = []
    if accept("]") { return [] }
    repeat { elements.append(try value(depth: depth + 1)) } while accept(",")
    guard accept("]") else { throw fault("']' is missing") }
    return elements
  }

  private mutating func digits() throws(Fault) {
    let start = position
    while let byte = peek, (0x30...0x39).contains(byte) { position += 1 }
    guard position > start else { throw fault("a digit is missing") }
  }

  private mutating func number() throws(Fault) -> String {
    let start = position
    if peek == UInt8(ascii: "-") { position += 1 }
    if peek == UInt8(ascii: "0") { position += 1 } else { try digits() }
    if peek == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
      position += 1
      if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    return String(decoding: text[start..<position], as: UTF8.self)
  }

  private mutating func string() throws(Fault) -> String {
    position += 1
    var bytes: [UInt8] = []
    while let byte = peek {
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: bytes, as: UTF8.self) else { throw fault("a string is not UTF-8") }
        return string
      case UInt8(ascii: "\\"): bytes += String(Character(try escape())).utf8
      case 0..<0x20: throw fault("a string holds a control character")
      default: bytes.append(byte)
      }
    }
    throw fault("a string does not end")
  }

  private mutating func escape() throws(Fault) -> Unicode.Scalar {
    guard let byte = peek else { throw fault("a string does not end") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{08}"
    case UInt8(ascii: "f"): return "\u{0C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      let unit = try codeUnit()
      if let scalar = Unicode.Scalar(unit) { return scalar }
      guard unit < 0xDC00, text[position...].starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) else {
        throw fault("half a surrogate pair")
      }
      position += 2
      let low = try codeUnit()
      guard (0xDC00..<0xE000).contains(low),
        let scalar = Unicode.Scalar(0x1_0000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(low) - 0xDC00))
      else { throw fault("half a surrogate pair") }
      return scalar
    default: throw fault("an unknown escape")
    }
  }

  private mutating func codeUnit() throws(Fault) -> UInt16 {
    guard position + 4 <= text.count,
      text[position..<(position + 4)].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let unit = UInt16(String(decoding: text[position..<(position + 4)], as: UTF8.self), radix: 16)
    else { throw fault("an escape lacks its four digits") }
    position += 4
    return unit
  }
}

extension String {
  /// The string as JSON, in quotes.
  var jsonQuoted: String {
    var text = "\""
    for scalar in unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\u{0}"..<"\u{20}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }
}
