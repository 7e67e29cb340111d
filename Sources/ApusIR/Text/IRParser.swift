import ApusSupport
import ApusTensor

/// Where the parser gets the files that large constants lie in.
public protocol ConstantLoader: Sendable {
  /// The bytes of a file, named as the IR text names it: relative to the folder of that text.
  /// Throws `file.missing` and the like.
  func load(_ file: String) throws(DiagnosticError) -> TensorStorage
}

/// Refuses every file: for text that comes without a folder.
public struct NoConstants: ConstantLoader {
  public init() {}
  public func load(_ file: String) throws(DiagnosticError) -> TensorStorage {
    throw DiagnosticError(id: "file.missing", "there is no folder to look for '\(file)' in")
  }
}

extension Module {
  /// Reads `.ir` text, as `IR-specs/text.md` defines it. The module is well formed as text; whether
  /// its types and regions are right, `verify` says.
  ///
  /// Throws everything that is wrong, at most a hundred errors.
  public static func parse(
    _ source: SourceText, constants: some ConstantLoader = NoConstants()
  ) throws(DiagnosticError) -> Module {
    var parser = IRParser(source)
    parser.file(constants)
    try parser.tokens.diagnostics.throwIfErrors()
    return parser.module
  }
}

/// Reads a module. Generic over `OpInfo`: no op has code of its own here.
struct IRParser {
  /// The deepest nesting of regions.
  static let maximumDepth = 256
  static let version = 1

  var tokens: TokenStream
  var module = Module()
  /// The function being read.
  var function = Function(name: "")
  var types = TypeParser(.lookUp, dialect: .ir)
  var scope = ValueScope()
  var depth = 0
  /// Of the open regions, those that may not run.
  var conditionalDepth = 0
  var seenObligations: Set<Obligation> = []
  var inference = InferenceCache()
  var constantUses: [ConstantUse] = []
  /// The constant that the op being read names, until there is an op to note it for.
  var deferredConstant: (name: String, range: Range<Int>)?

  init(_ source: SourceText) { tokens = TokenStream(source, dialect: .ir) }
}

// MARK: - Files and functions

extension IRParser {
  mutating func file(_ constants: some ConstantLoader) {
    guard header() else { return }
    while !tokens.at(.endOfFile), !tokens.diagnostics.isFull {
      if tokens.at(word: "func") {
        functionDefinition()
      } else if tokens.at(word: "constants") {
        constantTable(constants)
      } else {
        tokens.expected("'func' or 'constants'")
        skipToDefinition()
      }
    }
    for use in constantUses where !use.isResolved {
      tokens.error("name.unknown", "no constant is called '@\(use.name)'", at: use.range)
    }
  }

  private mutating func header() -> Bool {
    if tokens.at(.endOfFile) {
      if !tokens.diagnostics.hasErrors {
        tokens.diagnostics.error("parse.empty", "the file is empty", at: .file(tokens.source.name))
      }
      return false
    }
    let start = tokens.current.range.lowerBound
    if tokens.accept(word: "apus"), tokens.accept(.minus), tokens.accept(word: "ir"), tokens.at(.integer) {
      if tokens.magnitude(tokens.advance()) == UInt64(Self.version) { return true }
    } else if tokens.diagnostics.hasErrors {
      // Not a text at all: one kind of complaint is enough.
      return false
    }
    tokens.error(
      "parse.header", "the file does not open with 'apus-ir \(Self.version)'",
      at: start..<max(tokens.previousEnd, start))
    return false
  }

  private mutating func skipToDefinition() {
    repeat {
      tokens.skipStatement()
      if tokens.at(.rightBrace) || tokens.at(.semicolon) { tokens.advance() }
    } while !tokens.at(.endOfFile) && !tokens.at(word: "func") && !tokens.at(word: "constants")
  }

  private mutating func functionDefinition() {
    tokens.advance()
    function = Function(name: "")
    scope = ValueScope()
    seenObligations = []
    inference = InferenceCache()
    types = TypeParser(.declare(.argument), dialect: .ir)
    let nameToken = tokens.current
    let firstUse = constantUses.count
    guard functionHeader() else { return skipToDefinition() }
    types.dims.names = .declare(.value)
    guard tokens.expect(.leftBrace) != nil else { return skipToDefinition() }
    body(of: function.entry, ending: .return)
    reportMissing(since: nameToken.range.lowerBound)
    if module.find(function.name) != nil {
      tokens.error("name.redefined", "two functions are called \(tokens.shown(nameToken))", at: nameToken.range)
      constantUses.removeSubrange(firstUse...)
    } else {
      module.add(function)
    }
  }

  /// Everything up to the opening brace; false if it could not be read.
  private mutating func functionHeader() -> Bool {
    guard let name = tokens.expect(.symbol, "'@' and the name of the function") else { return false }
    function.name = tokens.name(name)
    guard symbolList(), tokens.expect(.leftParen) != nil, parameterList() else { return false }
    types.dims.names = .declare(.value)
    if tokens.accept(.arrow) { guard resultList() else { return false } }
    guard tokens.whereClause(&function.symbols, names: .declare(.value)) else { return false }
    guard tokens.accept(word: "phase") else { return true }
    let token = tokens.current
    guard tokens.expect(.word) != nil else { return false }
    guard let phase = Phase(rawValue: tokens.text(token)) else {
      tokens.error("phase.unknown", "no phase is called \(tokens.shown(token))", at: token.range)
      return false
    }
    function.phase = phase
    return true
  }

