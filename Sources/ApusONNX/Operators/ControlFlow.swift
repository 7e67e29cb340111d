import ApusIR
import ApusSupport
import ApusTensor

extension Operators {
  /// Operators that run graphs of their own. They see the names around them, so none is computed while importing.
  static var controlFlow: [OperatorRule] {
    [
      OperatorRule("If", folds: false) { n in
        let results = try n.context.branches(n.input(0), try n.graph("then_branch"), try n.graph("else_branch"))
        guard results.count >= n.node.outputs.count else {
          throw n.error("onnx.subgraph", "the branches have \(results.count) outputs, and the node \(n.node.outputs.count)")
        }
        return results
      },
      OperatorRule("Loop", folds: false) { try LoopTranslation($0).results() },
      OperatorRule("Scan", folds: false) { n in n.version < 9 ? try batchedScan(n) : try scan(n) },
    ]
  }
}

/// `Loop` on its way into the function.
private struct LoopTranslation {
  let n: NodeTranslation
  let body: GraphProto
  let initial: [Imported]
  let collected: Int
  /// How often it runs at most, and whether it runs at all, where that is known; nil for a condition that is not.
  let count: Int?
  let runs: Bool?

  /// Rounds, and nodes in them, that are written one after another.
  private static let maximumRounds = 4_096
  private static let maximumNodes = 1 << 16

  init(_ n: NodeTranslation) throws {
    self.n = n
    body = try n.graph("body")
    initial = Array(n.inputs.dropFirst(2))
    guard body.inputs.count == initial.count + 2, body.outputs.count > initial.count else {
      throw n.error(
        "onnx.subgraph",
        "the body has \(body.inputs.count) inputs and \(body.outputs.count) outputs, and \(initial.count) values are carried")
    }
    collected = body.outputs.count - initial.count - 1
    count = n.has(0) ? n.constantIfKnown(0).flatMap { $0.count == 1 ? $0.integer(at: 0) : nil } : .max
    runs = n.has(1) ? n.constantIfKnown(1).flatMap { $0.count == 1 ? $0.integer(at: 0) != 0 : nil } : true
  }

  func results() throws -> [Imported] {
    let rounds = runs == false ? 0 : count
    // What is known of constants that change from round to round would be lost in a loop.
    let isSmall = rounds.map { $0 <= 16 } ?? false
    if isSmall, !initial.isEmpty, initial.allSatisfy({ n.context.constant(of: $0) != nil }) {
      if let results = n.context.trial({ try unrolled(rounds ?? 0) }).result { return results }
    }
    let looped = n.context.trial { try self.looped() }
    if let results = looped.result { return results }
    if let rounds, runs != nil {
      let unrolled = n.context.trial { try self.unrolled(rounds) }
      if let results = unrolled.result { return results }
      if !unrolled.needed.inputs.isEmpty { throw n.context.needsValues(of: [], after: unrolled) }
      throw n.context.report(looped)
    }
    throw n.context.needsValues(of: [n.input(0), n.input(1)], after: looped)
  }

  /// A number or condition that the body may want as a scalar or as a vector of one.
  private func shaped(_ value: ValueID, like input: Int) -> ValueID {
    guard case .tensor(_, let shape?)? = body.inputs[input].type else { return value }
    return n.context.emitter.reshape(value, to: shape.map { _ in 1 })
  }

  private func condition(_ value: ValueID) throws -> ValueID {
    guard n.element(value) == .bool else { throw n.error("onnx.condition", "a condition is one bool, not \(n.element(value))") }
    return try n.reshape(value, [])
  }

  private func looped() throws -> [Imported] {
    var limit = LoopLimit.none
    if runs == false {
      limit = .size(0)
    } else if n.has(0) {
      if let dim = n.context.dims(of: n.input(0))?.first {
        limit = .size(try n.larger(dim, 0))
      } else {
        limit = .value(try n.reshape(n.value(0), []))
      }
    }
    let first = runs == nil ? try condition(n.value(1)) : nil
    let values = try initial.map { try n.value(of: $0) }
    let plan = LoopPlan(limit: limit, condition: first, initial: values, collected: collected)
    let types = initial.map(\.narrowType)
    var rowTypes: [NarrowType?] = []
    let results = try n.context.loop(plan) { counter, carried in
      let number = shaped(n.convert(counter, to: numberType), like: 0)
      // A round only runs where the condition holds.
      let holds = try n.context.value(of: .constant(Tensor(repeating: .bool(true), .bool, shape: conditionShape)))
      let outputs = try n.context.outputs(of: body, [.value(number), .value(holds)] + marked(carried, types))
      try n.requireTypes(types, of: outputs[1...initial.count])
      rowTypes = outputs.dropFirst(initial.count + 1).map(\.narrowType)
      let goes = n.context.constant(of: outputs[0]).flatMap { $0.count == 1 ? $0.integer(at: 0) : nil }
      return LoopRound(
        condition: goes == 1 ? nil : try condition(n.value(of: outputs[0])),
        carried: try outputs[1...initial.count].map { try n.value(of: $0) },
        collected: try outputs.dropFirst(initial.count + 1).map { try n.value(of: $0) })
    }
    return marked(results.last, types) + marked(results.collected, rowTypes)
  }

