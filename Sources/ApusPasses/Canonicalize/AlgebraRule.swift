import ApusIR
import ApusTensor

/// An identity between elementwise expressions: `mul(x, 1) => x`.
///
/// Names are operands; a name that stands twice is the same value. `0`, `-0`, `1`, `true` … are constants of that
/// element everywhere, `ones` has all bits set. Operands of commutative ops match in either order.
public struct AlgebraRule: Sendable {
  public indirect enum Term: Hashable, Sendable {
    case operand(Int)
    case literal(Literal)
    case op(OpCode, [Term])
  }

  public enum Literal: Hashable, Sendable {
    case number(Double)
    case bool(Bool)
    case ones

    /// The element in a type; `nil` where the type has none.
    public func scalar(_ type: ElementType) -> Scalar? {
      switch self {
      case .bool(let value): return type == .bool ? .bool(value) : nil
      case .number(let value):
        if type.isFloat { return Scalar.float(value).converted(to: type) }
        guard !(value == 0 && value.sign == .minus) else { return nil }
        if type == .bool { return nil }
        let integer = Scalar.signed(Int64(value)).converted(to: type)
        return integer.asDouble == value ? integer : nil
      case .ones:
        if type == .bool { return .bool(true) }
        return type.isInteger ? Scalar.signed(-1).converted(to: type) : nil
      }
    }
  }

  /// The identity as written.
  public let text: String
  public let left: Term
  let right: Term
  /// The types of the first operand for which it holds.
  let types: ElementClass
  let isFastMath: Bool

  /// The opcode of the outermost op on the left.
  var root: OpCode {
    guard case .op(let code, _) = left else { preconditionFailure("a rule rewrites an op: \(text)") }
    return code
  }

  /// How many different operands the left side has.
  var operandCount: Int { left.operandCount }

  init(_ text: String, for types: ElementClass, fastMath isFastMath: Bool = false) {
    var parser = AlgebraParser(text)
    self.text = text
    (left, right) = parser.rule()
    self.types = types
    self.isFastMath = isFastMath
  }

  /// The value that the result of `op` is equal to by this rule, with new ops for it before `op`.
  func apply(_ f: inout Function, _ op: OpID) -> ValueID? {
    guard case .op(_, let terms) = left else { return nil }
    var operands = [ValueID?](repeating: nil, count: operandCount)
    guard matches(terms, op, f, &operands), let first = operands.first.flatMap({ $0 }) else { return nil }
    guard types.contains(f.type(of: first).element) else { return nil }
    let type = f.type(of: f.result(of: op))
    return build(right, operands.compactMap { $0 }, type.element, &f, op)
  }

  private func matches(_ terms: [Term], _ op: OpID, _ f: Function, _ bound: inout [ValueID?]) -> Bool {
    let operands = f.operands(of: op)
    guard operands.count == terms.count else { return false }
    let saved = bound
    if zip(terms, operands).allSatisfy({ matches($0, $1, f, &bound) }) { return true }
    bound = saved
    guard f.opcode(of: op).traits.contains(.commutative) else { return false }
    if zip(terms, operands.reversed()).allSatisfy({ matches($0, $1, f, &bound) }) { return true }
    bound = saved
    return false
  }

  private func matches(_ term: Term, _ value: ValueID, _ f: Function, _ bound: inout [ValueID?]) -> Bool {
    switch term {
    case .operand(let index):
      if let known = bound[index] { return known == value }
      bound[index] = value
      return true
    case .literal(let literal):
      guard let element = f.splat(of: value) else { return false }
      return literal.scalar(f.type(of: value).element) == element
    case .op(let code, let terms):
      guard let op = f.definingOp(of: value, code) else { return false }
      return matches(terms, op, f, &bound)
    }
  }

  private func build(
    _ term: Term, _ operands: [ValueID], _ element: ElementType, _ f: inout Function, _ op: OpID
  ) -> ValueID? {
    let shape = f.type(of: f.result(of: op))
    switch term {
    case .operand(let index): return operands[index]
    case .literal(let literal):
      return literal.scalar(element).map { f.insertSplat($0, shape.with(element: element), before: op) }
    case .op(let code, let terms):
      let inner = f.type(of: operands[0]).element
      var built: [ValueID] = []
      for term in terms {
        guard let value = build(term, operands, inner, &f, op) else { return nil }
        built.append(value)
      }
      return f.insert(code, built, [], shape.with(element: element), before: op)
    }
  }
}

extension AlgebraRule.Term {
  fileprivate var operandCount: Int {
    switch self {
    case .operand(let index): index + 1
    case .literal: 0
    case .op(_, let terms): terms.map(\.operandCount).max() ?? 0
    }
  }
}

/// Reads the text of a rule. The rules are ours, so a mistake in one is a fault of the program.
private struct AlgebraParser {
  private let text: [Character]
  private var offset = 0
  private var names: [String] = []

  init(_ text: String) { self.text = Array(text.filter { $0 != " " }) }

  mutating func rule() -> (AlgebraRule.Term, AlgebraRule.Term) {
    let left = term()
    expect("=")
    expect(">")
    let known = names.count
    let right = term()
    precondition(names.count == known && offset == text.count, "malformed rule: \(String(text))")
    return (left, right)
  }

  private mutating func term() -> AlgebraRule.Term {
    var word = ""
    while offset < text.count, !"(),=>".contains(text[offset]) {
      word.append(text[offset])
      offset += 1
    }
    if offset < text.count, text[offset] == "(" {
      guard let code = OpCode(name: word) else { preconditionFailure("no op `\(word)` in rule: \(String(text))") }
      return .op(code, arguments())
    }
    switch word {
    case "true": return .literal(.bool(true))
    case "false": return .literal(.bool(false))
    case "ones": return .literal(.ones)
    case _: break
    }
    if let number = Double(word) { return .literal(.number(number)) }
    precondition(!word.isEmpty, "malformed rule: \(String(text))")
    if let index = names.firstIndex(of: word) { return .operand(index) }
    names.append(word)
    return .operand(names.count - 1)
  }

  private mutating func arguments() -> [AlgebraRule.Term] {
    expect("(")
    var terms = [term()]
    while offset < text.count, text[offset] == "," {
      offset += 1
      terms.append(term())
    }
    expect(")")
    return terms
  }

  private mutating func expect(_ character: Character) {
    precondition(offset < text.count && text[offset] == character, "malformed rule: \(String(text))")
    offset += 1
  }
}
