import ApusSupport
import ApusTensor

/// Writes ops into a function the way the graph language means them: literals take the type they
/// meet, operands are broadcast, attributes are checked and put in order (IR-specs/language.md).
///
/// Both the lowering of text and the builder in Swift go through it. It holds the function by value;
/// take it out when done.
package struct Emitter {
  package var function: Function
  /// Where the next op goes.
  package var point: InsertionPoint
  /// Where what is being lowered was written.
  package var place: Place = .none

  /// Values whose element type came from a literal alone, and the carried variable of a loop that
  /// they come from. Where one meets a value of a definite type, its loop is lowered anew with that.
  var flexible: [ValueID: Int] = [:]
  var flexibleGroups = 0
  /// What asserts make sure of already, for the block that is written and those around it.
  var guards: [Set<SizeRelation>] = [[]]
  /// Where parameters were written.
  package var origins: [ValueID: Place] = [:]
  /// The location of every op, where it is not that of `place`.
  var fixedLocation: LocationID?
  /// Whether the body of a composite is tried with its operands: what only the body asks of them is found
  /// while the graph is read.
  package var checksDefinitions = false
  private var checkedDefinitions: Set<DefinitionUse> = []
  /// Whether values are called what the text calls them.
  var namesValues = true
  private var locationOfPlace: (place: Place, id: LocationID)?

  package init(_ function: Function, at point: InsertionPoint) {
    self.function = function
    self.point = point
  }

  private struct DefinitionUse: Hashable {
    let code: OpCode
    let operands: [TensorType]
    let attributes: [NamedAttribute]
  }

  struct SizeRelation: Hashable {
    let relation: Obligation.Relation
    let lhs: Dim
    let rhs: Dim
  }

  // MARK: Ops

  /// Where the operands and attributes of an op were written, for messages that point at them.
  package struct Places {
    package var operands: [Place] = []
    package var attributes: [String: Place] = [:]
    package init() {}
  }

  /// Adds an op with inferred result types, and before it a guard for each relation between sizes that
  /// inference leaves open.
  ///
  /// `stated` gives the result types where operands do not fix them.
  package mutating func emit(
    _ code: OpCode, _ operands: [ValueID], _ attributes: [NamedAttribute] = [], stated: [TensorType]? = nil,
    places: Places = Places()
  ) throws(EmissionError) -> [ValueID] {
    try checkCount(operands.count, of: "operands")
    let types = operands.map { function.type(of: $0) }
    for type in stated ?? [] { try check(type) }
    let inferred: Inferred
    do {
      inferred = try infer(code, operands: types, attributes: attributes, stated: stated, symbols: &function.symbols)
    } catch {
      throw .failed([diagnostic(error, operands, places)])
    }
    for type in inferred.results { try check(type) }
    if checksDefinitions, code.info.isComposite { try checkDefinition(code, types, inferred.attributes) }
    for obligation in inferred.obligations {
      guardRelation(obligation)
    }
    let op = function.insert(
      code, operands, attributes: inferred.attributes, results: inferred.results, at: point, location: location())
    return function.results(of: op)
  }

  private mutating func checkDefinition(
    _ code: OpCode, _ operands: [TensorType], _ attributes: [NamedAttribute]
  ) throws(EmissionError) {
    let use = DefinitionUse(code: code, operands: operands, attributes: attributes)
    guard !checkedDefinitions.contains(use) else { return }
    let found = CompositeExpansion.check(
      code, operandTypes: operands, attributes: attributes, symbols: function.symbols, at: place)
    guard found.isEmpty else { throw .failed(found) }
    checkedDefinitions.insert(use)
  }

  package func type(of value: ValueID) -> TensorType { function.type(of: value) }

  /// The row in the function's table for the current place.
  mutating func location() -> LocationID {
    if let fixedLocation { return fixedLocation }
    if let known = locationOfPlace, known.place == place { return known.id }
    let id = function.addLocation(place == .none ? .unknown : .place(place))
    locationOfPlace = (place, id)
    return id
  }

  /// An op has 16 bits for its number of operands.
  func checkCount(_ count: Int, of what: String) throws(EmissionError) {
    guard count <= Int(UInt16.max) else {
      throw failed("op.operands", "\(count) \(what) are more than the \(UInt16.max) that an op can have")
    }
  }

  /// Refuses what could only be a mistake or an attack: sizes that are negative, or that nothing can hold.
  package func check(_ type: TensorType) throws(EmissionError) {
    for dim in type.dims {
      if let upper = function.symbols.bounds(of: dim).upper, upper < 0 {
        throw failed("dim.negative", "the size \(text(dim)) is negative")
      }
      guard dim.isSimple else {
        throw failed("dim.size", "a size has more than \(StaticArithmetic.maximumComplexity) terms")
      }
    }
    guard type.rank <= TypeParser.maximumRank else {
      throw failed("dim.rank", "a tensor has at most \(TypeParser.maximumRank) axes, not \(type.rank)")
    }
    guard type.smallestByteCount != nil else {
      throw failed("dim.overflow", "\(text(type)) takes more bytes than an address can count")
    }
  }

  /// Refuses a type that would not fit in memory at the upper bounds of its symbols.
  package func checkLargest(_ type: TensorType) throws(EmissionError) {
    var count = type.element.byteCount
    for dim in type.dims {
      guard let upper = function.symbols.bounds(of: dim).upper, upper > 0 else { continue }
      let (product, overflow) = count.multipliedReportingOverflow(by: upper)
      guard !overflow else {
        throw failed("dim.overflow", "\(text(type)) can take more bytes than an address can count")
      }
      count = product
    }
  }

  // MARK: Guards

  /// Makes sure that two sizes are equal when the graph runs, with an `assert` where that cannot be known now.
  package mutating func require(_ a: Dim, equals b: Dim, _ message: String? = nil) throws(EmissionError) {
    let message = message ?? "the sizes \(text(a)) and \(text(b)) must be equal"
    switch function.symbols.equal(a, b) {
    case .yes: return
    case .no: throw failed("dim.mismatch", message)
    case .unknown: guardRelation(Obligation(.equal, a, b, id: "dim.mismatch", message: message))
    }
  }

  package mutating func require(_ a: Dim, atMost b: Dim, _ message: String, id: String) throws(EmissionError) {
    switch function.symbols.lessOrEqual(a, b) {
    case .yes: return
    case .no: throw failed(id, message)
    case .unknown: guardRelation(Obligation(.lessOrEqual, a, b, id: id, message: message))
    }
  }

  /// Makes sure that a relation, which the symbols leave open, holds when the graph runs.
  package mutating func require(_ obligation: Obligation) { guardRelation(obligation) }

  /// Adds an `assert` of a relation that the symbols leave open, unless one that has run implies it. What
  /// always runs and is about the arguments alone is noted as well: then the inputs are refused at once.
  private mutating func guardRelation(_ obligation: Obligation) {
    let (a, b) = (obligation.lhs, obligation.rhs)
    let equal = SizeRelation(relation: .equal, lhs: a, rhs: b)
    let mirrored = SizeRelation(relation: .equal, lhs: b, rhs: a)
    let asked = SizeRelation(relation: obligation.relation, lhs: a, rhs: b)
    for known in guards where known.contains(equal) || known.contains(mirrored) || known.contains(asked) { return }
    guards[guards.count - 1].insert(asked)
    if isUnconditional, isAboutArguments(a), isAboutArguments(b) { function.require(obligation) }
    let left = insert(.size, [], [NamedAttribute("of", .dims([a]))], .scalar(.s64))
    let right = insert(.size, [], [NamedAttribute("of", .dims([b]))], .scalar(.s64))
    let comparison: OpCode = obligation.relation == .equal ? .equal : .lessEqual
    let holds = insert(comparison, [left, right], [], .scalar(.bool))
    assert(holds, obligation.message)
  }

  /// Whether what is written now is not in a region of control flow.
  private var isUnconditional: Bool {
    switch point {
    case .before(let op), .after(let op): function.block(of: op) == function.entry
    case .end(let block), .start(let block): block == function.entry
    }
  }

  private func isAboutArguments(_ dim: Dim) -> Bool {
    var result = true
    dim.forEachSymbol { if function.symbols[$0].origin != .argument { result = false } }
    return result
  }

  /// Adds an `assert`.
  package mutating func assert(_ condition: ValueID, _ message: String) {
    let attributes = [NamedAttribute("message", .string(message))]
    function.insert(.assert, [condition], attributes: attributes, results: [], at: point, location: location())
  }

  /// Adds an op of known result type.
  mutating func insert(
    _ code: OpCode, _ operands: [ValueID], _ attributes: [NamedAttribute], _ result: TensorType
  ) -> ValueID {
    let op = function.insert(
      code, operands, attributes: attributes, results: [result], at: point, location: location())
    return function.result(of: op)
  }

  // MARK: Complaining

  package func failed(
    _ id: String, _ message: String, at place: Place? = nil, notes: [Diagnostic.Note] = [], hint: String? = nil
  ) -> EmissionError {
    .failed(id, message, at: place ?? self.place, notes: notes, hint: hint)
  }

  /// A broken rule with the places of what broke it: the first operand at fault, then the others.
  private func diagnostic(_ error: InferenceError, _ operands: [ValueID], _ places: Places) -> Diagnostic {
    var at = place
    if let name = error.attribute, let known = places.attributes[name] { at = known }
    var notes: [Diagnostic.Note] = []
    for (index, operand) in error.operands.enumerated() where operand < operands.count {
      if index == 0, operand < places.operands.count { at = places.operands[operand] }
      let value = operands[operand]
      if let origin = origin(of: value) {
        notes.append(Diagnostic.Note("\(nameOrThis(value)) is \(text(type(of: value)))", at: origin))
      }
    }
    return Diagnostic(id: error.id, error.message, at: at, notes: notes)
  }

  /// Where a value was made.
  func origin(of value: ValueID) -> Place? {
    if let known = origins[value] { return known }
    guard let op = function.definingOp(of: value), case .place(let place) = function.location(of: op) else {
      return nil
    }
    return place
  }

  private func nameOrThis(_ value: ValueID) -> String {
    function.name(of: value).map { "'\($0)'" } ?? "this"
  }

  package func text(_ dim: Dim) -> String { function.symbols.text(dim) }
  package func text(_ type: TensorType) -> String { function.symbols.text(type) }

  /// Arithmetic on sizes. Reports `dim.overflow`, `dim.division` or `dim.size`.
  package func size(_ operation: BinaryOperator, _ a: Dim, _ b: Dim) throws(EmissionError) -> Dim {
    guard case .size(let dim)? = try arithmetic.binary(operation, .size(a), .size(b)) else {
      preconditionFailure("'\(operation.rawValue)' of sizes is no size")
    }
    return dim
  }

  /// `min` or `max` of sizes.
  package func size(_ function: String, _ a: Dim, _ b: Dim) throws(EmissionError) -> Dim {
    guard case .size(let dim)? = try arithmetic.function(function, .size(a), .size(b)) else {
      preconditionFailure("\(function) of sizes is no size")
    }
    return dim
  }

  var arithmetic: StaticArithmetic { StaticArithmetic(symbols: function.symbols, place: place) }
}

extension TensorType {
  /// The bytes it takes if every symbolic size is 1; `nil` if that does not fit.
  var smallestByteCount: Int? {
    var count = element.byteCount
    for dim in dims {
      guard let size = dim.constantValue, size != 0 else { continue }
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      if overflow { return nil }
      count = product
    }
    return count
  }
}