  private var numberType: ElementType {
    if case .tensor(let dataType, _)? = body.inputs[0].type, let element = ElementType(onnx: dataType) { return element }
    return .s64
  }

  private var conditionShape: [Int] {
    guard case .tensor(_, let shape?)? = body.inputs[1].type else { return [] }
    return shape.map { _ in 1 }
  }

  private func unrolled(_ rounds: Int) throws -> [Imported] {
    let shape: [Int]
    if case .tensor(_, let declared?)? = body.inputs[0].type { shape = declared.map { _ in 1 } } else { shape = [] }
    var carried = initial
    var rows: [[Imported]] = Array(repeating: [], count: collected)
    var round = 0
    while round < rounds {
      guard round < Self.maximumRounds, round * body.nodes.count < Self.maximumNodes else {
        throw n.unsupported("the loop runs too often to be written out")
      }
      let number = try Tensor(repeating: .signed(Int64(round)), .s64, shape: shape)
      let holds = try Tensor(repeating: .bool(true), .bool, shape: conditionShape)
      let outputs = try n.context.outputs(of: body, [.constant(number), .constant(holds)] + carried)
      try n.requireTypes(initial.map(\.narrowType), of: outputs[1...initial.count])
      carried = Array(outputs[1...initial.count])
      for (index, row) in outputs.dropFirst(initial.count + 1).enumerated() { rows[index].append(row) }
      guard let goes = n.context.constant(of: outputs[0]), goes.count == 1 else {
        throw n.unsupported("when the loop ends depends on values")
      }
      if goes.integer(at: 0) == 0 { break }
      round += 1
    }
    return try carried + rows.map { try stacked($0) }
  }

  private func stacked(_ rows: [Imported]) throws -> Imported {
    guard !rows.isEmpty else { throw n.unsupported("nothing says the shape of what no round gives") }
    let parts = try rows.map { row in
      let value = try n.value(of: row)
      return try n.reshape(value, [1] + n.dims(value))
    }
    let whole = parts.count == 1 ? parts[0] : try n.call(.concat, parts.map { .value($0) }, ["axis": .integer(0)])
    return .value(whole).marked(rows[0].narrowType)
  }
}

/// Values as those of the narrow types that they carry.
private func marked(_ values: [ValueID], _ types: [NarrowType?]) -> [Imported] {
  zip(values, types).map { .value($0).marked($1) }
}

extension NodeTranslation {
  /// What a round carries on is of the narrow types that it began with. Throws `onnx.type`.
  fileprivate func requireTypes(_ types: [NarrowType?], of outputs: ArraySlice<Imported>) throws {
    for (type, output) in zip(types, outputs) where type != output.narrowType {
      let found = context.storedType(of: output)?.name ?? "no tensor"
      throw error("onnx.type", "the body carries on \(found), and what it began with is of another type: \(type?.name ?? "none such")")
    }
  }
}

extension Operators {
  /// A scan over one axis of each of its inputs.
  private static func scan(_ n: NodeTranslation) throws -> [Imported] {
    let count = try scanInputCount(n, 0)
    let body = try n.graph("body")
    let values = try (0..<n.inputCount).map { try n.value($0) }
    let types = n.inputs.map(\.narrowType)
    let states = Array(values.dropLast(count))
    let axes = try n.ints("scan_input_axes", Array(repeating: 0, count: count))
    guard axes.count == count else { throw n.error("onnx.attribute", "there are \(axes.count) axes for \(count) inputs") }
    let scans = try zip(values.suffix(count), axes).map { value, axis in (value, try n.axis(axis, rank: n.rank(value))) }
    let collected = body.outputs.count - states.count
    guard collected >= 0 else { throw n.error("onnx.subgraph", "the body gives fewer values than there are states") }
    let length = try scanLength(n, scans)
    let (last, found, rowTypes) = try scanned(
      n, body, states, scans, types, limit: .size(length), rows: length,
      backwards: try directions(n, "scan_input_directions", count),
      reversed: try directions(n, "scan_output_directions", collected))
    let outputAxes = try n.ints("scan_output_axes", Array(repeating: 0, count: collected))
    guard outputAxes.count == collected else {
      throw n.error("onnx.attribute", "there are \(outputAxes.count) axes for \(collected) outputs")
    }
    var rows = found
    for (index, wanted) in outputAxes.enumerated() {
      let rank = n.rank(rows[index])
      var perm = Array(1..<rank)
      perm.insert(0, at: try n.axis(wanted, rank: rank))
      rows[index] = try n.transpose(rows[index], perm)
    }
    return marked(last, types) + marked(rows, rowTypes)
  }

