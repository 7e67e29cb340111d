import ApusIR
import ApusSupport
import ApusTensor

/// How often a loop runs at most.
enum LoopLimit {
  case none
  case size(Dim)
  case value(ValueID)
}

/// A loop that is to be written: it counts, carries values, and collects what each round gives.
struct LoopPlan {
  var limit: LoopLimit
  /// Whether the first round runs; nil for yes.
  var condition: ValueID?
  var initial: [ValueID]
  /// How many values the rounds give besides, each collected along a new first axis.
  var collected: Int
  /// Whether what is collected is filled from the end.
  var reversed: [Bool] = []
  /// Rows that what is collected has even if the loop ends early; those not reached are zero. Else as many as rounds ran.
  var rows: Dim?
}

/// What one round gives.
struct LoopRound {
  /// Whether another follows; nil for yes.
  var condition: ValueID?
  var carried: [ValueID]
  var collected: [ValueID]
}

extension ModelImport {
  /// Writes a loop. `body` gets the number of the round and what is carried; it may be called several times, since what
  /// changes from round to round is found out by trying.
  ///
  /// Gives what is carried last, and what was collected.
  func loop(
    _ plan: LoopPlan, _ body: (ValueID, [ValueID]) throws -> LoopRound
  ) throws -> (last: [ValueID], collected: [ValueID]) {
    let writer = LoopWriter(self, plan)
    while true {
      if let values = try writer.attempt(body) {
        let first = values.count - plan.collected
        return (Array(values[(first - plan.initial.count)..<first]), Array(values[first...]))
      }
    }
  }
}

/// Attempts at one loop, and what they have taught.
private final class LoopWriter {
  private let context: ModelImport
  private let plan: LoopPlan
  /// What is collected, once a round has shown its types.
  private var rows: [TensorType]?
  private var hasCondition: Bool
  /// The sizes that change.
  private var carried: CarriedValues?

  init(_ context: ModelImport, _ plan: LoopPlan) {
    self.context = context
    self.plan = plan
    hasCondition = plan.condition != nil
  }

  /// Results of the op; nil where something new was learned.
  func attempt(_ body: (ValueID, [ValueID]) throws -> LoopRound) throws -> [ValueID]? {
    let known = context.emitter.function.symbols.count
    var carried = try self.carried ?? start()
    let place = context.emitter.place
    let initial = try context.emitter.initialValues(carried, at: place)
    let op = context.emitter.insertControl(.while, initial)
    let outer = context.emitter.point
    do {
      let before = context.emitter.addCarriedParameters(0, of: op, carried)
      let test = try context.inRegion(0, of: op) { try condition(before) }
      try context.emitter.terminate(0, of: op, .continue, [test])
      let parameters = context.emitter.addCarriedParameters(1, of: op, carried)
      let results = try context.inRegion(1, of: op) { try round(parameters, body, knownSymbols: known) }
      context.emitter.place = place
      guard let results else {
        context.emitter.abandon(op, outer)
        self.carried = nil
        return nil
      }
      guard let yields = try context.emitter.carriedOn(results.map { .value($0) }, op, &carried) else {
        context.emitter.abandon(op, outer)
        self.carried = carried
        return nil
      }
      try context.emitter.terminate(1, of: op, .yield, yields)
      return try context.emitter.finishControl(op, context.emitter.carriedTypes(op, carried))
    } catch {
      context.emitter.abandon(op, outer)
      throw error
    }
  }

  /// The counter, the condition if there is one, what the model carries, and what is collected.
  private func start() throws -> CarriedValues {
    var values: [Meaning] = [.value(try context.value(of: .constant(Tensor([Int64(0)], shape: []))))]
    if hasCondition {
      values.append(.value(try plan.condition ?? context.value(of: .constant(Tensor(repeating: .bool(true), .bool, shape: [])))))
    }
    values += plan.initial.map { .value($0) }
    for type in rows ?? [] {
      let zero = try context.value(of: .constant(Tensor(repeating: .signed(0), type.element, shape: [])))
      values.append(.value(context.emitter.broadcast(zero, to: [fixedRows ?? 0] + type.dims)))
    }
    return CarriedValues(values, group: 0)
  }

  /// How many rows are collected, if that is known before the loop.
  private var fixedRows: Dim? {
    if let rows = plan.rows { return rows }
    guard case .size(let dim) = plan.limit, !hasCondition else { return nil }
    return dim
  }

