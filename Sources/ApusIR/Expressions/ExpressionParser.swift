import ApusSupport
import ApusTensor

/// A mistake in the text, already reported.
package struct SyntaxFailure: Error {
  package init() {}
}

/// Reads the expressions and statements of the graph language (IR-specs/language.md) into a `Syntax`.
///
/// Recursive descent with precedence climbing. Chains of operators take no stack, and everything
/// that nests counts against `maximumNesting`, so no text overflows the stack. A mistake ends its
/// statement and is reported; reading goes on with the next one.
package struct ExpressionParser {
  /// How deep brackets, blocks and signs may nest. Lowering recurses over the same levels.
  package static let maximumNesting = 256

  package var tokens: TokenStream
  package var syntax: Syntax
  private var nesting = 0
  /// Open `(` and `[` of the current block: line ends inside them do not count.
  var openBrackets = 0
  /// Where the current statement starts: text that was no token silences what follows from it.
  var statementStart = 0
  /// The end of the line of the last mistake.
  var reportedUpTo = -1

  package init(_ source: SourceText, diagnostics: Diagnostics = Diagnostics()) {
    tokens = TokenStream(source, dialect: .graph, diagnostics: diagnostics)
    syntax = Syntax(source: source)
  }

  /// Names with a meaning of their own, which nothing can be called.
  package static let keywords: Set<String> = [
    "graph", "weight", "assert", "for", "in", "return", "if", "else", "while", "where", "true", "false", "inf", "nan",
  ]

  // MARK: Expressions

  package mutating func expression() throws(SyntaxFailure) -> NodeID {
    try enter()
    defer { leave() }
    if tokens.at(word: "if") { return try conditional() }
    if tokens.at(word: "while") { return try loop() }
    return try binary(atLeast: 1)
  }

  /// `a, b, c`; at least one.
  package mutating func expressions() throws(SyntaxFailure) -> [NodeID] {
    var list = [try expression()]
    while !endsHere, tokens.accept(.comma) { list.append(try expression()) }
    return list
  }

  /// Climbs precedences: each loop consumes the operators of one level from left to right.
  private mutating func binary(atLeast precedence: Int) throws(SyntaxFailure) -> NodeID {
    let start = tokens.current.range.lowerBound
    var left = try unary()
    while let found = infix(), found.precedence >= precedence {
      let position = tokens.current.range
      tokens.advance()
      if found == .concatenate { tokens.advance() }
      if startsStatement { throw missingOperand(of: found) }
      let right = try binary(atLeast: found.precedence + 1)
      left = syntax.append(.binary(found, left, right), start..<tokens.previousEnd)
      if found.isComparison, let next = infix(), next.isComparison {
        throw fail(
          "comparisons do not chain; write a < b && b < c", at: position.lowerBound..<tokens.current.range.upperBound)
      }
    }
    return left
  }

  private mutating func unary() throws(SyntaxFailure) -> NodeID {
    guard tokens.at(.minus) || tokens.at(.not) else { return try postfix() }
    try enter()
    defer { leave() }
    let sign = tokens.advance()
    let operand = try unary()
    let operation: UnaryOperator = sign.kind == .minus ? .minus : .not
    return syntax.append(.unary(operation, operand), sign.range.lowerBound..<tokens.previousEnd)
  }

  private mutating func postfix() throws(SyntaxFailure) -> NodeID {
    let start = tokens.current.range.lowerBound
    var node = try primary()
    while !endsHere, tokens.at(.leftBracket) {
      try open(.leftBracket)
      if accept(.colon) {
        let upper = tokens.at(.rightBracket) ? nil : try expression()
        try close(.rightBracket)
        node = syntax.append(.range(node, lower: nil, upper: upper), start..<tokens.previousEnd)
        continue
      }
      let first = try expression()
      if accept(.colon) {
        let upper = tokens.at(.rightBracket) ? nil : try expression()
        try close(.rightBracket)
        node = syntax.append(.range(node, lower: first, upper: upper), start..<tokens.previousEnd)
      } else {
        try close(.rightBracket)
        node = syntax.append(.index(node, first), start..<tokens.previousEnd)
      }
    }
    return node
  }

  private mutating func primary() throws(SyntaxFailure) -> NodeID {
    let token = tokens.current
    if endsHere, tokens.previousEnd > 0, openBrackets > 0 || tokens.at(.rightBrace) || tokens.at(.endOfFile) {
      throw expected("an expression")
    }
    if token.kind == .integer || token.kind == .float { return try number() }
    if token.kind == .string {
      tokens.advance()
      return syntax.append(.string(tokens.name(token)), token.range)
    }
    if token.kind == .leftBracket { return try list() }
    if token.kind == .leftParen {
      try open(.leftParen)
      let inner = try expression()
      try close(.rightParen)
      return inner
    }
    if token.kind == .word { return try word() }
    throw expected("an expression")
  }

  private mutating func number() throws(SyntaxFailure) -> NodeID {
    let token = tokens.advance()
    if tokens.at(.dot), tokens.current.range.lowerBound == token.range.upperBound {
      throw fail(
        "a number has one point", id: "parse.number", at: token.range.lowerBound..<tokens.current.range.upperBound)
    }
    if token.kind == .integer {
      guard let magnitude = tokens.magnitude(token) else {
        throw fail("\(tokens.shown(token)) does not fit in 64 bits", id: "parse.number", at: token.range)
      }
      return syntax.append(.integer(magnitude), token.range)
    }
    guard let value = tokens.double(token), value.isFinite else {
      throw fail("\(tokens.shown(token)) is larger than any number; write inf", id: "parse.number", at: token.range)
    }
    return syntax.append(.float(value), token.range)
  }

  private mutating func word() throws(SyntaxFailure) -> NodeID {
    let token = tokens.current
    let name = tokens.text(token)
    if Self.keywords.contains(name) { return try keyword(name) }
    tokens.advance()
    if !endsHere, tokens.at(.leftParen) {
      let arguments = try self.arguments()
      return syntax.append(.call(name, arguments), token.range.lowerBound..<tokens.previousEnd)
    }
    return syntax.append(.name(name), token.range)
  }

  private mutating func keyword(_ name: String) throws(SyntaxFailure) -> NodeID {
    let kind: Syntax.Node.Kind
    switch name {
    case "true": kind = .bool(true)
    case "false": kind = .bool(false)
    case "inf": kind = .float(.infinity)
    case "nan": kind = .float(.nan)
    case "if": return try conditional()
    case "while": return try loop()
    default: throw expected("an expression")
    }
    return syntax.append(kind, tokens.advance().range)
  }

  private mutating func list() throws(SyntaxFailure) -> NodeID {
    let start = tokens.current.range.lowerBound
    try open(.leftBracket)
    var elements: [NodeID] = []
    if !tokens.at(.rightBracket) {
      repeat { elements.append(try expression()) } while accept(.comma)
    }
    try close(.rightBracket)
    return syntax.append(.list(elements), start..<tokens.previousEnd)
  }

  /// `(a, b, label: c)`; what has no label comes first.
  package mutating func arguments() throws(SyntaxFailure) -> [Syntax.Argument] {
    try open(.leftParen)
    var arguments: [Syntax.Argument] = []
    if !tokens.at(.rightParen) {
      repeat {
        let start = tokens.current.range.lowerBound
        var label: String?
        if tokens.at(.word), tokens.following.kind == .colon {
          label = tokens.text(tokens.advance())
          tokens.advance()
        } else if let last = arguments.last, last.label != nil {
          throw expected("a label: operands come before what has one")
        }
        let value = try expression()
        arguments.append(Syntax.Argument(label: label, value: value, range: start..<tokens.previousEnd))
      } while accept(.comma)
    }
    try close(.rightParen)
    return arguments
  }

  // MARK: Control flow

  private mutating func conditional() throws(SyntaxFailure) -> NodeID {
    let start = tokens.advance().range.lowerBound
    try enter()
    defer { leave() }
    let condition = try expression()
    let then = try block()
    guard tokens.accept(word: "else") else { throw expected("'else'") }
    let otherwise = try block()
    return syntax.append(.conditional(condition, then: then, else: otherwise), start..<tokens.previousEnd)
  }

  private mutating func loop() throws(SyntaxFailure) -> NodeID {
    let start = tokens.advance().range.lowerBound
    try enter()
    defer { leave() }
    var carried: [Syntax.Carried] = []
    repeat {
      let first = tokens.current.range.lowerBound
      let name = try self.name("the name of what the loop carries")
      try expect(.equal)
      let value = try expression()
      carried.append(Syntax.Carried(name: name, value: value, range: first..<tokens.previousEnd))
    } while accept(.comma)
    try expect(.semicolon)
    let condition = try expression()
    let body = try block()
    return syntax.append(.loop(carried, condition: condition, body: body), start..<tokens.previousEnd)
  }

  // MARK: Nesting

  mutating func enter() throws(SyntaxFailure) {
    nesting += 1
    guard nesting <= Self.maximumNesting else {
      nesting -= 1
      throw fail(
        "this nests more than \(Self.maximumNesting) levels deep", id: "parse.nesting", at: tokens.current.range)
    }
  }

  mutating func leave() { nesting -= 1 }
}
