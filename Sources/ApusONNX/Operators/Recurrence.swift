import ApusIR
import ApusTensor

extension Operators {
  /// Recurrent layers: each direction is a loop over time, or the op that is one.
  static var recurrence: [OperatorRule] {
    [
      OperatorRule("RNN") { try Recurrence($0, .simple).outputs() },
      OperatorRule("GRU") { try Recurrence($0, .gru).outputs() },
      OperatorRule("LSTM") { try Recurrence($0, .lstm).outputs() },
    ]
  }
}

/// One node of a recurrent operator.
struct Recurrence {
  private let n: NodeTranslation
  private let kind: RecurrentCell.Kind
  private let cells: [RecurrentCell]
  /// Whether each direction runs from the end.
  private let reversed: [Bool]
  private let isBatchMajor: Bool
  /// `[time, batch, input]`.
  private let x: ValueID
  private let hidden: Dim

  init(_ n: NodeTranslation, _ kind: RecurrentCell.Kind, quantizesState: Bool = false) throws {
    self.n = n
    self.kind = kind
    switch try n.string("direction", "forward") {
    case "forward": reversed = [false]
    case "reverse": reversed = [true]
    case "bidirectional": reversed = [false, true]
    case let other: throw n.error("onnx.attribute", "there is no direction '\(other)'")
    }
    cells = try RecurrentCell.cells(n, kind, directions: reversed.count, quantizesState: quantizesState)
    isBatchMajor = try n.int("layout", 0) == 1
    let given = try n.value(0)
    for index in 0..<3 where try n.inputType(index).rank != 3 {
      throw n.error("onnx.shape", "operand \(index) has \(try n.inputType(index).rank) axes, not 3")
    }
    x = try isBatchMajor ? n.transpose(given, [1, 0, 2]) : given
    hidden = try n.inputType(2).dims[2]
    if let stated = try n.optionalInt("hidden_size"), n.areEqual(hidden, .constant(stated)) == .no {
      throw n.error("onnx.attribute", "'hidden_size' is \(stated), which the weights' sizes are not")
    }
  }

  /// All states `[time, directions, batch, hidden]`, and the last ones.
  func outputs() throws -> [Imported] {
    var parts: [[ValueID]] = [[], [], []]
    for direction in cells.indices {
      let results = try run(direction)
      for (index, result) in results.enumerated() {
        var dims = n.dims(result)
        dims.insert(1, at: index == 0 ? 1 : 0)
        parts[index].append(try n.reshape(result, dims))
      }
    }
    var outputs: [Imported] = []
    for (index, part) in parts.enumerated() where !part.isEmpty {
      var value = part[0]
      if part.count > 1 { value = try n.call(.concat, part.map { .value($0) }, ["axis": .integer(index == 0 ? 1 : 0)]) }
      if isBatchMajor { value = try n.transpose(value, index == 0 ? [2, 0, 1, 3] : [1, 0, 2]) }
      outputs.append(.value(value))
    }
    return outputs
  }

  private func run(_ direction: Int) throws -> [ValueID] {
    let cell = cells[direction]
    let initial = try self.initial(5, direction)
    let cellState = kind == .lstm ? try self.initial(6, direction) : nil
    let (w, r) = (try part(1, direction), try part(2, direction))
    let bias = n.has(3) ? try part(3, direction) : nil
    let peepholes = kind == .lstm && n.has(7) ? try part(7, direction) : nil
    guard !n.has(4), peepholes == nil, cell.isStandard, kind != .simple else {
      let biases = try bias ?? n.filled(0, n.element(x), [n.product(2, n.dims(w)[0])])
      let names: [String: Meaning] = [
        "x": .value(x), "w": .value(w), "r": .value(r), "bias": .value(biases),
        "p": peepholes.map { .value($0) } ?? .absent, "first": .value(initial),
        "first_cell": cellState.map { .value($0) } ?? .absent, "lengths": try n.operand(4),
        "reversed": .bool(reversed[direction]),
      ]
      return try n.results(cell.formula, names.merging(cell.parameters) { own, _ in own })
    }
    var operands: [Meaning] = [.value(try inOrder(x, direction)), .value(w), .value(r), .value(initial)]
    if let cellState { operands.append(.value(cellState)) }
    operands.append(bias.map { .value($0) } ?? .absent)
    var results: [ValueID]
    if kind == .lstm {
      results = try n.calls(.lstm, operands)
    } else {
      results = try n.calls(.gru, operands, ["linear_before_reset": .bool(cell.resetsAfterwards)])
    }
    results[0] = try inOrder(results[0], direction)
    return results
  }

  private func inOrder(_ value: ValueID, _ direction: Int) throws -> ValueID {
    reversed[direction] ? try n.call(.reverse, [.value(value)], ["axes": .ints([0])]) : value
  }

  /// The part of an operand that belongs to one direction.
  private func part(_ index: Int, _ direction: Int) throws -> ValueID {
    try part(n.value(index), of: index, direction)
  }

  private func part(_ value: ValueID, of index: Int, _ direction: Int) throws -> ValueID {
    let dims = n.dims(value)
    guard let directions = dims.first?.constantValue, directions == cells.count else {
      throw n.error("onnx.shape", "operand \(index) does not have one part for each of \(cells.count) directions")
    }
    let rest = Array(dims.dropFirst())
    guard directions > 1 else { return try n.reshape(value, rest) }
    let part = try n.call(
      .slice, [.value(value)],
      ["starts": .sizes([.constant(direction)] + rest.map { _ in 0 }), "limits": .sizes([.constant(direction + 1)] + rest)])
    return try n.reshape(part, rest)
  }

  private func initial(_ index: Int, _ direction: Int) throws -> ValueID {
    guard n.has(index) else { return try n.filled(0, n.element(x), [n.dims(x)[1], hidden]) }
    let given = try n.value(index)
    guard n.rank(given) == 3 else { throw n.error("onnx.shape", "operand \(index) has \(n.rank(given)) axes, not 3") }
    return try part(isBatchMajor ? n.transpose(given, [1, 0, 2]) : given, of: index, direction)
  }
}
