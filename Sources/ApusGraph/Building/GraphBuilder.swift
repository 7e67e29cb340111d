import ApusIR
import ApusSupport
import ApusTensor
import Synchronization

/// Builds a graph in Swift, op by op, with the rules of the graph language: literals take the type they meet, operands are
/// broadcast, attributes are labels.
///
///     let builder = GraphBuilder("mlp")
///     let x = builder.input("x", "f32[B, 4]")
///     let y = builder.softmax(x.matmul(builder.constant(w)) + 1, axis: -1)
///     let module = try builder.finish(["y": y])
///
/// Every op of `apus ops` is a method. A mistake is kept until ``finish(_:)-(KeyValuePairs<_,_>)``, which throws
/// them all, with the line of Swift that made them where a method did.
@dynamicMemberLookup
public final class GraphBuilder: Sendable {
  struct State {
    var emitter: Emitter
    var diagnostics = Diagnostics()
  }

  public let name: String
  let state: Mutex<State>

  public init(_ name: String = "graph") {
    self.name = name
    let function = Function(name: name)
    state = Mutex(State(emitter: Emitter(function, at: .end(of: function.entry))))
  }

  /// An input. `type` is written as in the graph language, bounds of its sizes included: `f32[B, 784] where B in 1...512`.
  public func input(
    _ name: String, _ type: String, fileID: StaticString = #fileID, line: Int = #line
  ) -> GraphValue {
    let place = Place.swift(fileID: "\(fileID)", line: line)
    return state.withLock { state in
      var tokens = TokenStream(SourceText(name: "\(fileID):\(line)", text: type), dialect: .graph)
      var parser = TypeParser(.declare(.argument), dialect: .graph)
      let parsed = parser.type(&tokens, &state.emitter.function.symbols)
      let isBounded = parsed == nil || tokens.whereClause(&state.emitter.function.symbols)
      if parsed != nil, isBounded, !tokens.at(.endOfFile) { tokens.expectedHere("the end of the type") }
      for diagnostic in tokens.diagnostics.list { state.diagnostics.add(diagnostic) }
      guard let parsed, !tokens.diagnostics.hasErrors else { return GraphValue(self, .poison) }
      state.emitter.place = place
      let entry = state.emitter.function.entry
      let value = state.emitter.function.addParameter(parsed, to: entry, name: name)
      state.emitter.origins[value] = place
      do throws(EmissionError) {
        try state.emitter.check(parsed)
        try state.emitter.checkLargest(parsed)
      } catch { state.note(error) }
      return GraphValue(self, .value(value))
    }
  }

  /// A constant with the elements of a tensor.
  public func constant(_ tensor: Tensor) -> GraphValue {
    state.withLock { state in GraphValue(self, .value(state.emitter.constant(ConstantTensor(tensor)))) }
  }

  /// The op of that name, to be called: `builder.softmax(x, axis: -1)`.
  public subscript(dynamicMember name: String) -> OpReference { OpReference(builder: self, name: name, receiver: nil) }

  /// What a custom operation computes, with the types of its results as the graph language writes them.
  public func custom(
    _ name: String, _ operands: [GraphValue], results: [String], fileID: StaticString = #fileID, line: Int = #line
  ) -> [GraphValue] {
    let place = Place.swift(fileID: "\(fileID)", line: line)
    return state.withLock { state in
      var types: [TensorType] = []
      for text in results {
        var tokens = TokenStream(SourceText(name: "\(fileID):\(line)", text: text), dialect: .graph)
        var parser = TypeParser(.lookUp, dialect: .graph)
        let type = parser.type(&tokens, &state.emitter.function.symbols)
        for diagnostic in tokens.diagnostics.list { state.diagnostics.add(diagnostic) }
        if let type { types.append(type) }
      }
      let values = operands.compactMap(\.meaning.value)
      guard types.count == results.count, values.count == operands.count else {
        return results.map { _ in GraphValue(self, .poison) }
      }
      state.emitter.place = place
      do throws(EmissionError) {
        return try state.emitter.emit(
          .customCall, values, [NamedAttribute("name", .string(name))], stated: types
        ).map { GraphValue(self, .value($0)) }
      } catch {
        state.note(error)
        return results.map { _ in GraphValue(self, .poison) }
      }
    }
  }

  /// The graph with these results, verified.
  ///
  /// Throws every mistake made while it was built.
  public func finish(_ results: KeyValuePairs<String, GraphValue>) throws(DiagnosticError) -> Module {
    try finish(results.map(\.value), names: results.map(\.key))
  }

  /// The graph with these results, verified.
  ///
  /// Throws as the other `finish` does.
  public func finish(_ results: [GraphValue]) throws(DiagnosticError) -> Module { try finish(results, names: []) }

  private func finish(_ results: [GraphValue], names: [String]) throws(DiagnosticError) -> Module {
    let outcome = state.withLock { state -> Result<Module, DiagnosticError> in
      var values: [ValueID] = []
      do throws(EmissionError) {
        for result in results { values.append(try state.emitter.value(of: result.meaning, at: .none)) }
        if !state.diagnostics.hasErrors { _ = try state.emitter.emit(.return, values) }
      } catch { state.note(error) }
      if state.diagnostics.hasErrors { return .failure(DiagnosticError(state.diagnostics.list)) }
      var function = state.emitter.function
      function.resultTypes = values.map { function.type(of: $0) }
      function.resultNames = names
      let module = Module(function)
      let found = module.verify()
      return found.isEmpty ? .success(module) : .failure(DiagnosticError(found))
    }
    return try outcome.get()
  }
}

extension GraphBuilder.State {
  mutating func note(_ error: EmissionError) {
    switch error {
    case .failed(let found): for diagnostic in found { diagnostics.add(diagnostic) }
    case .silent: break
    case .retype(_, let element):
      diagnostics.error("literal.type", "a literal would have to be \(element) here", at: emitter.place)
    }
  }
}
