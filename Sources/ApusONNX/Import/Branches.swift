import ApusIR
import ApusSupport
import ApusTensor

extension ModelImport {
  /// `If`: the branch that a known condition picks, else both. Where the branches give what no one type can hold, the
  /// module is for one of them: for sizes that decide as the examples do, or for the values that the condition depends on.
  func branches(_ condition: Imported, _ then: GraphProto, _ otherwise: GraphProto) throws -> [Imported] {
    try checkOutputs(then, otherwise)
    if let known = constant(of: condition) {
      guard known.elementType == .bool, known.count == 1 else { throw badCondition(known.elementType) }
      return try outputs(of: known.integer(at: 0) != 0 ? then : otherwise, [])
    }
    if sizeTensor(of: condition)?.dims.count ?? 1 != 1 { throw badCondition(.bool) }
    var test = try value(of: condition)
    guard emitter.type(of: test).element == .bool else { throw badCondition(emitter.type(of: test).element) }
    for dim in emitter.type(of: test).dims { try emitter.require(dim, equals: 1) }
    test = emitter.reshape(test, to: [])
    let trial = self.trial { try self.conditional(test, then, otherwise) }
    if let results = trial.result { return results }
    if let size = sizeTensor(of: condition)?.dims.first {
      if let holds = settled(size, isCondition: true) { return try outputs(of: holds != 0 ? then : otherwise, []) }
      if trial.needed.inputs.isEmpty, options.shapes.isEmpty, guards.isDecided(size) {
        let problem = conditions[size]?.text(emitter.function.symbols, holds: true) ?? emitter.text(size)
        throw NeedsValues(inputs: [], shapes: true, problem: "which branch runs depends on sizes: whether \(problem)")
      }
    }
    let problem = needsValues(of: [condition], after: trial)
    guard let assumed = options.assumption, let needs = problem as? NeedsValues else { throw problem }
    let names = needs.inputs.sorted().map { quoted($0) }.joined(separator: ", ")
    guards.assume(
      Diagnostic(
        .note, id: "onnx.dynamic",
        "the model is compiled for each value of \(names): it decides which branch runs", at: emitter.place))
    return try outputs(of: assumed ? then : otherwise, [])
  }

  /// Both branches give as much, of the same types, whichever of them runs.
  private func checkOutputs(_ then: GraphProto, _ otherwise: GraphProto) throws(DiagnosticError) {
    guard then.outputs.count == otherwise.outputs.count else {
      throw DiagnosticError(
        id: "onnx.subgraph", "one branch has \(then.outputs.count) outputs, the other \(otherwise.outputs.count)", at: emitter.place)
    }
    for (first, second) in zip(then.outputs, otherwise.outputs) {
      guard case .tensor(let a, _)? = first.type, case .tensor(let b, _)? = second.type, a != b, a != 0, b != 0 else { continue }
      throw DiagnosticError(
        id: "onnx.type", "one branch gives \(ElementType.onnxName(a)), the other \(ElementType.onnxName(b))", at: emitter.place)
    }
  }

  private func typeName(_ imported: Imported) -> String { storedType(of: imported)?.name ?? "no tensor" }

  private func badCondition(_ element: ElementType) -> DiagnosticError {
    DiagnosticError(id: "onnx.condition", "a condition is one bool, not \(element)", at: emitter.place)
  }

  private func conditional(_ test: ValueID, _ then: GraphProto, _ otherwise: GraphProto) throws -> [Imported]? {
    let known = emitter.function.symbols.count
    let op = emitter.insertControl(.if, [test])
    let outer = emitter.point
    do {
      let place = emitter.place
      let first = try inRegion(0, of: op) { try outputs(of: then, []) }
      let second = try inRegion(1, of: op) { try outputs(of: otherwise, []) }
      emitter.place = place
      guard first.count == second.count else {
        throw DiagnosticError(id: "onnx.subgraph", "one branch has \(first.count) outputs, the other \(second.count)", at: place)
      }
      if diagnostics.hasErrors || !needed.inputs.isEmpty { throw EmissionError.silent }
      var yields: [[ValueID]] = [[], []]
      var types: [TensorType] = []
      let forms = try zip(first, second).map { a, b in try agree(a, b, op, &yields, &types, knownSymbols: known) }
      try emitter.terminate(0, of: op, .yield, yields[0])
      try emitter.terminate(1, of: op, .yield, yields[1])
      var rest = try emitter.finishControl(op, types)[...]
      return forms.map { $0.filled(from: &rest) }
    } catch {
      emitter.abandon(op, outer)
      throw error
    }
  }

