import ApusSupport
import ApusTensor

/// The grammar of types:
///
///     type   = element "[" [ size { "," size } ] "]" [ layout ]        a tensor
///            | "&" element "[" … "]" [ layout ]                        a buffer
///            | element "<" [ integer ] ">"                             a register
///     layout = "{" entry { "," entry } "}"    entry = axis [ ("/" | "%") block ]
///     size   = dim | "?" [ "<=" integer | ">=" integer | "in" bounds ]
///
/// `?` is a size that only the run knows. The graph language has tensors without layouts and without
/// `?` only.
public struct TypeParser: Sendable {
  /// The most axes a tensor may have.
  public static let maximumRank = 64

  public var dims: DimParser
  private let isIR: Bool

  public init(_ names: SymbolNames, dialect: Lexer.Dialect) {
    dims = DimParser(names)
    isIR = dialect == .ir
  }

  /// Whether a type may start here.
  public func isAtType(_ tokens: TokenStream) -> Bool { tokens.at(.word) || (isIR && tokens.at(.and)) }

  /// Reads a type. Reports `parse.expected`, `type.unknown`, `dim.rank`, `type.layout` and what the
  /// dimensions report, and returns `nil`.
  public mutating func type(_ tokens: inout TokenStream, _ symbols: inout SymbolTable) -> TensorType? {
    let isBuffer = isIR && tokens.accept(.and)
    guard let element = elementType(&tokens) else { return nil }
    if isIR, !isBuffer, tokens.at(.less) { return register(element, &tokens) }
    let start = tokens.current.range.lowerBound
    guard tokens.expect(.leftBracket) != nil, let sizes = sizes(&tokens, &symbols) else { return nil }
    guard sizes.count <= Self.maximumRank else {
      tokens.error("dim.rank", "a tensor has at most \(Self.maximumRank) axes", at: start..<tokens.previousEnd)
      return nil
    }
    var type = TensorType(element, sizes, form: isBuffer ? .buffer : .tensor)
    if isIR, tokens.at(.leftBrace), tokens.following.kind == .integer {
      guard let layout = layout(of: sizes.count, &tokens) else { return nil }
      type.layout = layout
    }
    return type
  }

  /// Reads `f32`. Reports `parse.expected` or `type.unknown`.
  public func elementType(_ tokens: inout TokenStream) -> ElementType? {
    guard tokens.at(.word) else {
      tokens.expected("a type")
      return nil
    }
    let token = tokens.advance()
    guard let element = ElementType(name: tokens.text(token)) else {
      let known = ElementType.allCases.map(\.name).joined(separator: " ")
      tokens.error(
        "type.unknown", "no element type is called \(tokens.shown(token))", at: token.range, hint: "one of \(known)")
      return nil
    }
    return element
  }

  /// Reads `[a, b]`, behind its opening bracket, as sizes.
  private mutating func sizes(_ tokens: inout TokenStream, _ symbols: inout SymbolTable) -> [Dim]? {
    var sizes: [Dim] = []
    if tokens.accept(.rightBracket) { return sizes }
    repeat {
      guard let size = isIR && tokens.at(.question) ? existential(&tokens, &symbols) : dims.dim(&tokens, &symbols)
      else { return nil }
      sizes.append(size)
    } while tokens.accept(.comma)
    return tokens.expect(.rightBracket) == nil ? nil : sizes
  }
}

extension TypeParser {
  private func existential(_ tokens: inout TokenStream, _ symbols: inout SymbolTable) -> Dim? {
    tokens.advance()
    let start = tokens.current.range.lowerBound
    var bounds: DimBounds?
    if tokens.accept(.lessEqual) {
      guard let upper = tokens.signedInteger() else { return nil }
      bounds = DimBounds(lower: 0, upper: upper)
    } else if tokens.accept(.greaterEqual) {
      guard let lower = tokens.signedInteger() else { return nil }
      bounds = DimBounds(lower: lower, upper: nil)
    } else if tokens.accept(word: "in") {
      guard let both = tokens.bounds() else { return nil }
      bounds = both
    }
    if let bounds, (bounds.lower ?? 0) < 0 || (bounds.upper ?? 0) < 0 {
      tokens.error("dim.bounds", "a dimension is never negative", at: start..<tokens.previousEnd)
      return nil
    }
    let id = symbols.append(Symbol(name: "", bounds: bounds ?? DimBounds(), origin: .value))
    return .symbol(id)
  }

  private func register(_ element: ElementType, _ tokens: inout TokenStream) -> TensorType? {
    tokens.advance()
    if tokens.accept(.greater) { return .register(element) }
    let start = tokens.current.range.lowerBound
    guard let lanes = tokens.signedInteger(), tokens.expect(.greater) != nil else { return nil }
    guard lanes > 0, lanes <= 1 << 16 else {
      tokens.error("type.lanes", "a register has between 1 and 65536 lanes", at: start..<tokens.previousEnd - 1)
      return nil
    }
    return .register(element, lanes: lanes)
  }

  private func layout(of rank: Int, _ tokens: inout TokenStream) -> Layout? {
    let start = tokens.advance().range.lowerBound
    var entries: [Layout.Entry] = []
    repeat {
      guard let axis = tokens.signedInteger() else { return nil }
      var part = Layout.Part.whole
      if tokens.accept(.slash) {
        guard let block = tokens.signedInteger() else { return nil }
        part = .outer(block: block)
      } else if let block = blockAfterPercent(&tokens) {
        part = .inner(block: block)
      }
      entries.append(Layout.Entry(axis, part))
    } while tokens.accept(.comma)
    guard tokens.expect(.rightBrace) != nil else { return nil }
    let layout = Layout(entries)
    guard layout.isOrder(ofAxes: rank) else {
      tokens.error(
        "type.layout", "the layout does not name each axis once, whole or cut into blocks of one size",
        at: start..<tokens.previousEnd)
      return nil
    }
    return layout
  }

  /// `%16` reads like the value called 16.
  private func blockAfterPercent(_ tokens: inout TokenStream) -> Int? {
    guard tokens.at(.value), let block = Int(tokens.name(tokens.current)) else { return nil }
    tokens.advance()
    return block
  }
}

extension Layout {
  /// Whether the entries place every axis exactly once: whole, or as an outer part and, somewhere
  /// behind it, the inner part of the same positive block.
  public func isOrder(ofAxes rank: Int) -> Bool {
    var blocks = [Int?](repeating: nil, count: rank)
    var isComplete = [Bool](repeating: false, count: rank)
    for entry in entries {
      guard entry.axis >= 0, entry.axis < rank, !isComplete[entry.axis] else { return false }
      switch entry.part {
      case .whole:
        guard blocks[entry.axis] == nil else { return false }
        isComplete[entry.axis] = true
      case .outer(let block):
        guard block > 0, blocks[entry.axis] == nil else { return false }
        blocks[entry.axis] = block
      case .inner(let block):
        guard blocks[entry.axis] == block else { return false }
        isComplete[entry.axis] = true
      }
    }
    return isComplete.allSatisfy { $0 }
  }
}
