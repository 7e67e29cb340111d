import ApusSupport
import ApusTensor

extension ExpressionParser {
  /// `{ statement … a, b }`: ends in the expressions that it stands for.
  mutating func block() throws(SyntaxFailure) -> Syntax.Block {
    try enter()
    defer { leave() }
    let outer = openBrackets
    defer { openBrackets = outer }
    openBrackets = 0
    let start = tokens.current.range.lowerBound
    try expect(.leftBrace)
    let (statements, results) = self.statements(endsInResults: true)
    try expectBrace()
    return Syntax.Block(statements: statements, results: results, range: start..<tokens.previousEnd)
  }

  /// The text of a composite's body: like a block, without braces.
  package mutating func body() -> Syntax.Block {
    let (statements, results) = self.statements(endsInResults: true)
    if !tokens.at(.endOfFile) { _ = expected("the end of the body") }
    return Syntax.Block(statements: statements, results: results, range: 0..<tokens.source.bytes.count)
  }

  /// The statements up to a `}` or the end of the text. With `endsInResults` the last one is a list
  /// of expressions, else `return`.
  package mutating func statements(endsInResults: Bool) -> (statements: [Syntax.Statement], results: [NodeID]) {
    var statements: [Syntax.Statement] = []
    var results: [NodeID] = []
    var isEnded = false
    while true {
      while tokens.accept(.semicolon) {}
      if tokens.at(.rightBrace) || tokens.at(.endOfFile) { break }
      let start = tokens.current.range.lowerBound
      statementStart = start
      openBrackets = 0
      do throws(SyntaxFailure) {
        if isEnded { throw fail("expected '}' behind the result", at: tokens.current.range) }
        let item = try statement(endsInResults: endsInResults)
        guard tokens.isAtSeparator else { throw expected("the end of the statement") }
        switch item {
        case .statement(let statement):
          statements.append(statement)
          if case .result = statement.kind { isEnded = true }
        case .results(let list):
          results = list
          isEnded = true
        }
      } catch {
        let names = boundNames(from: start)
        recover(from: start)
        statements.append(Syntax.Statement(kind: .invalid(names), range: start..<tokens.previousEnd))
        isEnded = isEnded || tokens.at(.rightBrace)
      }
    }
    if endsInResults, !isEnded { _ = expected("an expression that the block stands for") }
    return (statements, results)
  }

  private enum Item {
    case statement(Syntax.Statement)
    case results([NodeID])
  }

  private mutating func statement(endsInResults: Bool) throws(SyntaxFailure) -> Item {
    let start = tokens.current.range.lowerBound
    if !endsInResults, tokens.accept(word: "return") {
      guard !tokens.isAtSeparator else { throw expected("what the graph returns") }
      let values = try expressions()
      return .statement(Syntax.Statement(kind: .result(values), range: start..<tokens.previousEnd))
    }
    if tokens.at(word: "assert"), tokens.following.kind == .leftParen { return .statement(try assertion()) }
    if tokens.at(word: "for") { return .statement(try repetition()) }
    let list = try expressions()
    guard tokens.at(.equal), !tokens.current.startsLine else {
      if endsInResults { return .results(list) }
      throw expected("'=' and a value, or 'return'")
    }
    var names: [String] = []
    for node in list {
      guard case .name(let name) = syntax[node].kind else {
        throw fail("only a name can be bound", at: syntax[node].range)
      }
      names.append(name)
    }
    tokens.advance()
    if startsStatement { throw expected("an expression", behindLast: true) }
    if tokens.at(word: "weight") {
      guard names.count == 1 else { throw fail("a weight has one name", at: start..<tokens.current.range.upperBound) }
      let value = try weight(names[0])
      return .statement(Syntax.Statement(kind: .bind(names, value), range: start..<tokens.previousEnd))
    }
    let value = try expression()
    return .statement(Syntax.Statement(kind: .bind(names, value), range: start..<tokens.previousEnd))
  }

  private mutating func assertion() throws(SyntaxFailure) -> Syntax.Statement {
    let start = tokens.advance().range.lowerBound
    try open(.leftParen)
    let condition = try expression()
    try expect(.comma)
    guard tokens.at(.string) else { throw expected("a message in quotes") }
    let message = tokens.name(tokens.advance())
    try close(.rightParen)
    return Syntax.Statement(kind: .assert(condition, message), range: start..<tokens.previousEnd)
  }