  /// The first version: each entry of a batch is scanned on its own, over its own length.
  private static func batchedScan(_ n: NodeTranslation) throws -> [Imported] {
    let count = try scanInputCount(n, 1)
    let body = try n.graph("body")
    let values = try (1..<n.inputCount).map { try n.value($0) }
    let states = Array(values.dropLast(count))
    let scans = Array(values.suffix(count))
    let collected = body.outputs.count - states.count
    guard collected >= 0 else { throw n.error("onnx.subgraph", "the body gives fewer values than there are states") }
    for value in scans where n.rank(value) < 2 { throw n.error("onnx.operand", "an input to scan has no batch and sequence axes") }
    for value in states where n.rank(value) < 1 { throw n.error("onnx.operand", "a state has no batch axis") }
    let batch = n.dims(scans[0])[0]
    let length = try scanLength(n, scans.map { ($0, 1) })
    let lengths = try n.optionalValue(0)
    let backwards = try directions(n, "directions", count)
    let plan = LoopPlan(limit: .size(batch), initial: [], collected: states.count + collected)
    let (_, rows) = try n.context.loop(plan) { entry, _ in
      let own = try (states + scans).map { try n.call(.gather, $0, entry, attributes: ["axis": .integer(0)]) }
      let limit: LoopLimit = try lengths.map { .value(try n.call(.gather, $0, entry, attributes: ["axis": .integer(0)])) } ?? .size(length)
      let (last, rows, _) = try scanned(
        n, body, Array(own.prefix(states.count)), own.suffix(count).map { ($0, 0) }, own.map { _ in nil }, limit: limit, rows: length,
        backwards: backwards, reversed: [])
      return LoopRound(carried: [], collected: last + rows)
    }
    return rows.map { .value($0) }
  }

  private static func scanned(
    _ n: NodeTranslation, _ body: GraphProto, _ states: [ValueID], _ scans: [(value: ValueID, axis: Int)], _ types: [NarrowType?],
    limit: LoopLimit, rows: Dim, backwards: [Bool], reversed: [Bool]
  ) throws -> (last: [ValueID], rows: [ValueID], rowTypes: [NarrowType?]) {
    let plan = LoopPlan(
      limit: limit, initial: states, collected: body.outputs.count - states.count, reversed: reversed, rows: rows)
    var rowTypes: [NarrowType?] = []
    let results = try n.context.loop(plan) { round, carried in
      var parts: [ValueID] = []
      for (scan, isBackwards) in zip(scans, backwards) {
        var index: Meaning = .value(round)
        if isBackwards {
          let length: Meaning
          switch limit {
          case .value(let own): length = .value(own)
          case .size, .none: length = .size(n.dims(scan.value)[scan.axis])
          }
          index = .value(try n.call(.sub, [.value(n.call(.sub, [length, .integer(1)])), .value(round)]))
        }
        parts.append(try n.call(.gather, [.value(scan.value), index], ["axis": .integer(scan.axis)]))
      }
      let given = try n.context.outputs(of: body, marked(carried + parts, types))
      try n.requireTypes(Array(types.prefix(states.count)), of: given.prefix(states.count))
      rowTypes = given.dropFirst(states.count).map(\.narrowType)
      let outputs = try given.map { try n.value(of: $0) }
      return LoopRound(carried: Array(outputs.prefix(states.count)), collected: Array(outputs.dropFirst(states.count)))
    }
    return (results.last, results.collected, rowTypes)
  }

  private static func scanInputCount(_ n: NodeTranslation, _ first: Int) throws -> Int {
    guard let count = try n.optionalInt("num_scan_inputs"), count > 0, count <= n.inputCount - first else {
      throw n.error("onnx.attribute", "num_scan_inputs is between 1 and the number of operands")
    }
    return count
  }

  private static func scanLength(_ n: NodeTranslation, _ scans: [(value: ValueID, axis: Int)]) throws -> Dim {
    let lengths = scans.map { n.dims($0.value)[$0.axis] }
    for length in lengths.dropFirst() { try n.context.emitter.require(lengths[0], equals: length) }
    return lengths[0]
  }

  private static func directions(_ n: NodeTranslation, _ name: String, _ count: Int) throws -> [Bool] {
    let found = try n.ints(name, Array(repeating: 0, count: count))
    guard found.count == count, found.allSatisfy({ $0 == 0 || $0 == 1 }) else {
      throw n.error("onnx.attribute", "'\(name)' has a 0 or 1 for each of \(count)")
    }
    return found.map { $0 == 1 }
  }
}
