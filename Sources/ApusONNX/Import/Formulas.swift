import ApusIR
import ApusSupport
import ApusTensor

extension NodeTranslation {
  /// The results of a formula of the graph language over what its names mean.
  func results(_ formula: Formula, _ names: [String: Meaning]) throws -> [ValueID] {
    let place = context.emitter.place
    return try context.emitter.results(of: formula, names).map { try context.emitter.value(of: $0, at: place) }
  }

  /// The one result of a formula.
  func result(_ formula: Formula, _ names: [String: Meaning]) throws -> ValueID {
    try results(formula, names)[0]
  }

  /// An operand as a formula sees it: one that is left out is absent.
  func operand(_ index: Int) throws -> Meaning { try optionalValue(index).map { .value($0) } ?? .absent }

  /// Whether the model reads an output of the node.
  func wants(_ output: Int) -> Bool { output < node.outputs.count && !node.outputs[output].isEmpty }
}