  /// `[B, T, N?]`: the order of the symbols where that of their first use is another. `N?` is one that
  /// the arguments do not bind.
  private mutating func symbolList() -> Bool {
    guard tokens.accept(.leftBracket) else { return true }
    repeat {
      guard tokens.at(.word) || tokens.at(.string) else {
        tokens.expected("the name of a dimension")
        return false
      }
      let token = tokens.advance()
      let name = tokens.name(token)
      if function.symbols.find(name) != nil {
        tokens.error("name.redefined", "\(tokens.shown(token)) stands here twice", at: token.range)
        return false
      }
      _ = function.symbols.append(Symbol(name: name, origin: tokens.accept(.question) ? .value : .argument))
    } while tokens.accept(.comma)
    return tokens.expect(.rightBracket) != nil
  }

  private mutating func parameterList() -> Bool {
    if tokens.accept(.rightParen) { return true }
    repeat {
      guard let token = tokens.expect(.value), tokens.expect(.colon) != nil,
        let type = types.type(&tokens, &function.symbols)
      else { return false }
      let value = function.addParameter(type, name: valueName(token))
      let range = token.range.lowerBound..<tokens.previousEnd
      function.setLocation(function.addLocation(.place(tokens.place(range))), of: value)
      define(token, value)
    } while tokens.accept(.comma)
    return tokens.expect(.rightParen) != nil
  }

  private mutating func resultList() -> Bool {
    guard tokens.accept(.leftParen) else {
      guard let type = types.type(&tokens, &function.symbols) else { return false }
      function.resultTypes = [type]
      return true
    }
    if tokens.accept(.rightParen) { return true }
    var names: [String] = []
    repeat {
      if tokens.at(.word) || tokens.at(.string), tokens.following.kind == .colon {
        names.append(tokens.name(tokens.advance()))
        tokens.advance()
      }
      guard let type = types.type(&tokens, &function.symbols) else { return false }
      function.resultTypes.append(type)
    } while tokens.accept(.comma)
    guard names.isEmpty || names.count == function.resultTypes.count else {
      tokens.expected("a name for every result, or for none")
      return false
    }
    function.resultNames = names
    return tokens.expect(.rightParen) != nil
  }

  /// Uses that no definition was in sight of, told apart now that all definitions are known.
  private mutating func reportMissing(since start: Int) {
    if scope.missing.isEmpty { return }
    let definitions = definitions(in: start..<tokens.previousEnd)
    for use in scope.missing {
      let shown = "'\(tokens.source[use.range])'"
      if let code = use.hidden {
        let notes = use.definition.map { [Diagnostic.Note("\(shown) is defined here", at: tokens.place($0))] } ?? []
        tokens.error(
          "\(code.name).isolated", "\(shown) is defined outside of the \(code.name)", at: use.range, notes: notes,
          hint: "pass it as an operand")
      } else if let definition = definitions[use.key] {
        let note = Diagnostic.Note("\(shown) is defined here", at: tokens.place(definition))
        tokens.error("dominance", "\(shown) is not defined before this use", at: use.range, notes: [note])
      } else {
        tokens.error("name.unknown", "no value is called \(shown)", at: use.range)
      }
    }
  }
}

// MARK: - Names

extension IRParser {
  /// Where the text of a function defines which names, as far as its tokens tell. Read a second time,
  /// since only a wrong text needs it.
  private func definitions(in range: Range<Int>) -> [String: Range<Int>] {
    var found: [String: Range<Int>] = [:]
    var lexer = Lexer(tokens.source, dialect: .ir, from: range.lowerBound)
    var token = lexer.next()
    while token.kind != .endOfFile, token.range.lowerBound < range.upperBound {
      let next = lexer.next()
      if token.kind == .value, token.startsLine || next.kind == .colon || next.kind == .equal {
        let key = key(token)
        if found[key] == nil { found[key] = token.range }
      }
      token = next
    }
    return found
  }

  /// The name a value keeps: none for `%0`.
  func valueName(_ token: Token) -> String? {
    Byte.isDigit(tokens.source.bytes[token.range.lowerBound + 1]) ? nil : tokens.name(token)
  }

  /// What the scope calls the token's value: `%"1"` is not `%1`.
  func key(_ token: Token) -> String {
    let name = tokens.name(token)
    guard let first = name.utf8.first, Byte.isDigit(first), valueName(token) != nil else { return name }
    return "\"" + name
  }

  mutating func define(_ token: Token, _ value: ValueID) {
    guard let old = scope.define(key(token), value, at: token.range) else { return }
    let note = Diagnostic.Note("it is defined here", at: tokens.place(old.range))
    tokens.error("name.redefined", "\(tokens.shown(token)) is defined twice", at: token.range, notes: [note])
  }
}
