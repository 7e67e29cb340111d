import ApusIR
import ApusSupport
import ApusTensor

/// Builds a graph in Swift.
///
///     let graph = GraphBuilder("mlp")
///     let x = graph.input("x", .f32, ["B", 784])
///     let y = softmax(x.matmul(weights) + bias, axis: -1)
///     let module = try graph.build(returning: ["y": y])
///
/// Mistakes do not stop the building: they are collected with the lines of the Swift program they came from.
/// A builder belongs to one task and is used for one graph.
public final class GraphBuilder {
  var emitter: Emitter
  var diagnostics = Diagnostics()
  /// The blocks that are being written, innermost last: what other blocks define is out of reach.
  var openBlocks: [BlockID]
  /// What constants and deferred ops became, for each open block.
  var known: [[ObjectIdentifier: [Meaning]]] = [[:]]
  /// Keeps what `known` names alive: an address may not be used again.
  private var kept: [AnyObject] = []
  /// Asks a loop to start again with another element type (see `Emitter.flexible`).
  var pendingRetype: (group: Int, element: ElementType)?

  public init(_ name: String = "main") {
    let function = Function(name: name)
    openBlocks = [function.entry]
    emitter = Emitter(function, at: .end(of: function.entry))
    emitter.checksDefinitions = true
  }

  // MARK: Inputs

  /// A parameter of the graph. A named size is the same in all inputs: `"B"`.
  public func input(
    _ name: String, _ elementType: ElementType, _ shape: [Size] = [], fileID: StaticString = #fileID, line: Int = #line
  ) -> Node {
    let place = Place.swift(fileID: "\(fileID)", line: line)
    if emitter.function.parameters.contains(where: { emitter.function.name(of: $0) == name }) {
      report("name.redefined", "two inputs are called '\(name)'", at: place)
    }
    emitter.place = place
    guard let dims = attempt({ () throws(EmissionError) in try self.dims(shape, declares: true) }) else {
      return Node(.invalid, at: place)
    }
    let type = TensorType(elementType, dims)
    _ = attempt { () throws(EmissionError) in try self.emitter.check(type) }
    let value = emitter.function.addParameter(type, to: emitter.function.entry, name: name)
    emitter.origins[value] = place
    return Node(.value(self, value), at: place)
  }

  /// Says what a named size may be. Inputs of other sizes are refused.
  public func bound(
    _ name: String, in range: ClosedRange<Int>, fileID: StaticString = #fileID, line: Int = #line
  ) {
    let place = Place.swift(fileID: "\(fileID)", line: line)
    guard let id = emitter.function.symbols.find(name) else {
      return report("name.unknown", "no input has a size called '\(name)'", at: place)
    }
    guard range.lowerBound >= 0 else { return report("dim.bounds", "a size is never negative", at: place) }
    emitter.function.symbols.setBounds(DimBounds(lower: range.lowerBound, upper: range.upperBound), of: id)
  }

  /// Stops the run with a message when the condition, a `bool` scalar, does not hold.
  public func assert(_ condition: Node, _ message: String, fileID: StaticString = #fileID, line: Int = #line) {
    emitter.place = .swift(fileID: "\(fileID)", line: line)
    _ = attempt { () throws(EmissionError) in
      switch self.meaning(condition) {
      case .bool(true), .poison: return
      case .bool(false): throw self.emitter.failed("assert.failed", "this never holds: \(message)")
      case let other:
        let value = try self.emitter.value(of: other, at: self.emitter.place)
        guard self.type(of: value) == .scalar(.bool) else {
          throw self.emitter.failed(
            "assert.condition", "a condition is bool[], not \(self.emitter.text(self.type(of: value)))")
        }
        self.emitter.assert(value, message)
      }
    }
  }

  // MARK: Ending

  /// The module of the graph, which returns these nodes under these names.
  ///
  /// Throws everything that was wrong with the building.
  public func build(
    returning results: KeyValuePairs<String, Node>, fileID: StaticString = #fileID, line: Int = #line
  ) throws(DiagnosticError) -> Module {
    var seen: Set<String> = []
    for (name, _) in results where !seen.insert(name).inserted {
      report("name.redefined", "two results are called '\(name)'", at: .swift(fileID: "\(fileID)", line: line))
    }
    return try finish(results.map(\.value), names: results.map(\.key), fileID, line)
  }

  /// The module of the graph, which returns these nodes.
  ///
  /// Throws everything that was wrong with the building.
  public func build(
    returning results: [Node], fileID: StaticString = #fileID, line: Int = #line
  ) throws(DiagnosticError) -> Module {
    try finish(results, names: [], fileID, line)
  }

  private func finish(
    _ results: [Node], names: [String], _ fileID: StaticString, _ line: Int
  ) throws(DiagnosticError) -> Module {
    emitter.place = .swift(fileID: "\(fileID)", line: line)
    if !diagnostics.hasErrors {
      _ = attempt { () throws(EmissionError) in
        var values: [ValueID] = []
        for node in results { values.append(try self.emitter.value(of: self.meaning(node), at: self.emitter.place)) }
        _ = try self.emitter.emit(.return, values)
        self.emitter.function.resultTypes = values.map { self.type(of: $0) }
        self.emitter.function.resultNames = names
      }
    }
    try diagnostics.throwIfErrors()
    return Module(emitter.function)
  }

  // MARK: Ops

  func type(of value: ValueID) -> TensorType { emitter.type(of: value) }

