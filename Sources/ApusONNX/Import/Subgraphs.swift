import ApusIR
import ApusSupport
import ApusTensor

/// Subgraphs of nodes: they see the names around them, and theirs end with them.
extension ModelImport {
  /// Graphs within graphs at most so deep.
  private static let maximumDepth = 64

  /// Translates a subgraph where the emitter stands; gives its outputs. Values that a region computes must not be used
  /// outside of it.
  ///
  /// Throws `onnx.subgraph`, and `EmissionError.silent` after taking down what is wrong inside.
  func outputs(of graph: GraphProto, _ arguments: [Imported]) throws -> [Imported] {
    guard scopes.count < Self.maximumDepth else {
      throw DiagnosticError(id: "onnx.subgraph", "graphs lie more than \(Self.maximumDepth) deep in each other", at: emitter.place)
    }
    guard graph.inputs.count == arguments.count else {
      throw DiagnosticError(
        id: "onnx.subgraph", "its graph \(quoted(graph.name)) has \(graph.inputs.count) inputs, and \(arguments.count) are given",
        at: emitter.place)
    }
    guard nodesLeft >= 0 else { throw EmissionError.silent }
    checkNames(of: graph)
    let place = emitter.place
    scopes.append(Scope(opsets: scopes[scopes.count - 1].opsets))
    defer {
      scopes.removeLast()
      emitter.place = place
    }
    bindInitializers(of: graph)
    for (input, argument) in zip(graph.inputs, arguments) { bind(input.name, argument) }
    translate(graph.nodes)
    return try graph.outputs.map { output in
      guard let found = find(output.name) else {
        throw DiagnosticError(
          id: "onnx.name", "tensor \(quoted(output.name)): nothing in the graph \(quoted(graph.name)) computes it", at: place)
      }
      guard !found.isPoison else { throw EmissionError.silent }
      return found
    }
  }

  /// Writes to the end of a region.
  func inRegion<Result>(_ index: Int, of op: OpID, _ body: () throws -> Result) rethrows -> Result {
    let outer = emitter.point
    emitter.enter(emitter.function.region(index, of: op))
    defer { emitter.leave(to: outer) }
    return try body()
  }

  /// What `body` gives, with what stood in its way put aside instead of taken down.
  func trial<Result>(_ body: () throws -> Result?) -> Trial<Result> {
    let outer = (diagnostics, needed)
    let known = guards
    diagnostics = Diagnostics(limit: 1_000)
    needed = ([], false, [])
    defer { (diagnostics, needed) = outer }
    var result = attempt(at: emitter.place, body) ?? nil
    if !needed.problems.isEmpty || diagnostics.hasErrors { result = nil }
    if result == nil { guards = known }
    return Trial(result: result, diagnostics: diagnostics, needed: needed)
  }

  struct Trial<Result> {
    let result: Result?
    let diagnostics: Diagnostics
    let needed: (inputs: Set<String>, shapes: Bool, problems: [Diagnostic])
  }

  /// Takes down what stood in the way of a trial.
  func report<Result>(_ trial: Trial<Result>) -> EmissionError {
    for diagnostic in trial.diagnostics.list { diagnostics.add(diagnostic) }
    needed.inputs.formUnion(trial.needed.inputs)
    needed.shapes = needed.shapes || trial.needed.shapes
    needed.problems += trial.needed.problems
    return .silent
  }

  /// Asks for the values that these depend on; where all are known already, says what stood in the way of the trial.
  func needsValues<Result>(of imported: [Imported], after trial: Trial<Result>) -> Error {
    // What failed before the trial has been taken down.
    guard trial.diagnostics.hasErrors || !trial.needed.problems.isEmpty else { return EmissionError.silent }
    var (inputs, shapes) = (trial.needed.inputs, trial.needed.shapes)
    for case .value(let value) in imported.lazy.map(\.carried) {
      let needs = needs(of: value)
      inputs.formUnion(needs.inputs)
      shapes = shapes || needs.shapes
    }
    inputs.subtract(options.values.keys)
    // With the values known, sizes may turn out to decide nothing, or no more than a guard can hold.
    shapes = shapes && options.shapes.isEmpty && inputs.isEmpty
    guard !inputs.isEmpty || shapes else { return report(trial) }
    let first = trial.diagnostics.list.first?.message ?? trial.needed.problems.first?.message
    return NeedsValues(inputs: inputs, shapes: shapes, problem: first ?? "what its graphs compute depends on values")
  }
}
