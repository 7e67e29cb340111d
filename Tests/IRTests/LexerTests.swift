import ApusSupport
import Testing

@testable import ApusIR

private func kinds(_ text: String, _ dialect: Lexer.Dialect = .ir) -> [Token.Kind] {
  var lexer = Lexer(SourceText(name: "t", text: text), dialect: dialect)
  var found: [Token.Kind] = []
  while true {
    let token = lexer.next()
    if token.kind == .endOfFile { return found }
    found.append(token.kind)
  }
}

@Test func tokensOfBothDialects() {
  #expect(kinds("func @f.1(%x: f32[B])") == [
    .word, .symbol, .leftParen, .value, .colon, .word, .leftBracket, .word, .rightBracket, .rightParen,
  ])
  #expect(kinds("x @ w % y", .graph) == [.word, .at, .word, .percent, .word])
  #expect(kinds("-> .. ... == != <= >= && || << >> < > = ! & | ^ ~ ? .") == [
    .arrow, .dotDot, .ellipsis, .equalEqual, .notEqual, .lessEqual, .greaterEqual, .andAnd, .orOr, .shiftLeft,
    .shiftRight, .less, .greater, .equal, .not, .and, .or, .caret, .tilde, .question, .dot,
  ])
  #expect(kinds("1...512 1. 1.5 2e3 2e-3 2e 0xff 0x 1..") == [
    .integer, .ellipsis, .integer, .integer, .dot, .float, .float, .float, .badNumber, .integer, .badNumber, .integer,
    .dotDot,
  ])
  #expect(kinds("%0 %12a %a.b.0 %a. %\"any \\\" text\" @\"\"") == [
    .value, .badName, .value, .value, .dot, .value, .symbol,
  ])
  #expect(kinds("\"a\\n\\u{1F600}\" \"\\q\" \"open\n\"") == [.string, .badString, .badString, .badString])
  #expect(kinds("a // comment \u{e9} \n b") == [.word, .word])
  #expect(kinds("\u{FEFF}a") == [.word])
}

@Test func stringsThatAreNotUTF8() {
  let sequences: [[UInt8]] = [
    [0x80], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82],
  ]
  for bytes in sequences {
    var lexer = Lexer(SourceText(name: "t", bytes: [0x22] + bytes + [0x22]), dialect: .ir)
    #expect(lexer.next().kind == .badString)
    lexer = Lexer(SourceText(name: "t", bytes: bytes + [0x20, 0x61]), dialect: .ir)
    #expect(lexer.next().kind == .badCharacter)
    #expect(lexer.next().kind == .word)
  }
}

@Test func linesAndNames() {
  var tokens = TokenStream(SourceText(name: "t", text: "a b\n  c \"x\\ty\" %\"p q\" 0xFf"), dialect: .ir)
  #expect(tokens.advance().startsLine)
  #expect(!tokens.advance().startsLine)
  #expect(tokens.current.startsLine)
  tokens.advance()
  #expect(tokens.name(tokens.advance()) == "x\ty")
  #expect(tokens.name(tokens.advance()) == "p q")
  #expect(tokens.magnitude(tokens.advance()) == 255)
  #expect(tokens.at(.endOfFile))
}

@Test(arguments: [
  ("B*T", "B*T"), ("T + 1", "T + 1"), ("1 + T - 1", "T"), ("T floordiv 2", "floordiv(T, 2)"),
  ("(T + 3) / 2", "floordiv(T + 3, 2)"),
  ("4*T / 2", "2*T"), ("T mod 2", "mod(T, 2)"), ("ceildiv(T, 4)", "floordiv(T + 3, 4)"),
  ("min(B, max(T, 3))", "min(B, max(3, T))"),
  ("2 - B", "2 - B"), ("-B", "-B"), ("-(B - 5)", "5 - B"), ("2*(B + T)", "2*B + 2*T"), ("\"a b\"", "\"a b\""),
  ("min", "min"),
  ("B*B", "B*B"), ("0*B", "0"),
])
func dimensionsPrintInNormalForm(_ text: String, _ expected: String) {
  var tokens = TokenStream(SourceText(name: "t", text: text), dialect: .ir)
  var symbols = SymbolTable()
  _ = symbols.intern("B")
  var parser = DimParser(.declare(.argument))
  guard let dim = parser.dim(&tokens, &symbols) else {
    Issue.record("\(tokens.diagnostics.list)")
    return
  }
  #expect(tokens.at(.endOfFile))
  #expect(symbols.text(dim) == expected)
  tokens = TokenStream(SourceText(name: "t", text: expected), dialect: .ir)
  #expect(parser.dim(&tokens, &symbols) == dim)
}

@Test(arguments: [
  ("B +", "parse.expected"), ("1.5", "parse.expected"), ("B / 0", "dim.division"), ("mod(B, 1 - 1)", "dim.division"),
  ("9223372036854775808", "dim.overflow"), ("99999999999999999999", "parse.number"),
  ("4611686018427387904 * 2", "dim.overflow"),
  ("min(B)", "parse.expected"), ("(B", "parse.expected"),
])
func wrongDimensions(_ text: String, _ id: String) {
  var tokens = TokenStream(SourceText(name: "t", text: text), dialect: .ir)
  var symbols = SymbolTable()
  var parser = DimParser(.declare(.argument))
  #expect(parser.dim(&tokens, &symbols) == nil)
  #expect(tokens.diagnostics.list.map(\.id) == [id])
}
