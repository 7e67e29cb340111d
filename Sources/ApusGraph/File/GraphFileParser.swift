import ApusIR
import ApusSupport

/// Reads a file of graphs: headers into types, bodies into a `Syntax`.
struct GraphFileParser {
  private(set) var parser: ExpressionParser
  private(set) var graphs: [GraphDeclaration] = []

  init(_ source: SourceText) {
    parser = ExpressionParser(source)
  }

  /// Reads to the end of the file; mistakes are in `parser.tokens.diagnostics`.
  mutating func parse() {
    while !parser.tokens.at(.endOfFile) {
      guard parser.tokens.at(word: "graph") else {
        let found = parser.tokens.current
        _ = parser.fail("expected 'graph', but found \(parser.tokens.shown(found))", at: found.range)
        skipToGraph()
        continue
      }
      graph()
    }
    if graphs.isEmpty, !parser.tokens.diagnostics.hasErrors {
      parser.tokens.diagnostics.error(
        "parse.empty", "the file holds no graph", at: .file(parser.tokens.source.name),
        hint: "a graph looks like: graph f(x: f32[B, 10]) { return softmax(x) }")
    }
  }

  private mutating func graph() {
    parser.tokens.advance()
    let start = parser.tokens.current.range
    var graph = GraphDeclaration(name: "", range: start)
    do {
      graph.name = try parser.name("the graph's name")
      try header(&graph)
    } catch {
      graph.isBroken = true
      guard skipToBody() else {
        if !graph.name.isEmpty { graphs.append(graph) }
        return
      }
    }
    let first = parser.syntax.count
    parser.tokens.advance()
    graph.statements = parser.statements(endsInResults: false).statements
    graph.nodes = first..<parser.syntax.count
    graph.end = parser.tokens.current.range.lowerBound
    do { try parser.expectBrace() } catch { graph.isBroken = true }
    if !graph.name.isEmpty { graphs.append(graph) }
  }

  // MARK: The header

  private mutating func header(_ graph: inout GraphDeclaration) throws(SyntaxFailure) {
    try parser.expect(.leftParen)
    var types = TypeParser(.declare(.argument), dialect: .graph)
    if !parser.tokens.at(.rightParen) {
      repeat {
        let range = parser.tokens.current.range
        let name = try parser.name("the name of a parameter")
        try parser.expect(.colon)
        guard let type = types.type(&parser.tokens, &graph.symbols) else { throw SyntaxFailure() }
        graph.parameters.append(
          GraphDeclaration.Parameter(name: name, type: type, range: range.lowerBound..<parser.tokens.previousEnd))
      } while parser.tokens.accept(.comma)
    }
    try parser.expect(.rightParen)
    if parser.tokens.accept(.arrow) { graph.results = try results(&graph.symbols) }
    guard parser.tokens.whereClause(&graph.symbols) else { throw SyntaxFailure() }
    guard parser.tokens.at(.leftBrace) else { throw parser.expected("'{'") }
  }

  /// `(y: f32[B, 10], s64[B])`.
  private mutating func results(_ symbols: inout SymbolTable) throws(SyntaxFailure) -> [GraphDeclaration.Result] {
    try parser.expect(.leftParen)
    var types = TypeParser(.lookUp, dialect: .graph)
    var results: [GraphDeclaration.Result] = []
    if !parser.tokens.at(.rightParen) {
      repeat {
        let range = parser.tokens.current.range
        var name: String?
        if parser.tokens.at(.word), parser.tokens.following.kind == .colon {
          name = try parser.name("the name of a result")
          try parser.expect(.colon)
        }
        guard let type = types.type(&parser.tokens, &symbols) else { throw SyntaxFailure() }
        results.append(
          GraphDeclaration.Result(name: name, type: type, range: range.lowerBound..<parser.tokens.previousEnd))
      } while parser.tokens.accept(.comma)
    }
    try parser.expect(.rightParen)
    return results
  }

  // MARK: Recovery

  /// After a broken header: to the `{` of its body; false if another graph starts first.
  private mutating func skipToBody() -> Bool {
    while !parser.tokens.at(.endOfFile) {
      if parser.tokens.at(.leftBrace) { return true }
      if parser.tokens.at(word: "graph"), parser.tokens.current.startsLine { return false }
      parser.tokens.advance()
    }
    return false
  }

  private mutating func skipToGraph() {
    repeat {
      parser.tokens.advance()
    } while !parser.tokens.at(.endOfFile) && !(parser.tokens.at(word: "graph") && parser.tokens.current.startsLine)
  }
}