  private mutating func repetition() throws(SyntaxFailure) -> Syntax.Statement {
    try enter()
    defer { leave() }
    let start = tokens.advance().range.lowerBound
    let name = try self.name("a name")
    guard tokens.accept(word: "in") else { throw expected("'in'") }
    let list = try expression()
    try expect(.leftBrace)
    let (statements, _) = self.statements(endsInResults: false)
    try expectBrace()
    for statement in statements {
      if case .result = statement.kind { throw fail("'return' ends a graph, not a loop", at: statement.range) }
    }
    return Syntax.Statement(kind: .repeated(name, over: list, statements), range: start..<tokens.previousEnd)
  }

  // MARK: Weights

  private mutating func weight(_ binding: String) throws(SyntaxFailure) -> NodeID {
    let start = tokens.advance().range.lowerBound
    let type = try self.type()
    var source = Syntax.WeightSyntax.Source.neighbour
    if !tokens.current.startsLine {
      if tokens.accept(word: "from") {
        guard tokens.at(.string) else { throw expected("the name of a file in quotes") }
        let file = tokens.advance()
        var name: String?
        if tokens.at(word: "name"), tokens.following.kind == .colon {
          tokens.advance()
          tokens.advance()
          guard tokens.at(.string) else { throw expected("the name of an array in quotes") }
          name = tokens.name(tokens.advance())
        }
        source = .file(tokens.name(file), name: name, range: file.range)
      } else if tokens.at(word: "random"), tokens.following.kind == .leftParen {
        tokens.advance()
        source = .random(try arguments())
      } else if tokens.accept(.equal) {
        source = .literal(try expression())
      }
    }
    let weight = Syntax.WeightSyntax(type: type, source: source, binding: binding)
    return syntax.append(.weight(weight), start..<tokens.previousEnd)
  }

  /// `f32[B, 10]`, its dimensions as expressions.
  private mutating func type() throws(SyntaxFailure) -> Syntax.TypeSyntax {
    let start = tokens.current.range.lowerBound
    guard tokens.at(.word), tokens.following.kind == .leftBracket else { throw expected("a type such as f32[10]") }
    let token = tokens.advance()
    guard let element = ElementType(name: tokens.text(token)) else {
      throw fail("no element type is called \(tokens.shown(token))", id: "type.unknown", at: token.range)
    }
    try open(.leftBracket)
    var dims: [NodeID] = []
    if !tokens.at(.rightBracket) {
      repeat { dims.append(try expression()) } while accept(.comma)
    }
    try close(.rightBracket)
    return Syntax.TypeSyntax(element: element, dims: dims, range: start..<tokens.previousEnd)
  }

  // MARK: Recovery

  /// What a statement that failed would have bound.
  private func boundNames(from start: Int) -> [String] {
    var lexer = TokenStream(
      SourceText(name: "", text: tokens.source[start..<max(start, tokens.previousEnd)]), dialect: .graph)
    var names: [String] = []
    while lexer.at(.word) {
      names.append(lexer.text(lexer.advance()))
      if lexer.at(.equal) { return names }
      guard lexer.accept(.comma) else { break }
    }
    return []
  }

  /// Goes to the start of a statement: past what is left of the broken one, brackets and blocks that
  /// it opened included, but never past a line that looks like a new statement or a `}` of its block.
  private mutating func recover(from start: Int) {
    var brackets = openBrackets
    var braces = 0
    openBrackets = 0
    var hasMoved = tokens.current.range.lowerBound > start
    while !tokens.at(.endOfFile) {
      if hasMoved, braces == 0 {
        if tokens.at(.rightBrace) || (tokens.at(.semicolon) && brackets == 0) { return }
        if tokens.current.startsLine, brackets == 0 || startsStatement { return }
      }
      if tokens.at(.leftParen) || tokens.at(.leftBracket) { brackets += 1 }
      if tokens.at(.rightParen) || tokens.at(.rightBracket) { brackets = max(0, brackets - 1) }
      if tokens.at(.leftBrace) {
        braces += 1
        brackets = 0
      }
      if tokens.at(.rightBrace) { braces = max(0, braces - 1) }
      tokens.advance()
      hasMoved = true
    }
  }
}

// MARK: - Tokens

extension ExpressionParser {
  /// Whether a statement may end before the current token.
  var endsHere: Bool {
    openBrackets == 0 ? tokens.isAtSeparator : tokens.at(.rightBrace) || tokens.at(.endOfFile)
  }

