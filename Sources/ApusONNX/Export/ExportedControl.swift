import ApusIR
import ApusTensor

/// Branches, loops, and what other functions and composites are made of.
extension GraphExport {
  func branches(_ op: OpID) throws -> [Exported] {
    let types = frame.function.results(of: op).map { frame.function.type(of: $0).element }
    let (then, otherwise) = (frame.function.region(0, of: op), frame.function.region(1, of: op))
    if types.isEmpty { return [] }
    return nodes(
      "If", [try operands(of: op)[0]],
      [
        "then_branch": .graph(try graph("then") { try written(then) }),
        "else_branch": .graph(try graph("else") { try written(otherwise) }),
      ], types)
  }

  /// `Loop` tests after each turn, and we before: the first test stands in front of it.
  func loop(_ op: OpID) throws -> [Exported] {
    let (test, body) = (frame.function.region(0, of: op), frame.function.region(1, of: op))
    let initial = try operands(of: op)
    let first = try within { try condition(test, initial) }
    let types = frame.function.parameters(of: body).map { frame.function.type(of: $0) }
    let (turn, going) = (
      Exported(name: name("turn"), element: .s64), Exported(name: name("going"), element: .bool)
    )
    let carried = types.map { Exported(name: name("carried"), element: $0.element) }
    let inputs =
      [ModelWriter.Value.tensor(turn.name, .s64, []), .tensor(going.name, .bool, [])]
      + zip(carried, types).map { .tensor($0.name, $1.element, carriedSizes($1)) }
    let graph = try graph("turn", inputs: inputs) {
      for (parameter, value) in zip(frame.function.parameters(of: body), carried) { define(parameter, value) }
      let next = try written(body)
      return [try condition(test, next)] + next
    }
    return nodes("Loop", [nil, first] + initial.map { $0 }, ["body": .graph(graph)], initial.map(\.element))
  }

  /// What the region that tests says of these.
  private func condition(_ region: BlockID, _ carried: [Exported]) throws -> Exported {
    for (parameter, value) in zip(frame.function.parameters(of: region), carried) { define(parameter, value) }
    return try written(region)[0]
  }

  /// Runs `body`, after which sizes are those of before.
  private func within(_ body: () throws -> Exported) throws -> Exported {
    let outer = frame
    defer { frame = outer }
    return try body()
  }

  /// Sizes that a turn may change have no name.
  private func carriedSizes(_ type: TensorType) -> [ModelWriter.Size] {
    type.dims.map { $0.constantValue.map { .fixed($0) } ?? .unknown }
  }

  func call(_ op: OpID) throws -> [Exported] {
    guard let id = frame.function.string("callee", of: op).flatMap({ module.find($0) }) else {
      throw Inexpressible("the module has no such function")
    }
    var inner = ExportFrame(module[id])
    inner.place = frame.place
    return try inlined(inner, try operands(of: op))
  }

  /// A composite by the operator that means the same, else by its body.
  func composite(_ code: OpCode, _ op: OpID) throws -> [Exported] {
    if let results = try operatorLike(code, op) { return results }
    let types = frame.function.operands(of: op).map { frame.function.type(of: $0) }
    let body = try CompositeExpansion.build(
      code, operandTypes: types, attributes: frame.function.attributes(of: op), symbols: frame.function.symbols)
    var inner = ExportFrame(body)
    inner.place = frame.place ?? place(of: op)
    // The body's symbols are those of the function around it.
    (inner.sources, inner.sizes) = (frame.sources, frame.sizes)
    return try inlined(inner, try operands(of: op))
  }

  private func inlined(_ inner: ExportFrame, _ arguments: [Exported]) throws -> [Exported] {
    let outer = frame
    defer { frame = outer }
    frame = inner
    for (parameter, argument) in zip(inner.function.parameters, arguments) { define(parameter, argument) }
    return try written(inner.function.entry)
  }
}
