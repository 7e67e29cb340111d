import ApusSupport

/// A text as a row of tokens with two in sight, and the diagnostics of reading it.
///
/// Both parsers are written against it. Text that is no token is reported and skipped here, so they
/// never meet it.
public struct TokenStream: Sendable {
  public let source: SourceText
  public var diagnostics: Diagnostics
  /// The token to be read.
  public private(set) var current: Token
  /// The one after it.
  public private(set) var following: Token
  /// Where the token that was read last ends.
  public private(set) var previousEnd = 0
  private var lexer: Lexer
  /// The last line with text that is no token.
  private var brokenLine = 0..<0

  public init(_ source: SourceText, dialect: Lexer.Dialect, diagnostics: Diagnostics = Diagnostics()) {
    self.source = source
    self.diagnostics = diagnostics
    let empty = SourceText(name: source.name, bytes: [])
    if source.bytes.count > Lexer.maximumLength {
      lexer = Lexer(empty, dialect: dialect)
      self.diagnostics.error("parse.size", "the file is longer than 1 GiB", at: .file(source.name))
    } else if Self.isBinary(source.bytes) {
      lexer = Lexer(empty, dialect: dialect)
      self.diagnostics.error("parse.character", "the file is not text", at: .file(source.name))
    } else {
      lexer = Lexer(source, dialect: dialect)
    }
    current = lexer.next()
    following = current
    current = cleared(current)
    following = cleared(lexer.next())
  }

  // MARK: Reading

  @discardableResult
  public mutating func advance() -> Token {
    let token = current
    previousEnd = token.range.upperBound
    current = following
    if following.kind != .endOfFile { following = cleared(lexer.next()) }
    return token
  }

  public func at(_ kind: Token.Kind) -> Bool { current.kind == kind }

  /// Whether the current token is this word.
  public func at(word: StaticString) -> Bool { matches(current, word) }

  public func matches(_ token: Token, _ word: StaticString) -> Bool {
    let range = token.range
    guard token.kind == .word, range.count == word.utf8CodeUnitCount else { return false }
    return word.withUTF8Buffer { expected in
      source.bytes.withUnsafeBufferPointer { $0[range].elementsEqual(expected) }
    }
  }

  /// Reads the current token if it is of that kind.
  public mutating func accept(_ kind: Token.Kind) -> Bool {
    guard current.kind == kind else { return false }
    advance()
    return true
  }

  public mutating func accept(word: StaticString) -> Bool {
    guard at(word: word) else { return false }
    advance()
    return true
  }

  /// Reads a token of that kind, or reports `parse.expected` and reads nothing. `what` names it
  /// better than its kind does.
  @discardableResult
  public mutating func expect(_ kind: Token.Kind, _ what: String? = nil) -> Token? {
    if current.kind == kind { return advance() }
    expected(what ?? kind.spelling)
    return nil
  }

  /// Whether a statement may end before the current token.
  public var isAtSeparator: Bool {
    current.startsLine || at(.semicolon) || at(.rightBrace) || at(.endOfFile)
  }

  /// Reads to the end of the statement, over balanced brackets. Stops before a `}` that closes what
  /// was open before, and at the end of a line once no bracket is open.
  public mutating func skipStatement() {
    var depth = 0
    repeat {
      if at(.endOfFile) || (depth == 0 && (at(.rightBrace) || at(.semicolon))) { return }
      if at(.leftBrace) || at(.leftParen) || at(.leftBracket) { depth += 1 }
      if at(.rightBrace) || at(.rightParen) || at(.rightBracket) { depth = max(0, depth - 1) }
      advance()
    } while depth > 0 || !isAtSeparator
  }

  /// Reads a `{`, which is next, and everything up to the `}` that closes it.
  public mutating func skipBraces() {
    var depth = 0
    repeat {
      if at(.endOfFile) { return }
      if at(.leftBrace) { depth += 1 }
      if at(.rightBrace) { depth -= 1 }
      advance()
    } while depth > 0
  }

  /// Reads up to the `}` that closes the braces around the current token.
  public mutating func skipToClosingBrace() {
    while !at(.rightBrace), !at(.endOfFile) {
      if at(.leftBrace) { skipBraces() } else { advance() }
    }
  }

  // MARK: Values of tokens

  public func text(_ token: Token) -> String { source[token.range] }

  /// What a name, a string, a value or a symbol names: without `%` and `@`, escapes resolved.
  public func name(_ token: Token) -> String {
    var range = token.range
    if token.kind == .value || token.kind == .symbol { range = range.lowerBound + 1..<range.upperBound }
    guard range.lowerBound < range.upperBound, source.bytes[range.lowerBound] == Byte.quote
    else { return source[range] }
    return unescaped(range.lowerBound + 1..<range.upperBound - 1)
  }