  /// Whether a new line begins here that can only be a statement.
  var startsStatement: Bool {
    guard tokens.current.startsLine else { return false }
    if tokens.at(.rightBrace) || tokens.at(.endOfFile) { return true }
    guard tokens.at(.word) else { return false }
    return tokens.following.kind == .equal || tokens.at(word: "return") || tokens.at(word: "for")
      || tokens.at(word: "graph")
  }

  func infix() -> BinaryOperator? {
    guard !endsHere else { return nil }
    switch tokens.current.kind {
    case .orOr: return .or
    case .andAnd: return .and
    case .equalEqual: return .equal
    case .notEqual: return .notEqual
    case .less: return .less
    case .lessEqual: return .lessEqual
    case .greater: return .greater
    case .greaterEqual: return .greaterEqual
    case .plus:
      let following = tokens.following
      let isDouble = following.kind == .plus && following.range.lowerBound == tokens.current.range.upperBound
      return isDouble ? .concatenate : .add
    case .minus: return .subtract
    case .star: return .multiply
    case .slash: return .divide
    case .percent: return .remainder
    case .at: return .matmul
    case .endOfFile, .word, .value, .symbol, .integer, .float, .string, .leftParen, .rightParen, .leftBracket,
      .rightBracket, .leftBrace, .rightBrace, .equal, .shiftLeft, .shiftRight, .and, .or, .caret, .tilde, .not, .arrow,
      .comma, .semicolon, .colon, .question, .dot, .dotDot, .ellipsis, .badCharacter, .badString, .badNumber, .badName:
      return nil
    }
  }

  mutating func accept(_ kind: Token.Kind) -> Bool { tokens.accept(kind) }

  mutating func open(_ kind: Token.Kind) throws(SyntaxFailure) {
    try expect(kind)
    openBrackets += 1
  }

  mutating func close(_ kind: Token.Kind) throws(SyntaxFailure) {
    guard tokens.at(kind) else { throw expected(kind.spelling) }
    openBrackets -= 1
    tokens.advance()
  }

  package mutating func expect(_ kind: Token.Kind) throws(SyntaxFailure) {
    guard tokens.accept(kind) else { throw expected(kind.spelling) }
  }

  /// A `}`. At the end of a text that was wrong already, its absence says nothing new.
  package mutating func expectBrace() throws(SyntaxFailure) {
    if tokens.at(.endOfFile), tokens.diagnostics.hasErrors { throw SyntaxFailure() }
    try expect(.rightBrace)
  }

  package mutating func name(_ what: String) throws(SyntaxFailure) -> String {
    guard tokens.at(.word) else { throw expected(what) }
    let name = tokens.text(tokens.current)
    guard !Self.keywords.contains(name) else { throw expected(what) }
    tokens.advance()
    return name
  }

  // MARK: Complaining

  /// Reports `parse.expected` at the current token, or behind the last one where the line has ended.
  package mutating func expected(_ what: String, behindLast: Bool = false) -> SyntaxFailure {
    let isAtEnd = tokens.at(.endOfFile) || (tokens.current.startsLine && tokens.previousEnd > 0) || behindLast
    let range = isAtEnd ? tokens.previousEnd..<tokens.previousEnd : tokens.current.range
    let found =
      tokens.at(.endOfFile) ? "the file ends" : isAtEnd ? "the line ends" : "found \(tokens.shown(tokens.current))"
    return fail("expected \(what), but \(found)", at: range)
  }

  mutating func missingOperand(of operation: BinaryOperator) -> SyntaxFailure {
    expected("what stands right of '\(operation.rawValue)'", behindLast: true)
  }

  /// Reports an error, unless text of this statement that is no token has caused it.
  package mutating func fail(_ message: String, id: String = "parse.expected", at range: Range<Int>) -> SyntaxFailure {
    guard range.lowerBound > reportedUpTo, !followsFromLexicalError else { return SyntaxFailure() }
    tokens.error(id, message, at: range)
    // One mistake a line: what recovery makes of the rest says nothing.
    let bytes = tokens.source.bytes
    reportedUpTo = bytes[range.lowerBound...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
    return SyntaxFailure()
  }

  private var followsFromLexicalError: Bool {
    let ids: Set<String> = ["parse.character", "parse.string", "parse.name", "parse.number"]
    let reach = statementStart..<tokens.current.range.upperBound
    return tokens.diagnostics.list.suffix(8).contains { diagnostic in
      guard ids.contains(diagnostic.id), case .text(_, let range) = diagnostic.place else { return false }
      return reach.contains(range.lowerBound)
    }
  }
}
