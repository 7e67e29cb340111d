import ApusSupport
import ApusTensor

/// A value's name in front of `=` or `in`, with its type if it is stated.
struct ValueHead {
  var token: Token
  var type: TensorType?
}

// MARK: - Regions

extension IRParser {
  /// Reads statements up to the closing brace; false if any was wrong. `heads` are results of the
  /// first one, read already.
  @discardableResult
  mutating func body(
    of block: BlockID, ending terminator: OpCode, mayBeEmpty: Bool = false, heads: [ValueHead]? = nil
  ) -> Bool {
    var heads = heads
    var hasFailed = false
    while !tokens.diagnostics.isFull {
      if heads == nil, tokens.at(.rightBrace) || tokens.at(.endOfFile) { break }
      if heads == nil, tokens.accept(.semicolon) { continue }
      if heads == nil, let last = function.lastOp(of: block), function.opcode(of: last).isTerminator, !hasFailed {
        tokens.error(
          "parse.expected", "expected '}': nothing can follow `\(function.opcode(of: last).name)`",
          at: tokens.current.range)
        hasFailed = true
      }
      var outcome = statement(in: block, heads: heads)
      if outcome != .isBroken, !tokens.isAtSeparator {
        tokens.expected("the end of the line")
        outcome = .isBroken
      }
      if outcome == .isBroken { tokens.skipStatement() }
      hasFailed = hasFailed || outcome != .isRead
      heads = nil
    }
    if tokens.at(.rightBrace), !hasFailed {
      let last = function.lastOp(of: block)
      let isEnded = last.map { function.opcode(of: $0).isTerminator } ?? mayBeEmpty
      if !isEnded {
        tokens.error(
          "parse.expected", "expected `\(terminator.name)` before the region ends", at: tokens.current.range)
      }
    }
    return tokens.expect(.rightBrace) != nil && !hasFailed
  }

  /// Reads the regions of an op that has been inserted.
  private mutating func regions(of op: OpID, _ code: OpCode, header: [ValueHead]) -> Outcome {
    var outcome = Outcome.isRead
    let operands = function.operands(of: op).map { function.type(of: $0) }
    for (index, info) in code.info.regions.enumerated() {
      if index > 0 {
        guard tokens.at(.word), tokens.text(tokens.current) == info.name else {
          return missingRegion("'\(info.name)'")
        }
        tokens.advance()
      }
      guard tokens.at(.leftBrace) else { return missingRegion("'{'") }
      guard depth < Self.maximumDepth else {
        tokens.error(
          "parse.nesting", "regions nest more than \(Self.maximumDepth) levels deep", at: tokens.current.range)
        tokens.skipBraces()
        return .isBroken
      }
      tokens.advance()
      depth += 1
      if code.traits.contains(.controlFlow) { conditionalDepth += 1 }
      scope.open(isolatedBy: info.isIsolated ? code : nil)
      if !region(index, of: op, code, header: header, operands: operands) { outcome = .isWrong }
      scope.close(isIsolated: info.isIsolated)
      depth -= 1
      if code.traits.contains(.controlFlow) { conditionalDepth -= 1 }
    }
    return outcome
  }

  private mutating func missingRegion(_ what: String) -> Outcome {
    tokens.expectedHere(what)
    return .isBroken
  }

  private mutating func region(
    _ index: Int, of op: OpID, _ code: OpCode, header: [ValueHead], operands: [TensorType]
  ) -> Bool {
    let block = function.region(index, of: op)
    var heads: [ValueHead]?
    if code.bindsParametersInHeader {
      for (head, type) in zip(header, operands) { addParameter(head, head.type ?? type, to: block) }
    } else if tokens.at(.value) {
      guard let list = valueHeads() else {
        tokens.skipToClosingBrace()
        tokens.expect(.rightBrace)
        return false
      }
      if tokens.accept(word: "in") {
        addParameters(list, code.regionParameters(operands: operands), to: block)
      } else {
        heads = list
      }
    }
    return body(
      of: block, ending: code.terminator(ofRegion: index), mayBeEmpty: code.mayHaveEmptyRegion, heads: heads)
  }

  /// Parameters take the types that the op determines where none are stated.
  private mutating func addParameters(_ heads: [ValueHead], _ known: [TensorType]?, to block: BlockID) {
    for (index, head) in heads.enumerated() {
      if let type = head.type ?? known.flatMap({ index < $0.count ? $0[index] : nil }) {
        addParameter(head, type, to: block)
      } else {
        tokens.error("parse.expected", "expected a type: the op does not determine it", at: head.token.range)
        define(head.token, .none)
      }
    }
  }

  private mutating func addParameter(_ head: ValueHead, _ type: TensorType, to block: BlockID) {
    let value = function.addParameter(type, to: block, name: valueName(head.token))
    function.setLocation(function.addLocation(.place(tokens.place(head.token.range))), of: value)
    define(head.token, value)
  }

