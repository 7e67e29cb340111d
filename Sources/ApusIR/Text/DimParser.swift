import ApusSupport

/// What a name in a dimension expression may be.
public enum SymbolNames: Sendable, Hashable {
  /// A new name makes a symbol of that origin.
  case declare(Symbol.Origin)
  /// A new name is a mistake (`name.unknown`).
  case lookUp

  /// The new symbol, where one may be made.
  func declare(_ name: String, in symbols: inout SymbolTable) -> SymbolID? {
    switch self {
    case .declare(let origin): name.isEmpty ? nil : symbols.append(Symbol(name: name, origin: origin))
    case .lookUp: nil
    }
  }
}

/// The grammar of dimension expressions, which both languages share:
///
///     dim     = product { ("+" | "-") product }
///     product = factor { ("*" | "/" | "%" | "floordiv" | "mod") factor }
///     factor  = "-" factor | integer | name | "(" dim ")" | function "(" dim "," dim ")"
///     function = "min" | "max" | "floordiv" | "ceildiv" | "mod"
///
/// `/` is `floordiv` and `%` is `mod`. Every function reports what is wrong, reads no further than
/// the expression goes and returns `nil`.
public struct DimParser: Sendable {
  /// Deepest nesting of parentheses and operators within one expression, which bounds both the
  /// parser's recursion and that of everything that walks a `Dim`.
  public static let maximumDepth = 64
  /// Most terms of a polynomial. `(a + b) * (c + d) * …` doubles them with each factor.
  public static let maximumTerms = 256

  public var names: SymbolNames
  private var depth = 0

  public init(_ names: SymbolNames) { self.names = names }

  /// Reads an expression. Reports `parse.expected`, `parse.nesting`, `parse.number`, `name.unknown`,
  /// `dim.overflow`, `dim.division` or `dim.size`.
  public mutating func dim(_ tokens: inout TokenStream, _ symbols: inout SymbolTable) -> Dim? {
    depth = 0
    return sum(&tokens, &symbols)?.dim
  }
}

extension DimParser {
  /// An expression and how deep its operators nest.
  private struct Part {
    var dim: Dim
    var depth = 0
  }

  private mutating func sum(_ tokens: inout TokenStream, _ symbols: inout SymbolTable) -> Part? {
    let start = tokens.current.range.lowerBound
    guard var left = product(&tokens, &symbols) else { return nil }
    while tokens.at(.plus) || tokens.at(.minus) {
      let operation = tokens.advance().kind == .plus ? Operation.plus : .minus
      let isLast = operation == .minus && isPlanted(.differencesAssociateToTheRight)
      guard let right = isLast ? sum(&tokens, &symbols) : product(&tokens, &symbols),
        let both = apply(operation, left, right, &tokens, from: start)
      else { return nil }
      left = both
    }
    return left
  }

  private mutating func product(_ tokens: inout TokenStream, _ symbols: inout SymbolTable) -> Part? {
    let start = tokens.current.range.lowerBound
    guard var left = factor(&tokens, &symbols) else { return nil }
    while let operation = infix(tokens) {
      tokens.advance()
      guard let right = factor(&tokens, &symbols),
        let both = apply(operation, left, right, &tokens, from: start)
      else { return nil }
      left = both
    }
    return left
  }

  private enum Operation {
    case plus, minus, times, floordiv, ceildiv, mod, min, max

    func callAsFunction(_ a: Dim, _ b: Dim) throws(DimOverflow) -> Dim {
      switch self {
      case .plus: try Dim.sum(a, b)
      case .minus: try Dim.difference(a, b)
      case .times: try Dim.product(a, b)
      case .floordiv: try Dim.floordiv(a, b)
      case .ceildiv: try Dim.ceildiv(a, b)
      case .mod: try Dim.mod(a, b)
      case .min: try Dim.minimum(a, b)
      case .max: try Dim.maximum(a, b)
      }
    }

    var divides: Bool {
      switch self {
      case .floordiv, .ceildiv, .mod: true
      case .plus, .minus, .times, .min, .max: false
      }
    }
  }