  private func condition(_ values: [ValueID]) throws -> ValueID {
    let emitter = context.emitter
    var tests: [Meaning] = []
    switch plan.limit {
    case .none: break
    case .size(let dim): tests.append(try context.call(.less, [.value(values[0]), .size(dim)]))
    case .value(let limit): tests.append(try context.call(.less, [.value(values[0]), .value(limit)]))
    }
    if hasCondition { tests.append(.value(values[1])) }
    // That there is a condition may be found out by the first round.
    guard let first = tests.first else { return try context.value(of: .constant(Tensor(repeating: .bool(true), .bool, shape: []))) }
    let test = tests.count == 1 ? first : try context.call(.and, tests)
    return try context.emitter.value(of: test, at: emitter.place)
  }

  /// One round; nil where it showed that there is more to carry.
  private func round(
    _ parameters: [ValueID], _ body: (ValueID, [ValueID]) throws -> LoopRound, knownSymbols: Int
  ) throws -> [ValueID]? {
    let counter = parameters[0]
    let first = hasCondition ? 2 : 1
    let round = try body(counter, Array(parameters[first..<first + plan.initial.count]))
    if context.diagnostics.hasErrors || !context.needed.inputs.isEmpty { throw EmissionError.silent }
    guard round.carried.count == plan.initial.count, round.collected.count == plan.collected else {
      throw DiagnosticError(
        id: "onnx.subgraph",
        "the loop's graph gives \(round.carried.count + round.collected.count) values, where \(plan.initial.count) are carried and "
          + "\(plan.collected) collected", at: context.emitter.place)
    }
    if case .none = plan.limit, !hasCondition, round.condition == nil {
      throw DiagnosticError(.unsupported, id: "onnx.loop", "nothing ends the loop", at: context.emitter.place)
    }
    var isNew = false
    if round.condition != nil, !hasCondition {
      hasCondition = true
      isNew = true
    }
    let types = round.collected.map { context.emitter.type(of: $0) }
    if rows == nil, !types.isEmpty {
      guard types.allSatisfy({ $0.dims.allSatisfy { context.isReachable($0, knownSymbols) } }) else {
        throw DiagnosticError(
          .unsupported, id: "onnx.loop", "what the rounds give may differ in size", at: context.emitter.place)
      }
      rows = types
      isNew = true
    }
    if isNew { return nil }
    var next = [try context.emitted(.add, [.value(counter), .integer(1)])]
    if hasCondition {
      next.append(try round.condition ?? context.value(of: .constant(Tensor(repeating: .bool(true), .bool, shape: []))))
    }
    next += round.carried
    for (index, row) in round.collected.enumerated() {
      next.append(try collected(parameters[first + plan.initial.count + index], row, counter, index))
    }
    return next
  }

  private func collected(_ rows: ValueID, _ row: ValueID, _ counter: ValueID, _ index: Int) throws -> ValueID {
    // No round runs, and the body alone says what it would give.
    if fixedRows == 0 { return rows }
    let type = context.emitter.type(of: row)
    let update = context.emitter.reshape(row, to: [1] + type.dims)
    let isReversed = index < plan.reversed.count && plan.reversed[index]
    guard let count = fixedRows else {
      return try context.emitted(.concat, isReversed ? [.value(update), .value(rows)] : [.value(rows), .value(update)], ["axis": .integer(0)])
    }
    var position: Meaning = .value(counter)
    if isReversed { position = try context.call(.sub, [.size(try context.emitter.size(.subtract, count, 1)), position]) }
    let starts = Meaning.list(StaticList([position] + type.dims.map { _ in .integer(0) }))
    return try context.emitted(.dynamicUpdateSlice, [.value(rows), .value(update), starts])
  }
}

extension ModelImport {
  /// Calls an op as the graph language does.
  func call(_ code: OpCode, _ operands: [Meaning], _ attributes: KeyValuePairs<String, Meaning> = [:]) throws -> Meaning {
    var arguments = operands.map { CallArgument($0, at: emitter.place) }
    arguments += attributes.map { CallArgument($0.value, label: $0.key, at: emitter.place) }
    return try emitter.call(code, arguments)
  }

  func emitted(_ code: OpCode, _ operands: [Meaning], _ attributes: KeyValuePairs<String, Meaning> = [:]) throws -> ValueID {
    try emitter.value(of: call(code, operands, attributes), at: emitter.place)
  }
}
