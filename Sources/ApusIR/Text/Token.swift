import ApusSupport

/// A piece of text in either language: what it is and where it lies.
public struct Token: Hashable, Sendable, BitwiseCopyable {
  public enum Kind: UInt8, Hashable, Sendable, BitwiseCopyable {
    case endOfFile
    /// A letter or `_`, then letters, digits and `_`. `nan`, `inf`, `true` and keywords are words too.
    case word
    /// `%name`, `%0` or `%"any text"`; only in `.ir`.
    case value
    /// `@name` or `@"any text"`; only in `.ir`.
    case symbol
    /// Decimal or `0x…` digits, without a sign.
    case integer
    /// Digits with a fraction, an exponent or both, without a sign.
    case float
    /// `"…"` with the escapes `\n \t \r \0 \" \\ \u{…}`.
    case string

    case leftParen, rightParen, leftBracket, rightBracket, leftBrace, rightBrace
    case less, greater, lessEqual, greaterEqual, equal, equalEqual, notEqual
    case shiftLeft, shiftRight, andAnd, orOr, and, or, caret, tilde, not
    case plus, minus, star, slash, percent, at, arrow
    case comma, semicolon, colon, question, dot, dotDot, ellipsis

    /// Text that is no token; `TokenStream` reports it and goes on behind it.
    case badCharacter, badString, badNumber, badName
  }

  public var kind: Kind
  /// A line break lies between this token and the one before.
  public var startsLine: Bool
  private var lower: UInt32
  private var upper: UInt32

  init(_ kind: Kind, _ range: Range<Int>, startsLine: Bool) {
    self.kind = kind
    self.startsLine = startsLine
    lower = UInt32(truncatingIfNeeded: range.lowerBound)
    upper = UInt32(truncatingIfNeeded: range.upperBound)
  }

  /// Bytes of the text.
  public var range: Range<Int> { Int(lower)..<Int(upper) }
}

extension Token.Kind {
  /// How a diagnostic names it: "expected ','".
  public var spelling: String {
    switch self {
    case .endOfFile: "the end of the file"
    case .word: "a name"
    case .value: "a value (%name)"
    case .symbol: "a name that starts with @"
    case .integer: "an integer"
    case .float: "a number"
    case .string: "a string"
    case .leftParen: "'('"
    case .rightParen: "')'"
    case .leftBracket: "'['"
    case .rightBracket: "']'"
    case .leftBrace: "'{'"
    case .rightBrace: "'}'"
    case .less: "'<'"
    case .greater: "'>'"
    case .lessEqual: "'<='"
    case .greaterEqual: "'>='"
    case .equal: "'='"
    case .equalEqual: "'=='"
    case .notEqual: "'!='"
    case .shiftLeft: "'<<'"
    case .shiftRight: "'>>'"
    case .andAnd: "'&&'"
    case .orOr: "'||'"
    case .and: "'&'"
    case .or: "'|'"
    case .caret: "'^'"
    case .tilde: "'~'"
    case .not: "'!'"
    case .plus: "'+'"
    case .minus: "'-'"
    case .star: "'*'"
    case .slash: "'/'"
    case .percent: "'%'"
    case .at: "'@'"
    case .arrow: "'->'"
    case .comma: "','"
    case .semicolon: "';'"
    case .colon: "':'"
    case .question: "'?'"
    case .dot: "'.'"
    case .dotDot: "'..'"
    case .ellipsis: "'...'"
    case .badCharacter, .badString, .badNumber, .badName: "text that is no token"
    }
  }
}