  /// What an output of both branches becomes: `yielded` stands for the next result of the op.
  private indirect enum Form {
    case yielded
    case fixed(Imported)
    case sequence([Form])
    case narrow(Form, NarrowType)

    func filled(from results: inout ArraySlice<ValueID>) -> Imported {
      switch self {
      case .yielded: results.popFirst().map { .value($0) } ?? .poison
      case .fixed(let imported): imported
      case .sequence(let parts): .sequence(parts.map { $0.filled(from: &results) })
      case .narrow(let form, let type): form.filled(from: &results).marked(type)
      }
    }
  }

  private func agree(
    _ a: Imported, _ b: Imported, _ op: OpID, _ yields: inout [[ValueID]], _ types: inout [TensorType], knownSymbols: Int
  ) throws -> Form {
    switch (a, b) {
    case (.absent, .absent): return .fixed(.absent)
    case (.narrow(let first, let type), .narrow(let second, let other)) where type == other:
      return .narrow(try agree(first, second, op, &yields, &types, knownSymbols: knownSymbols), type)
    case (.narrow, _), (_, .narrow):
      throw DiagnosticError(
        id: "onnx.type", "one branch gives \(typeName(a)), the other \(typeName(b))", at: emitter.place)
    case (.sequence(let first), .sequence(let second)) where first.count == second.count:
      return .sequence(
        try zip(first, second).map { try agree($0, $1, op, &yields, &types, knownSymbols: knownSymbols) })
    case (.sequence, _), (_, .sequence), (.absent, _), (_, .absent):
      throw DiagnosticError(.unsupported, id: "onnx.branches", "the branches give sequences or optionals that differ", at: emitter.place)
    case (.sizes(let first, let shape, let element), .sizes(let second, let otherShape, let other))
    where first == second && shape == otherShape && element == other && first.allSatisfy({ isReachable($0, knownSymbols) }):
      return .fixed(a)
    case (.value, _), (.constant, _), (.sizes, _), (.fractions, _), (.poison, _): break
    }
    if let first = constant(of: a), let second = constant(of: b), first.count <= 64, first == second { return .fixed(.constant(first)) }
    let values = [try inRegion(0, of: op) { try value(of: a) }, try inRegion(1, of: op) { try value(of: b) }]
    let (first, second) = (emitter.type(of: values[0]), emitter.type(of: values[1]))
    guard first.element == second.element, first.rank == second.rank else {
      throw DiagnosticError(
        .unsupported, id: "onnx.branches", "one branch gives \(emitter.text(first)), the other \(emitter.text(second))",
        at: emitter.place)
    }
    for region in 0...1 { yields[region].append(values[region]) }
    types.append(first.with(dims: zip(first.dims, second.dims).map { joined($0, $1, knownSymbols) }))
    return .yielded
  }

  /// The size of both branches, or one that is known only when the model runs.
  private func joined(_ a: Dim, _ b: Dim, _ knownSymbols: Int) -> Dim {
    if emitter.function.symbols.equal(a, b) == .yes, isReachable(a, knownSymbols) { return a }
    let bounds = [a, b].map { emitter.function.symbols.bounds(of: $0).upper }
    let upper = bounds.contains(nil) ? nil : bounds.compactMap { $0 }.max()
    return .symbol(emitter.function.symbols.append(Symbol(name: "", bounds: DimBounds(upper: upper), origin: .value)))
  }

  /// Whether a size is made of symbols that were there before the regions.
  func isReachable(_ dim: Dim, _ knownSymbols: Int) -> Bool {
    var result = true
    dim.forEachSymbol { if $0.index >= knownSymbols { result = false } }
    return result
  }
}