  private func infix(_ tokens: TokenStream) -> Operation? {
    if tokens.at(.star) { return .times }
    if tokens.at(.slash) || tokens.at(word: "floordiv") { return .floordiv }
    if tokens.at(.percent) || tokens.at(word: "mod") { return .mod }
    return nil
  }

  private func named(_ tokens: TokenStream) -> Operation? {
    guard tokens.at(.word), tokens.following.kind == .leftParen else { return nil }
    if tokens.at(word: "min") { return .min }
    if tokens.at(word: "max") { return .max }
    if tokens.at(word: "floordiv") { return .floordiv }
    if tokens.at(word: "ceildiv") { return .ceildiv }
    if tokens.at(word: "mod") { return .mod }
    return nil
  }

  private mutating func factor(_ tokens: inout TokenStream, _ symbols: inout SymbolTable) -> Part? {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maximumDepth else {
      tokens.error(
        "parse.nesting", "a dimension nests more than \(Self.maximumDepth) levels deep", at: tokens.current.range)
      return nil
    }
    let start = tokens.current.range.lowerBound
    if tokens.accept(.minus) {
      guard let part = factor(&tokens, &symbols) else { return nil }
      return apply(.minus, Part(dim: 0), part, &tokens, from: start)
    }
    if tokens.accept(.leftParen) {
      guard let part = sum(&tokens, &symbols), tokens.expect(.rightParen) != nil else { return nil }
      return part
    }
    if let operation = named(tokens) {
      tokens.advance()
      tokens.advance()
      guard let left = sum(&tokens, &symbols), tokens.expect(.comma) != nil,
        let right = sum(&tokens, &symbols), tokens.expect(.rightParen) != nil
      else { return nil }
      return apply(operation, left, right, &tokens, from: start)
    }
    if tokens.at(.integer) { return integer(&tokens) }
    if tokens.at(.word) || tokens.at(.string) { return symbol(&tokens, &symbols) }
    tokens.expected("a dimension")
    return nil
  }

  private func integer(_ tokens: inout TokenStream) -> Part? {
    let token = tokens.advance()
    guard let magnitude = tokens.magnitude(token) else {
      tokens.error("parse.number", "\(tokens.shown(token)) does not fit in 64 bits", at: token.range)
      return nil
    }
    guard let value = Int(exactly: magnitude) else {
      tokens.error("dim.overflow", "\(tokens.shown(token)) does not fit in 63 bits", at: token.range)
      return nil
    }
    return Part(dim: .constant(value))
  }

  private func symbol(_ tokens: inout TokenStream, _ symbols: inout SymbolTable) -> Part? {
    let token = tokens.advance()
    let name = tokens.name(token)
    if let id = symbols.find(name) ?? names.declare(name, in: &symbols) { return Part(dim: .symbol(id)) }
    tokens.error("name.unknown", "no dimension is called \(tokens.shown(token))", at: token.range)
    return nil
  }

  private func apply(
    _ operation: Operation, _ left: Part, _ right: Part, _ tokens: inout TokenStream, from start: Int
  ) -> Part? {
    let range = start..<tokens.previousEnd
    let depth = max(left.depth, right.depth) + 1
    guard !operation.divides || right.dim != 0 else {
      tokens.error("dim.division", "a dimension is divided by zero", at: range)
      return nil
    }
    guard depth <= Self.maximumDepth * 8 else {
      tokens.error("parse.nesting", "a dimension has more than \(Self.maximumDepth * 8) operators", at: range)
      return nil
    }
    guard max(left.dim.terms.count, 1) * max(right.dim.terms.count, 1) <= Self.maximumTerms else {
      tokens.error("dim.size", "a dimension has more than \(Self.maximumTerms) terms", at: range)
      return nil
    }
    do throws(DimOverflow) {
      return Part(dim: try operation(left.dim, right.dim), depth: depth)
    } catch {
      tokens.error("dim.overflow", "the dimension does not fit in 64 bits", at: range)
      return nil
    }
  }
}
