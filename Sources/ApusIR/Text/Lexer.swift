import ApusSupport

/// Cuts a text into tokens, one at a time, in time linear in its length. Never fails: what is no
/// token comes out as a token of a `bad…` kind that covers it.
public struct Lexer: Sendable {
  /// Both languages share everything but the meaning of `%` and `@`.
  public enum Dialect: Sendable, Hashable {
    /// `%name` is a value and `@name` a function or constant.
    case ir
    /// `%` and `@` are operators.
    case graph
  }

  /// Longer texts are refused: offsets are 32 bits wide.
  public static let maximumLength = 1 << 30

  private let bytes: [UInt8]
  private let dialect: Dialect
  private var offset: Int

  /// `source` must not be longer than `maximumLength`. `start` is where a token may start.
  public init(_ source: SourceText, dialect: Dialect, from start: Int = 0) {
    precondition(source.bytes.count <= Self.maximumLength, "a text of more than 1 GiB")
    bytes = source.bytes
    self.dialect = dialect
    offset = start
    if start > 0 { return }
    // A byte order mark says nothing that UTF-8 needs.
    offset = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
  }

  public mutating func next() -> Token {
    let startsLine = skipBlanks()
    let start = offset
    let kind = scan()
    return Token(kind, start..<offset, startsLine: startsLine)
  }
}

extension Lexer {
  /// 0 stands for the end of the text; a NUL byte in the text is no token either.
  private func byte(_ ahead: Int = 0) -> UInt8 {
    offset + ahead < bytes.count ? bytes[offset + ahead] : 0
  }

  /// Skips blanks, line breaks and comments; whether a line break was among them.
  private mutating func skipBlanks() -> Bool {
    var startsLine = offset == 0
    while offset < bytes.count {
      switch bytes[offset] {
      case Byte.newline:
        startsLine = true
        offset += 1
      case Byte.space, Byte.tab, Byte.carriageReturn: offset += 1
      case Byte.slash where byte(1) == Byte.slash:
        while offset < bytes.count, bytes[offset] != Byte.newline { offset += 1 }
      default: return startsLine
      }
    }
    return true
  }

  private mutating func scan() -> Token.Kind {
    guard offset < bytes.count else { return .endOfFile }
    let first = bytes[offset]
    if Byte.isLetter(first) { return scanWord() }
    if Byte.isDigit(first) { return scanNumber() }
    if first == Byte.quote { return scanString() }
    if dialect == .ir, first == Byte.percent || first == Byte.at {
      if let kind = scanName(first == Byte.percent ? .value : .symbol) { return kind }
    }
    return scanPunctuation(first)
  }

  private mutating func scanWord() -> Token.Kind {
    while Byte.isLetter(byte()) || Byte.isDigit(byte()) { offset += 1 }
    return .word
  }

  /// What follows `%` or `@`; `nil` if the sign stands alone.
  private mutating func scanName(_ kind: Token.Kind) -> Token.Kind? {
    if byte(1) == Byte.quote {
      offset += 1
      return scanString() == .string ? kind : .badString
    }
    guard Byte.isLetter(byte(1)) || Byte.isDigit(byte(1)) else { return nil }
    let start = offset + 1
    offset = start
    while Byte.isLetter(byte()) || Byte.isDigit(byte()) || isInnerDot { offset += 1 }
    guard Byte.isDigit(bytes[start]) else { return kind }
    // A name that starts with a digit is a number, so that renumbering never meets a name.
    return bytes[start..<offset].allSatisfy(Byte.isDigit) ? kind : .badName
  }

  private var isInnerDot: Bool {
    byte() == Byte.dot && (Byte.isLetter(byte(1)) || Byte.isDigit(byte(1)))
  }

  private mutating func scanNumber() -> Token.Kind {
    var kind = Token.Kind.integer
    if byte() == Byte.zero, byte(1) | 0x20 == UInt8(ascii: "x") {
      offset += 2
      let start = offset
      while Byte.hexValue(byte()) != nil { offset += 1 }
      if offset == start { kind = .badNumber }
    } else {
      skipDigits()
      if byte() == Byte.dot, Byte.isDigit(byte(1)) {
        kind = .float
        offset += 1
        skipDigits()
      }
      if byte() | 0x20 == UInt8(ascii: "e") {
        let sign = byte(1) == Byte.plus || byte(1) == Byte.minus ? 1 : 0
        if Byte.isDigit(byte(1 + sign)) {
          kind = .float
          offset += 1 + sign
          skipDigits()
        }
      }
    }
    // `12abc` is one mistake, not a number and a name.
    if Byte.isLetter(byte()) {
      kind = .badNumber
      while Byte.isLetter(byte()) || Byte.isDigit(byte()) { offset += 1 }
    }
    return kind
  }

  private mutating func skipDigits() {
    while Byte.isDigit(byte()) { offset += 1 }
  }

  /// From the opening quote on. A string does not run over the end of its line.
  private mutating func scanString() -> Token.Kind {
    offset += 1
    var isWellFormed = true
    while offset < bytes.count {
      switch bytes[offset] {
      case Byte.quote:
        offset += 1
        return isWellFormed ? .string : .badString
      case Byte.newline: return .badString
      case Byte.backslash:
        isWellFormed = scanEscape() && isWellFormed
      case 0..<0x20: // a control character is written as an escape
        isWellFormed = bytes[offset] == Byte.tab && isWellFormed
        offset += 1
      case 0x80...:
        guard let length = UTF8Sequence.length(in: bytes, at: offset) else {
          isWellFormed = false
          offset += 1
          continue
        }
        offset += length
      default: offset += 1
      }
    }
    return .badString
  }

  private mutating func scanEscape() -> Bool {
    let escaped = byte(1)
    guard escaped != Byte.newline, offset + 1 < bytes.count else {
      offset += 1
      return false
    }
    offset += 2
    if Byte.simpleEscape(escaped) != nil { return true }
    guard escaped == UInt8(ascii: "u"), byte() == Byte.leftBrace else { return false }
    var value: UInt32 = 0
    var length = 1
    while let digit = Byte.hexValue(byte(length)), length <= 8 {
      value = value << 4 | UInt32(digit)
      length += 1
    }
    guard length > 1, length <= 8, byte(length) == Byte.rightBrace, Unicode.Scalar(value) != nil else { return false }
    offset += length + 1
    return true
  }

  private mutating func scanPunctuation(_ first: UInt8) -> Token.Kind {
    let second = byte(1)
    if first == Byte.dot, second == Byte.dot, byte(2) == Byte.dot { return take(3, .ellipsis) }
    if let kind = Byte.pair(first, second) { return take(2, kind) }
    if let kind = Byte.single(first) { return take(1, kind) }
    // A run of them is one mistake: a binary file must not become a million.
    while offset < bytes.count, isNoToken(bytes[offset]) { offset += 1 }
    return .badCharacter
  }

  private func isNoToken(_ byte: UInt8) -> Bool {
    switch byte {
    case Byte.space, Byte.tab, Byte.carriageReturn, Byte.newline, Byte.quote: false
    default: !Byte.isLetter(byte) && !Byte.isDigit(byte) && Byte.single(byte) == nil
    }
  }

  private mutating func take(_ length: Int, _ kind: Token.Kind) -> Token.Kind {
    offset += length
    return kind
  }
}
