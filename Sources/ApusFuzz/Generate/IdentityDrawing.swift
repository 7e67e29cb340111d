import ApusIR
import ApusPasses
import ApusTensor

/// Expressions for which the compiler knows a simpler one.
extension GraphDrawing {
  /// Adds the left side of a rule on values of any type: a rule that holds for some types must leave others alone.
  mutating func addIdentity() throws {
    let rule = draw.one(of: AlgebraRule.all)
    let first = try anchor(draw.one(of: ElementType.allCases), rank: 0...3)
    var operands: [Int: ValueID] = [:]
    _ = try add(rule.left, like: type(first), first, &operands)
  }

  /// - Parameters:
  ///   - first: what an operand of its type is at first.
  ///   - operands: the values of the operands so far.
  private mutating func add(
    _ term: AlgebraRule.Term, like wanted: TensorType, _ first: ValueID, _ operands: inout [Int: ValueID]
  ) throws -> ValueID {
    switch term {
    case .operand(let index):
      if let known = operands[index] { return known }
      let value = operands.isEmpty && type(first) == wanted ? first : try obtain(wanted)
      operands[index] = value
      return value
    case .literal(let literal):
      guard var scalar = literal.scalar(wanted.element) else { throw NoFit() }
      // 0 and −0 are as far apart as a rule can be wrong.
      if wanted.element.isFloat, draw.chance(30) { scalar = Scalar.float(-scalar.asDouble).converted(to: wanted.element) }
      return try value(.constant, [], [NamedAttribute("value", .scalar(scalar))], stated: wanted)
    case .op(let code, let terms):
      var values: [ValueID] = []
      for (index, term) in terms.enumerated() {
        let isCondition = code == .select && index == 0
        values.append(try add(term, like: isCondition ? wanted.with(element: .bool) : wanted, first, &operands))
      }
      return try value(code, values)
    }
  }
}