  /// Adds an op and returns its results, or as many invalid nodes.
  func nodes(of call: DeferredCall, results: Int) -> [Node] {
    let meanings = self.results(of: call)
    guard meanings.count == results else { return (0..<results).map { _ in Node(.invalid, at: call.place) } }
    return meanings.map { meaning in
      switch meaning {
      case .value(let value): Node(.value(self, value), at: call.place)
      case .poison: Node(.invalid, at: call.place)
      case .size, .wide, .number, .bool, .name, .string, .elementType, .list, .absent, .several:
        Node(.literal(meaning), at: call.place)
      }
    }
  }

  private func results(of call: DeferredCall) -> [Meaning] {
    emitter.place = call.place
    var arguments: [CallArgument] = []
    for operand in call.operands {
      let meaning = operand.map { self.meaning($0) } ?? .absent
      arguments.append(
        CallArgument(meaning, at: operand?.place == Place.none ? call.place : operand?.place ?? call.place))
    }
    emitter.place = call.place
    let result = attempt { () throws(EmissionError) -> Meaning in
      for (name, attribute) in call.attributes {
        arguments.append(CallArgument(try self.meaning(attribute), label: name, at: call.place))
      }
      return try self.emitter.call(call.code, arguments)
    }
    guard let result else { return [] }
    if case .several(let parts) = result { return parts }
    return [result]
  }

  /// What a node means in this graph.
  func meaning(_ node: Node) -> Meaning {
    switch node.form {
    case .value(let builder, let value):
      guard builder === self else {
        report("graph.mixed", "this belongs to another graph, '\(builder.emitter.function.name)'", at: node.place)
        return .poison
      }
      guard isInReach(value) else {
        report("graph.scope", "this is known only inside the branch or loop that made it", at: node.place)
        return .poison
      }
      return .value(value)
    case .literal(let meaning): return meaning
    case .size(let size):
      return attempt { () throws(EmissionError) in .size(try self.dim(size, declares: false)) } ?? .poison
    case .list(let nodes):
      let elements = nodes.map { meaning($0) }
      let isWrong = elements.contains { if case .poison = $0 { true } else { false } }
      return isWrong ? .poison : .list(StaticList(elements))
    case .tensor(let box):
      return remembered(box) { [.value(emitter.constant(ConstantTensor(box.tensor)))] }[0]
    case .deferred(let call, let index):
      let results = remembered(call) { self.results(of: call) }
      return index < results.count ? results[index] : .poison
    case .invalid: return .poison
    }
  }

  /// A node as a value, if it is right.
  func value(_ node: Node) -> ValueID? {
    attempt { () throws(EmissionError) in
      try self.emitter.value(of: self.meaning(node), at: node.place)
    }
  }

  private func remembered(_ key: AnyObject, _ make: () -> [Meaning]) -> [Meaning] {
    let id = ObjectIdentifier(key)
    for table in known.reversed() {
      if let found = table[id] { return found }
    }
    let made = make()
    known[known.count - 1][id] = made
    kept.append(key)
    return made
  }

  private func isInReach(_ value: ValueID) -> Bool {
    if let op = emitter.function.definingOp(of: value) {
      return !emitter.function.isErased(op) && openBlocks.contains(emitter.function.block(of: op))
    }
    return emitter.function.parameterOrigin(of: value).map { openBlocks.contains($0.block) } ?? false
  }

  private func meaning(_ attribute: NodeAttribute) throws(EmissionError) -> Meaning {
    switch attribute {
    case .int(let value): return .integer(value)
    case .float(let value): return .number(value)
    case .bool(let value): return .bool(value)
    case .string(let value): return .string(value)
    case .name(let value): return .name(value)
    case .ints(let values): return .list(StaticList(values.map { .integer($0) }))
    case .floats(let values): return .list(StaticList(values.map { .number($0) }))
    case .sizes(let sizes): return .sizes(try dims(sizes, declares: false))
    case .elementType(let type): return .elementType(type)
    case .node(let node): return meaning(node)
    }
  }

  // MARK: Sizes

  private func dims(_ sizes: [Size], declares: Bool) throws(EmissionError) -> [Dim] {
    var dims: [Dim] = []
    for size in sizes { dims.append(try dim(size, declares: declares)) }
    return dims
  }

  private func dim(_ size: Size, declares: Bool) throws(EmissionError) -> Dim {
    switch size.form {
    case .constant(let value): return .constant(value)
    case .known(let dim): return dim
    case .named(let name):
      if let id = emitter.function.symbols.find(name) { return .symbol(id) }
      guard declares else { throw emitter.failed("name.unknown", "no input has a size called '\(name)'") }
      return .symbol(emitter.function.symbols.intern(name))
    case .binary(let operation, let a, let b):
      return try emitter.combine(operation, try dim(a, declares: declares), try dim(b, declares: declares))
    }
  }

  // MARK: Mistakes

  func report(_ id: String, _ message: String, at place: Place) { diagnostics.error(id, message, at: place) }

  /// The result, or `nil` after taking down what was wrong.
  func attempt<Result>(_ body: () throws(EmissionError) -> Result) -> Result? {
    do {
      return try body()
    } catch {
      switch error {
      case .failed(let found): for diagnostic in found { diagnostics.add(diagnostic) }
      case .silent: break
      case .retype(let group, let element): pendingRetype = pendingRetype ?? (group, element)
      }
      return nil
    }
  }
}

extension Emitter {
  fileprivate func combine(_ operation: Size.Operation, _ a: Dim, _ b: Dim) throws(EmissionError) -> Dim {
    switch operation {
    case .sum: try size(.add, a, b)
    case .difference: try size(.subtract, a, b)
    case .product: try size(.multiply, a, b)
    case .quotient: try size(.divide, a, b)
    case .remainder: try size(.remainder, a, b)
    case .minimum: try size("min", a, b)
    case .maximum: try size("max", a, b)
    }
  }
}