  /// Reads `%a: f32[4], %b`.
  private mutating func valueHeads() -> [ValueHead]? {
    var heads: [ValueHead] = []
    repeat {
      guard let token = tokens.expect(.value) else { return nil }
      guard heads.count < 1 << 15 else {
        tokens.error("op.results", "an op has at most 32768 results", at: token.range)
        return nil
      }
      var head = ValueHead(token: token)
      if tokens.accept(.colon) {
        guard let type = types.type(&tokens, &function.symbols) else { return nil }
        head.type = type
      }
      heads.append(head)
    } while tokens.accept(.comma)
    return heads
  }
}

// MARK: - Statements

extension IRParser {
  enum Outcome {
    case isRead
    /// Something inside was wrong and has been reported; the text has been read to its end.
    case isWrong
    /// The text has been read up to a mistake.
    case isBroken
  }

  /// Reads one op. If it was wrong, its results are known by name only.
  private mutating func statement(in block: BlockID, heads given: [ValueHead]?) -> Outcome {
    let start = given?.first?.token.range.lowerBound ?? tokens.current.range.lowerBound
    var heads = given ?? []
    let symbolCount = function.symbols.count
    if given != nil || tokens.at(.value) {
      if given == nil {
        guard let list = valueHeads() else { return .isBroken }
        heads = list
      }
      guard tokens.expect(.equal) != nil else { return poison(heads) }
    }
    guard let word = tokens.expect(.word, "the name of an op") else { return poison(heads) }
    guard let code = OpCode(name: tokens.text(word)) else {
      unknownOp(word)
      return poison(heads)
    }
    guard hasOnlyKnownSymbols(code, heads, since: symbolCount) else { return poison(heads) }
    deferredConstant = nil
    var pending = PendingOp(code: code, opcodeRange: word.range)
    guard items(of: &pending, result: heads.first?.type) else { return poison(heads) }
    let head = start..<tokens.previousEnd
    if code.info.regions.isEmpty, !tokens.isAtSeparator, !isAtLocation {
      tokens.expected("',' or the end of the line")
      return poison(heads)
    }
    guard let op = insert(&pending, heads, in: block) else {
      // What is inside cannot be checked without the op.
      if !code.info.regions.isEmpty { tokens.skipStatement() }
      _ = poison(heads)
      return .isWrong
    }
    let outcome = code.info.regions.isEmpty ? .isRead : regions(of: op, code, header: pending.header)
    if outcome == .isBroken { return poison(heads) }
    let written = isAtLocation ? location() : .place(tokens.place(head))
    if let written { function.setLocation(function.addLocation(written), of: op) }
    for (index, head) in heads.enumerated() {
      let value = function.result(index, of: op)
      if let name = valueName(head.token) { function.setName(name, of: value) }
      define(head.token, value)
    }
    return written == nil ? .isBroken : outcome
  }

  /// Makes the names known without values, so that their uses are not reported as well.
  private mutating func poison(_ heads: [ValueHead]) -> Outcome {
    for head in heads { define(head.token, .none) }
    return .isBroken
  }

  private mutating func unknownOp(_ word: Token) {
    let name = tokens.text(word)
    let near = OpCode.allCases.map(\.name).filter { name.isNearMiss(of: $0) }
    tokens.error(
      "op.unknown", "no op is called \(tokens.shown(word))", at: word.range,
      hint: near.isEmpty ? nil : "did you mean \(near.joined(separator: ", "))?")
  }

  /// Only an op whose result's shape no operand determines may bring in a dimension.
  private mutating func hasOnlyKnownSymbols(_ code: OpCode, _ heads: [ValueHead], since count: Int) -> Bool {
    guard function.symbols.count > count else { return true }
    let info = code.info
    if info.traits.contains(.dataDependentShape) || info.results == .stated { return true }
    let new = function.symbols[function.symbols.ids[count]].name
    let shown = new.isEmpty ? "'?'" : "'\(new)'"
    let range = heads.first { head in
      head.type?.dims.contains { dim in
        var isNew = false
        dim.forEachSymbol { isNew = isNew || $0.index >= count }
        return isNew
      } ?? false
    }?.token.range
    tokens.error(
      "name.unknown", "no dimension is called \(shown), and `\(code.name)` makes none",
      at: range ?? tokens.current.range)
    return false
  }
}

extension String {
  /// Whether one edit (a letter more, less, other or two swapped) makes the names equal.
  fileprivate func isNearMiss(of other: String) -> Bool {
    let (a, b) = (Array(utf8), Array(other.utf8))
    guard abs(a.count - b.count) <= 1, a.count > 1 else { return false }
    let prefix = zip(a, b).prefix { $0 == $1 }.count
    let suffix = zip(a.reversed(), b.reversed()).prefix { $0 == $1 }.count
    let differing = max(a.count, b.count) - min(prefix + suffix, min(a.count, b.count))
    if differing <= 1 { return true }
    return a.count == b.count && differing == 2 && a[prefix] == b[prefix + 1] && a[prefix + 1] == b[prefix]
  }
}
