import ApusSupport
import ApusTensor

extension ExpressionLowering {
  /// What `return` gives, and where.
  package struct Returned {
    package var meanings: [Meaning]
    package var nodes: [NodeID]
    package var range: Range<Int>
  }

  /// Lowers statements in order, reporting each that is wrong. The values of `return`, if one was reached
  /// and is right.
  package mutating func lower(_ statements: [Syntax.Statement]) throws(EmissionError) -> Returned? {
    for statement in statements {
      do {
        if let returned = try lower(statement) { return returned }
      } catch {
        try report(error)
        for name in statement.boundNames { bind(name, .poison) }
      }
    }
    return nil
  }

  /// Takes a mistake down; what is none goes on upwards.
  package mutating func report(_ error: EmissionError) throws(EmissionError) {
    switch error {
    case .failed(let found): for diagnostic in found { diagnostics.add(diagnostic) }
    case .silent: break
    case .retype: throw error
    }
  }

  private mutating func lower(_ statement: Syntax.Statement) throws(EmissionError) -> Returned? {
    switch statement.kind {
    case .bind(let names, let node): try bind(names, node, statement.range)
    case .assert(let condition, let message): try assertion(condition, message, statement.range)
    case .repeated(let name, let list, let body): try repetition(name, list, body)
    case .invalid(let names): for name in names { bind(name, .poison) }
    case .result(let nodes):
      var meanings: [Meaning] = []
      for node in nodes {
        let meaning = try meaning(of: node)
        if nodes.count == 1, case .several(let parts) = meaning { meanings = parts } else { meanings.append(meaning) }
      }
      return Returned(meanings: meanings, nodes: nodes, range: statement.range)
    }
    return nil
  }

  private mutating func bind(_ names: [String], _ node: NodeID, _ range: Range<Int>) throws(EmissionError) {
    for (index, name) in names.enumerated() where name != "_" && names[..<index].contains(name) {
      throw failed("name.redefined", "'\(name)' is bound twice at once", range)
    }
    let meaning = try self.meaning(of: node)
    if meaning.isPoison { throw .silent }
    var parts = [meaning]
    if case .several(let several) = meaning { parts = several }
    guard parts.count == names.count else {
      let given = parts.count == 1 ? "1 value is" : "\(parts.count) values are"
      throw failed("name.count", "\(given) bound to \(names.count) name\(names.count == 1 ? "" : "s")", range)
    }
    for (name, part) in zip(names, parts) { bind(name, part) }
  }

  private mutating func assertion(
    _ condition: NodeID, _ message: String, _ range: Range<Int>
  ) throws(EmissionError) {
    switch try single(condition) {
    case .bool(true): return
    case .bool(false): throw failed("assert.failed", "this never holds: \(message)", range)
    case .value(let value):
      at(range)
      guard emitter.type(of: value) == .scalar(.bool) else {
        throw failed(
          "assert.condition", "a condition is bool[], not \(emitter.text(emitter.type(of: value)))",
          syntax[condition].range)
      }
      emitter.assert(value, message)
    case .poison: throw .silent
    case let other:
      throw failed("assert.condition", "a condition is a bool, not \(other.kindName)", syntax[condition].range)
    }
  }

  private mutating func repetition(
    _ name: String, _ list: NodeID, _ body: [Syntax.Statement]
  ) throws(EmissionError) {
    for element in try self.list(list).elements {
      // An op takes a few hundred bytes, an entry of a list 16.
      try spend(8 * (1 + body.count))
      bind(name, element)
      let before = diagnostics.list.count
      _ = try lower(body)
      // The next round would only report the same again.
      if diagnostics.list.count > before { return }
    }
  }

  // MARK: Blocks

  /// A block's results; its names end with it.
  mutating func results(of block: Syntax.Block) throws(EmissionError) -> [Meaning] {
    try inScope { (lowering: inout Self) throws(EmissionError) in
      let before = lowering.diagnostics.list.count
      _ = try lowering.lower(block.statements)
      guard !block.results.isEmpty else { throw .silent }
      let results = try lowering.meanings(of: block.results)
      guard lowering.diagnostics.list.count == before else { throw .silent }
      return results
    }
  }

  /// Several expressions; one call may give all the results.
  package mutating func meanings(of nodes: [NodeID]) throws(EmissionError) -> [Meaning] {
    if nodes.count == 1 {
      let meaning = try meaning(of: nodes[0])
      if case .several(let parts) = meaning { return parts }
      return [meaning]
    }
    var meanings: [Meaning] = []
    for node in nodes { meanings.append(try single(node)) }
    return meanings
  }
}

extension Syntax.Statement {
  /// The names it binds, nested ones included.
  fileprivate var boundNames: [String] {
    switch kind {
    case .bind(let names, _), .invalid(let names): names
    case .repeated(let name, _, let body): [name] + body.flatMap(\.boundNames)
    case .assert, .result: []
    }
  }
}
