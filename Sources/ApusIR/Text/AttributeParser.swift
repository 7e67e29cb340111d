import ApusSupport
import ApusTensor

extension IRParser {
  /// Reads the value of an attribute as its declaration asks. `result` is the stated type of the
  /// op's first result, which a constant's elements take.
  mutating func attribute(_ info: AttributeInfo, result: TensorType?) -> Attribute? {
    if isAtOtherKind(than: info.kind) {
      tokens.error(
        "op.attribute", "`\(info.name)` takes \(info.kind.expectation), not \(tokens.shown(tokens.current))",
        at: tokens.current.range)
      return nil
    }
    switch info.kind {
    case .int, .axis: return tokens.signedInteger().map { .int($0) }
    case .float: return tokens.literal(.f64).map { .float($0.asDouble) }
    case .bool: return tokens.literal(.bool).map { .bool($0.isTrue) }
    case .string: return tokens.expect(.string).map { .string(tokens.name($0)) }
    case .ints, .axes: return list { $0.tokens.signedInteger() }.map { .ints($0) }
    case .floats: return list { $0.tokens.literal(.f64)?.asDouble }.map { .floats($0) }
    case .dims: return list { $0.dim() }.map { .dims($0) }
    case .elementType: return types.elementType(&tokens).map { .elementType($0) }
    case .function: return tokens.expect(.symbol, "'@' and the name of a function").map { .function(tokens.name($0)) }
    case .constant: return constant(result)
    case .schedule: return schedule().map { .schedule($0) }
    case .name(let cases): return name(of: info, among: cases)
    }
  }

  /// Whether a value follows, but surely not one of that kind.
  private func isAtOtherKind(than kind: AttributeInfo.Kind) -> Bool {
    if tokens.current.startsLine { return false }
    let isList = tokens.at(.leftBracket)
    let isNumber = tokens.at(.integer) || tokens.at(.float) || tokens.at(.minus)
    let isText = tokens.at(.string) || tokens.at(.symbol) || tokens.at(.value)
    switch kind {
    case .int, .axis: return isList || isText || tokens.at(.float) || tokens.at(.word)
    case .float: return isList || isText
    case .bool: return isList || isText || isNumber
    case .string: return isList || isNumber || tokens.at(.word)
    case .ints, .axes, .floats, .dims: return isText || isNumber || tokens.at(.word)
    case .elementType, .name: return isList || isText || isNumber
    case .function: return isList || isNumber || tokens.at(.string) || tokens.at(.word)
    case .constant: return tokens.at(.string) || tokens.at(.value)
    case .schedule: return isList || isText || isNumber || tokens.at(.word)
    }
  }

  /// Reads `[a, b]`.
  private mutating func list<Element>(_ element: (inout IRParser) -> Element?) -> [Element]? {
    guard tokens.expect(.leftBracket) != nil else { return nil }
    var elements: [Element] = []
    if tokens.accept(.rightBracket) { return elements }
    repeat {
      guard let next = element(&self) else { return nil }
      elements.append(next)
    } while tokens.accept(.comma)
    return tokens.expect(.rightBracket) == nil ? nil : elements
  }

  private mutating func dim() -> Dim? { types.dims.dim(&tokens, &function.symbols) }

  private mutating func name(of info: AttributeInfo, among cases: [String]) -> Attribute? {
    let hint = "one of " + cases.joined(separator: ", ")
    guard tokens.at(.word) else {
      tokens.expected(hint)
      return nil
    }
    let token = tokens.advance()
    let name = tokens.text(token)
    guard cases.contains(name) else {
      tokens.error(
        "op.attribute", "`\(info.name)` cannot be \(tokens.shown(token))", at: token.range, hint: hint)
      return nil
    }
    return .name(name)
  }

  /// Reads a scalar, lists of elements or `@name`.
  private mutating func constant(_ result: TensorType?) -> Attribute? {
    guard let result else {
      tokens.expected("a type for the result: the elements take theirs from it")
      return nil
    }
    if tokens.at(.symbol) {
      let token = tokens.advance()
      return deferConstant(named: tokens.name(token), at: token.range, result.element)
    }
    guard tokens.at(.leftBracket) else { return tokens.literal(result.element).map { .scalar($0) } }
    guard let shape = result.constantShape else {
      tokens.error(
        "constant.shape", "only a single number fills a shape that is not known", at: tokens.current.range)
      return nil
    }
    return tokens.elements(result, shape: shape).map { .tensor(ConstantTensor($0)) }
  }
}

// MARK: - Schedules

extension IRParser {
  /// Reads `{tiles: [64, 384], block: [6, 2], pack: [rhs], parallel: 0}` in any order.
  private mutating func schedule() -> Schedule? {
    guard tokens.expect(.leftBrace) != nil else { return nil }
    var schedule = Schedule()
    if tokens.accept(.rightBrace) { return schedule }
    var seen: Set<String> = []
    repeat {
      guard let label = tokens.expect(.word), tokens.expect(.colon) != nil else { return nil }
      let name = tokens.text(label)
      guard seen.insert(name).inserted else {
        tokens.error("op.attribute", "`\(name)` is given twice", at: label.range)
        return nil
      }
      guard field(name, of: &schedule, label) else { return nil }
    } while tokens.accept(.comma)
    return tokens.expect(.rightBrace) == nil ? nil : schedule
  }

  private mutating func field(_ name: String, of schedule: inout Schedule, _ label: Token) -> Bool {
    switch name {
    case "tiles": return set(&schedule.tiles, list { $0.tokens.signedInteger() })
    case "order": return set(&schedule.order, list { $0.tokens.signedInteger() })
    case "block": return set(&schedule.registerBlock, list { $0.tokens.signedInteger() })
    case "unroll": return set(&schedule.unroll, tokens.signedInteger())
    case "lanes": return set(&schedule.vectorLanes, tokens.signedInteger())
    case "pack": return set(&schedule.packing, packing())
    case "grain": return set(&schedule.grain, tokens.signedInteger())
    case "parallel":
      guard let axis = tokens.signedInteger() else { return false }
      schedule.parallelAxis = axis
      return true
    default:
      tokens.error(
        "op.attribute", "a schedule has no `\(name)`", at: label.range,
        hint: "one of tiles, order, block, unroll, lanes, pack, parallel, grain")
      return false
    }
  }

  private func set<Value>(_ field: inout Value, _ value: Value?) -> Bool {
    guard let value else { return false }
    field = value
    return true
  }

  private mutating func packing() -> Schedule.Packing? {
    let sides: [Schedule.Packing]? = list { parser in
      if parser.tokens.accept(word: "lhs") { return .lhs }
      if parser.tokens.accept(word: "rhs") { return .rhs }
      parser.tokens.expected("lhs or rhs")
      return nil
    }
    return sides.map { Schedule.Packing($0) }
  }
}
