import ApusSupport
import ApusTensor

/// Text of the graph language that computes values from others, read once: how an importer writes an operator that is
/// no op of ours. It is like the body of a composite, except that its ops take the place of no op.
package struct Formula: Sendable {
  let name: String
  let body: CompositeExpansion.Body

  /// The text is one of ours: that it can be read is a precondition.
  package init(_ name: String, _ text: String) {
    var parser = ExpressionParser(SourceText(name: name, text: text))
    let block = parser.body()
    let problems = parser.tokens.diagnostics.list.map { "\($0.message)" }
    precondition(problems.isEmpty, "the formula '\(name)' cannot be read: \(problems.joined(separator: "; "))")
    self.name = name
    body = CompositeExpansion.Body(syntax: parser.syntax, block: block)
  }
}

extension Emitter {
  /// Writes the ops of a formula over what its names mean, and returns its results.
  ///
  /// Throws what they report of these meanings, at the place of the call.
  package mutating func results(
    of formula: Formula, _ names: [String: Meaning]
  ) throws(DiagnosticError) -> [Meaning] {
    let (outer, outerLocation, outerNaming) = (place, fixedLocation, namesValues)
    fixedLocation = location()
    namesValues = false
    // The lowering owns the emitter while it writes, so that the function's tables are not copied.
    var taken = Emitter(Function(name: ""), at: point)
    swap(&self, &taken)
    var lowering = ExpressionLowering(formula.body.syntax, taken)
    taken = Emitter(Function(name: ""), at: point)
    defer {
      swap(&self, &lowering.emitter)
      place = outer
      fixedLocation = outerLocation
      namesValues = outerNaming
    }
    for (name, meaning) in names { lowering.bind(name, meaning) }
    do {
      return try lowering.bodyResults(formula.body.block)
    } catch {
      switch error {
      case .failed(let found): for diagnostic in found { lowering.diagnostics.add(diagnostic) }
      case .silent: break
      case .retype: preconditionFailure("a literal outside a loop has one type")
      }
    }
    precondition(lowering.diagnostics.hasErrors, "the formula '\(formula.name)' failed without saying why")
    throw DiagnosticError(lowering.diagnostics.list.map { $0.moved(to: outer, from: formula.name) })
  }
}

extension Diagnostic {
  /// The same at the place of a call, with a note that shows the line of the definition.
  func moved(to place: Place, from name: String) -> Diagnostic {
    var moved = self
    moved.place = place
    moved.message = "\(name): \(message)"
    moved.notes = [Note("in the definition of \(name)", at: self.place)]
    return moved
  }
}
