import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

@testable import ApusPasses

/// Every identity holds for every value of every type that it is for.
@Suite struct AlgebraTests {
  static let exact = AlgebraRule.all.filter { !$0.isFastMath }

  @Test(arguments: exact.map(\.text)) func holds(_ text: String) throws {
    let rule = try #require(Self.exact.first { $0.text == text })
    var tried = 0
    for element in rule.types.members {
      let vectors = values(element, operands: rule.operandCount, rule)
      guard let first = vectors.first else { continue }
      var f = Function(name: "rule")
      let operands = rule.operandTypes(element).map { f.addParameter(TensorType($0, [.constant(first.count)])) }
      guard let left = try? f.build(rule.left, operands, element, operands.count == 0 ? element : element) else {
        continue
      }
      f.resultTypes = [f.type(of: left)]
      f.insert(.return, [left], results: [], at: .end(of: f.entry))
      #expect(f.verify().isEmpty)
      let before = Module(f)
      var after = before
      let op = try #require(after[FunctionID(0)].definingOp(of: left))
      let replacement = try #require(
        rule.apply(&after[FunctionID(0)], op), "\(text) does not match itself for \(element)")
      after[FunctionID(0)].replace(op, with: [replacement])
      #expect(after.verify().isEmpty)
      let inputs = zip(rule.operandTypes(element), vectors).map { type, list in
        tensor(type, list)
      }
      let a = try Interpreter(before).run(inputs)[0]
      let b = try Interpreter(after).run(inputs)[0]
      #expect(areEqual(a, b), "\(text) for \(element): \(a.values) and \(b.values)")
      tried += 1
    }
    #expect(tried > 0)
  }

  /// All combinations of telling values, one vector for each operand.
  private func values(_ element: ElementType, operands: Int, _ rule: AlgebraRule) -> [[Scalar]] {
    var rows: [[Scalar]] = [[]]
    for type in rule.operandTypes(element) {
      let choices = telling(type)
      rows = rows.flatMap { row in choices.map { row + [$0] } }
    }
    return (0..<operands).map { index in rows.map { $0[index] } }
  }

  private func telling(_ type: ElementType) -> [Scalar] {
    if type == .bool { return [.bool(false), .bool(true)] }
    if type.isFloat {
      let list: [Double] = [0, -0.0, 1, -1, 0.5, -2.5, 3, 1e-7, -1e4, .infinity, -.infinity, .nan, 0x1p-1040]
      return list.map { Scalar.float($0).converted(to: type) }
    }
    let list: [Int64] = [0, 1, -1, 2, 7, -7, 127, -128, .max, .min]
    return list.map { Scalar.signed($0).converted(to: type) }
  }

  private func tensor(_ type: ElementType, _ list: [Scalar]) -> Tensor {
    guard var tensor = try? Tensor.zeros(type, shape: [list.count]) else { preconditionFailure("vectors fit") }
    for (index, value) in list.enumerated() { tensor.setScalar(value, at: index) }
    return tensor
  }
}

extension AlgebraRule {
  /// The types of the operands: conditions are bool, all others of the rule's type.
  fileprivate func operandTypes(_ element: ElementType) -> [ElementType] {
    var types = [ElementType](repeating: element, count: operandCount)
    func visit(_ term: Term) {
      guard case .op(let code, let terms) = term else { return }
      if code == .select, case .operand(let index) = terms[0] { types[index] = .bool }
      if code == .select, case .op(.not, let inner) = terms[0], case .operand(let index)? = inner.first {
        types[index] = .bool
      }
      terms.forEach(visit)
    }
    visit(left)
    return types
  }
}

extension Function {
  /// Builds the left side of a rule.
  fileprivate mutating func build(
    _ term: AlgebraRule.Term, _ operands: [ValueID], _ element: ElementType, _ wanted: ElementType
  ) throws -> ValueID {
    let dims = type(of: operands[0]).dims
    switch term {
    case .operand(let index): return operands[index]
    case .literal(let literal):
      guard let scalar = literal.scalar(wanted) else { throw InferenceError("test.literal", "no such element") }
      return try emit(
        .constant, [], [NamedAttribute("value", .scalar(scalar))], stated: TensorType(wanted, dims))
    case .op(let code, let terms):
      var built: [ValueID?] = try terms.map { term in
        if case .literal = term { return nil }
        return try build(term, operands, element, element)
      }
      // A literal has the type of what stands beside it; the branches of a select only beside each other.
      let known = (code == .select ? built.dropFirst() : built[...]).compactMap { $0 }.first.map {
        type(of: $0).element
      }
      for (index, term) in terms.enumerated() where built[index] == nil {
        var needed = known ?? element
        if code == .select, index == 0 { needed = .bool }
        if code == .select, known == nil { needed = .bool }
        built[index] = try build(term, operands, element, needed)
      }
      return try emit(code, built.compactMap { $0 })
    }
  }
}