  /// The magnitude of an integer token; `nil` if it does not fit.
  public func magnitude(_ token: Token) -> UInt64? {
    let bytes = source.bytes
    var range = token.range
    var radix: UInt64 = 10
    if isHexadecimal(token) {
      radix = 16
      range = range.lowerBound + 2..<range.upperBound
    }
    var value: UInt64 = 0
    for offset in range {
      guard let digit = Byte.hexValue(bytes[offset]) else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: radix)
      let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
      if overflow || carry { return nil }
      value = sum
    }
    return value
  }

  /// Whether an integer token is written `0x…`.
  public func isHexadecimal(_ token: Token) -> Bool {
    let start = token.range.lowerBound
    return token.kind == .integer && token.range.count > 2 && source.bytes[start + 1] | 0x20 == UInt8(ascii: "x")
  }

  /// The value of a float or integer token, rounded once to nearest; infinite where it is too large.
  public func double(_ token: Token) -> Double? {
    if isHexadecimal(token) { return magnitude(token).map(Double.init) }
    return Double(text(token))
  }

  // MARK: Complaining

  public func place(_ range: Range<Int>) -> Place { .text(source, range) }

  /// Says nothing on a line where some text was no token: one mistake is not reported twice.
  public mutating func error(
    _ id: String, _ message: String, at range: Range<Int>, notes: [Diagnostic.Note] = [], hint: String? = nil
  ) {
    if brokenLine.contains(range.lowerBound) { return }
    diagnostics.error(id, message, at: place(range), notes: notes, hint: hint)
  }

  /// Reports `parse.expected` at the current token, or behind the last one where the line has ended.
  public mutating func expected(_ what: String) {
    let isAtEnd = current.kind == .endOfFile || (current.startsLine && previousEnd > 0)
    let range = isAtEnd ? previousEnd..<previousEnd : current.range
    let found = current.kind == .endOfFile ? "the file ends" : isAtEnd ? "the line ends" : "found \(shown(current))"
    error("parse.expected", "expected \(what), but \(found)", at: range)
  }

  /// Reports `parse.expected` at the current token, though a line may have ended before it.
  public mutating func expectedHere(_ what: String) {
    let found = at(.endOfFile) ? "the file ends" : "found \(shown(current))"
    error("parse.expected", "expected \(what), but \(found)", at: current.range)
  }

  /// A token's text for a message, cut where it is long.
  public func shown(_ token: Token) -> String {
    let range = token.range
    if range.count <= 40 { return "'\(source[range])'" }
    return "'\(source[range.lowerBound..<range.lowerBound + 40])…'"
  }
}

extension TokenStream {
  /// Whether the file opens with a byte that no text opens with.
  private static func isBinary(_ bytes: [UInt8]) -> Bool {
    guard let first = bytes.first else { return false }
    if first < 0x20 { return first != Byte.tab && first != Byte.newline && first != Byte.carriageReturn }
    return first >= 0x80 && UTF8Sequence.length(in: bytes, at: 0) == nil
  }

  /// The next token that is one; those before it are reported.
  private mutating func cleared(_ token: Token) -> Token {
    var token = token
    var startsLine = token.startsLine
    while report(token) {
      token = lexer.next()
      startsLine = startsLine || token.startsLine
    }
    token.startsLine = startsLine
    return token
  }

  private mutating func report(_ token: Token) -> Bool {
    guard let (id, message) = problem(with: token) else { return false }
    diagnostics.error(id, message, at: place(token.range))
    if !brokenLine.contains(token.range.lowerBound) { brokenLine = line(around: token.range.lowerBound) }
    return true
  }

  private func line(around offset: Int) -> Range<Int> {
    let bytes = source.bytes
    var (lower, upper) = (offset, offset)
    while lower > 0, bytes[lower - 1] != Byte.newline { lower -= 1 }
    while upper < bytes.count, bytes[upper] != Byte.newline { upper += 1 }
    return lower..<upper + 1
  }

  private func problem(with token: Token) -> (id: String, message: String)? {
    if token.kind == .badCharacter {
      return ("parse.character", describeCharacter(token))
    } else if token.kind == .badNumber {
      return ("parse.number", "\(shown(token)) is no number")
    } else if token.kind == .badName {
      return ("parse.name", "\(shown(token)) starts with a digit, but is no number")
    } else if token.kind == .badString {
      return ("parse.string", describeString(token))
    }
    return nil
  }

  private func describeCharacter(_ token: Token) -> String {
    let first = source.bytes[token.range.lowerBound]
    if first < 0x20 || first == 0x7F {
      return "a control character (0x\(String(first, radix: 16))) has no meaning here"
    }
    if first < 0x80 { return "'\(Unicode.Scalar(first))' has no meaning here" }
    if UTF8Sequence.length(in: source.bytes, at: token.range.lowerBound) == nil { return "these bytes are not UTF-8" }
    return "\(shown(token)) can only stand in a string or a comment"
  }

  private func describeString(_ token: Token) -> String {
    let bytes = source.bytes[token.range]
    let isClosed = bytes.count > 1 && bytes.last == Byte.quote
    return isClosed
      ? "the string has an unknown escape, a control character, or bytes that are not UTF-8"
      : "the string is not closed before the line ends"
  }

  private func unescaped(_ range: Range<Int>) -> String {
    let bytes = source.bytes
    var result: [UInt8] = []
    result.reserveCapacity(range.count)
    var offset = range.lowerBound
    while offset < range.upperBound {
      guard bytes[offset] == Byte.backslash else {
        result.append(bytes[offset])
        offset += 1
        continue
      }
      if let simple = Byte.simpleEscape(bytes[offset + 1]) {
        result.append(simple)
        offset += 2
        continue
      }
      offset += 3
      var value: UInt32 = 0
      while let digit = Byte.hexValue(bytes[offset]) {
        value = value << 4 | UInt32(digit)
        offset += 1
      }
      offset += 1
      if let scalar = Unicode.Scalar(value) { result += Array(String(Character(scalar)).utf8) }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
