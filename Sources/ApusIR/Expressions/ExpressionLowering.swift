import ApusSupport
import ApusTensor

/// Lowers the expressions of a `Syntax` into ops, as IR-specs/language.md says.
///
/// A statement that is wrong is reported and binds its names to `Meaning.poison`, so that one mistake
/// is one diagnostic.
package struct ExpressionLowering {
  package var emitter: Emitter
  package var diagnostics: Diagnostics
  package let syntax: Syntax
  /// The graphs that calls may name.
  package var callees: [String: Callee] = [:]
  /// Graphs with mistakes of their own: calls of them say nothing new.
  package var brokenCallees: Set<String> = []
  /// Reads the array of a `weight` from a file; `nil` where weights cannot stand.
  package var loadWeight: ((WeightRequest) throws(DiagnosticError) -> ConstantTensor)?

  /// Innermost last.
  private var scopes: [[String: Meaning]] = [[:]]
  /// Statements of unrolled loops, and entries of lists, that may still be worked out.
  private var budget = Self.maximumWork
  private static let maximumWork = 1 << 20

  package init(_ syntax: Syntax, _ emitter: Emitter, diagnostics: Diagnostics = Diagnostics()) {
    self.syntax = syntax
    self.emitter = emitter
    self.diagnostics = diagnostics
  }

  // MARK: Names

  package mutating func bind(_ name: String, _ meaning: Meaning) {
    guard name != "_" else { return }
    scopes[scopes.count - 1][name] = meaning
    if emitter.namesValues, let value = meaning.value, emitter.function.name(of: value) == nil {
      emitter.function.setName(name, of: value)
    }
  }

  package func lookUp(_ name: String) -> Meaning? {
    for scope in scopes.reversed() {
      if let meaning = scope[name] { return meaning }
    }
    return nil
  }

  func namesInSight() -> [String] { scopes.flatMap { $0.keys } }

  /// Runs `body` with names of its own.
  mutating func inScope<Result>(
    _ body: (inout Self) throws(EmissionError) -> Result
  ) throws(EmissionError) -> Result {
    scopes.append([:])
    let depth = scopes.count
    defer { scopes.removeLast(scopes.count - depth + 1) }
    return try body(&self)
  }

  // MARK: Expressions

  /// What an expression means. Its ops are written to the function.
  package mutating func meaning(of node: NodeID) throws(EmissionError) -> Meaning {
    let range = syntax[node].range
    switch syntax[node].kind {
    case .integer(let magnitude):
      return Int(exactly: magnitude).map { Meaning.integer($0) } ?? .wide(magnitude)
    case .float(let value): return .number(value)
    case .bool(let value): return .bool(value)
    case .string(let value): return .string(value)
    case .name(let name): return try meaning(ofName: name, range)
    case .list(let nodes):
      var elements: [Meaning] = []
      for node in nodes { elements.append(try single(node)) }
      if elements.contains(where: \.isPoison) { return .poison }
      return .list(try list(elements, range))
    case .call(let name, let arguments): return try call(name, arguments, range)
    case .unary(let operation, let operand): return try unary(operation, operand, range)
    case .binary: return try chain(node)
    case .index(let list, let index): return try element(of: list, at: index, range)
    case .range(let list, let lower, let upper): return try slice(of: list, lower, upper, range)
    case .conditional(let condition, let then, let otherwise):
      return try conditional(condition, then, otherwise, range)
    case .loop(let carried, let condition, let body): return try loop(carried, condition, body, range)
    case .weight(let weight): return try self.weight(weight, range)
    }
  }

  /// One meaning: a call with several results is none.
  mutating func single(_ node: NodeID) throws(EmissionError) -> Meaning {
    let meaning = try meaning(of: node)
    guard case .several(let parts) = meaning else { return meaning }
    if parts.contains(where: \.isPoison) { return .poison }
    throw failed(
      "name.count", "this has \(parts.count) results where one value is needed", syntax[node].range,
      hint: "bind them first: a, b = …")
  }

  private func meaning(ofName name: String, _ range: Range<Int>) throws(EmissionError) -> Meaning {
    if let known = lookUp(name) { return known }
    if let type = ElementType(name: name) { return .elementType(type) }
    if Self.attributeCases.contains(name) { return .name(name) }
    let hint = nearest(to: name, in: namesInSight()).map { "did you mean '\($0)'?" }
    throw failed("name.unknown", "nothing here is called '\(name)'", range, hint: hint)
  }

  /// The cases of all enumerations, which are written bare.
  private static let attributeCases: Set<String> = {
    var names: Set<String> = []
    for info in OpInfo.all where info.phases.contains(.graph) {
      for attribute in info.attributes {
        if case .name(let cases) = attribute.kind { names.formUnion(cases) }
      }
    }
    return names
  }()

  // MARK: Operators

  private mutating func unary(
    _ operation: UnaryOperator, _ node: NodeID, _ range: Range<Int>
  ) throws(EmissionError) -> Meaning {
    let operand = try single(node)
    if operand.isPoison { return .poison }
    at(range)
    if operand.isStatic {
      let arithmetic = emitter.arithmetic
      switch operation {
      case .minus: if let result = try arithmetic.negated(operand) { return result }
      case .not: if let result = try arithmetic.inverted(operand) { return result }
      }
    }
    let code: OpCode = operation == .minus ? .neg : .not
    return try emitter.call(code, [CallArgument(operand, at: place(syntax[node].range))])
  }

  /// `a + b + c + …` without a stack frame for each operator.
  private mutating func chain(_ node: NodeID) throws(EmissionError) -> Meaning {
    var links: [NodeID] = []
    var leftmost = node
    while case .binary(_, let left, _) = syntax[leftmost].kind {
      links.append(leftmost)
      leftmost = left
    }
    var meaning = try single(leftmost)
    var start = syntax[leftmost].range
    for link in links.reversed() {
      guard case .binary(let operation, _, let right) = syntax[link].kind else { continue }
      let range = syntax[link].range
      if case .bool(let known) = meaning, (operation == .or && known) || (operation == .and && !known) {
        start = range
        continue
      }
      let other = try single(right)
      at(range)
      let operands = [CallArgument(meaning, at: place(start)), CallArgument(other, at: place(syntax[right].range))]
      meaning = try binary(operation, operands)
      start = range
    }
    return meaning
  }

  private mutating func binary(
    _ operation: BinaryOperator, _ operands: [CallArgument]
  ) throws(EmissionError) -> Meaning {
    let (left, right) = (operands[0].meaning, operands[1].meaning)
    if left.isPoison || right.isPoison { return .poison }
    let joins = operation == .concatenate
    if joins || (left.isStatic && right.isStatic && operation != .matmul && !left.holdsValues && !right.holdsValues) {
      try spend(left)
      try spend(right)
      if let result = try emitter.arithmetic.binary(operation, left, right) { return result }
    }
    guard let code = operation.opcode else { throw .silent }
    return try emitter.call(code, operands)
  }

  // MARK: Lists

  func list(_ elements: [Meaning], _ range: Range<Int>) throws(EmissionError) -> StaticList {
    let list = StaticList(elements)
    guard list.leaves <= Emitter.maximumLeaves, list.depth <= TypeParser.maximumRank else {
      throw failed("static.limit", "the list is too long", range)
    }
    return list
  }

  private mutating func element(
    of node: NodeID, at index: NodeID, _ range: Range<Int>
  ) throws(EmissionError) -> Meaning {
    let list = try self.list(node)
    let position = try integer(index, "an index")
    let resolved = position < 0 ? position + list.count : position
    guard resolved >= 0, resolved < list.count else {
      throw failed("list.range", "the list has \(list.count) entries, and no entry \(position)", syntax[index].range)
    }
    return list.elements[resolved]
  }

  private mutating func slice(
    of node: NodeID, _ lower: NodeID?, _ upper: NodeID?, _ range: Range<Int>
  ) throws(EmissionError) -> Meaning {
    let list = try self.list(node)
    var first = 0
    var end = list.count
    if let lower { first = try integer(lower, "an index") }
    if let upper { end = try integer(upper, "an index") }
    if first < 0 { first += list.count }
    if end < 0 { end += list.count }
    guard first >= 0, first <= end, end <= list.count else {
      throw failed("list.range", "\(first) ..< \(end) does not lie within the list's \(list.count) entries", range)
    }
    return .list(StaticList(Array(list.elements[first..<end])))
  }

  mutating func list(_ node: NodeID) throws(EmissionError) -> StaticList {
    let meaning = try single(node)
    if case .list(let list) = meaning { return list }
    if meaning.isPoison { throw .silent }
    let hint = meaning.value == nil ? nil : "a part of a tensor is taken with slice or gather"
    throw failed("static.kind", "this is \(meaning.kindName), not a list", syntax[node].range, hint: hint)
  }

  mutating func integer(_ node: NodeID, _ what: String) throws(EmissionError) -> Int {
    let meaning = try single(node)
    if case .size(.constant(let value)) = meaning { return value }
    if meaning.isPoison { throw .silent }
    throw failed(
      "static.kind", "\(what) is an integer that is known while compiling, not \(meaning.kindName)", syntax[node].range)
  }

  // MARK: Limits and complaints

  /// Bounds the work of static expressions: lists may share their parts and be far larger than the text.
  mutating func spend(_ meaning: Meaning) throws(EmissionError) {
    if case .list(let list) = meaning { try spend(list.leaves) }
  }

  mutating func spend(_ work: Int) throws(EmissionError) {
    budget -= max(1, work)
    guard budget >= 0 else {
      throw emitter.failed(
        "static.limit", "too much has to be worked out while compiling: a loop or a list is too long")
    }
  }

  /// Makes `range` the origin of the ops that follow.
  mutating func at(_ range: Range<Int>) { emitter.place = place(range) }

  func place(_ range: Range<Int>) -> Place { .text(syntax.source, range) }

  func failed(
    _ id: String, _ message: String, _ range: Range<Int>, notes: [Diagnostic.Note] = [], hint: String? = nil
  ) -> EmissionError {
    .failed(id, message, at: place(range), notes: notes, hint: hint)
  }
}

extension Meaning {
  /// Whether it is a list with values of the function among its entries.
  var holdsValues: Bool {
    guard case .list(let list) = self else { return false }
    return list.holdsValues
  }
}
