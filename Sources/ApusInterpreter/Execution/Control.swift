import ApusIR
import ApusSupport
import ApusTensor

extension Run {
  func execute(_ control: ControlOp, _ step: Step, _ frame: Frame) throws {
    let function = frame.function
    let operands = step.operands.map { frame[$0] }
    switch control {
    case .if:
      let region = step.regions[try operands[0].condition() ? 0 : 1]
      try define(step, try execute(region, frame), frame)
    case .while:
      try define(step, try loop(step, operands, frame), frame)
    case .for:
      try define(step, try count(step, operands, frame), frame)
    case .call:
      try define(step, try self.call(callee(of: step, frame), operands), frame)
    case .launch:
      let sizes = try (function.dims("sizes", of: step.op) ?? []).map(frame.size)
      _ = try self.call(callee(of: step, frame), operands, sizes: sizes)
    case .kernel:
      try enter(step.regions[0], operands, frame)
      try define(step, try execute(step.regions[0], frame), frame)
    case .customCall:
      try define(step, try callCustom(step, operands, frame), frame)
    case .assert:
      guard try operands[0].condition() else {
        let message = function.string("message", of: step.op)
        throw DiagnosticError(id: "assert.failed", message ?? "an assertion does not hold")
      }
    case .terminator:
      preconditionFailure("a terminator within a block")
    }
  }

  /// Makes the values the parameters of a block.
  func enter(_ block: BlockID, _ values: [RuntimeValue], _ frame: Frame) throws {
    for (parameter, value) in zip(frame.function.parameters(of: block), values) {
      try frame.define(parameter, value) { _ in true }
    }
  }

  /// Makes the values the results of an op. It defines those symbols that its operands do not have.
  private func define(_ step: Step, _ values: [RuntimeValue], _ frame: Frame) throws {
    var known: Set<SymbolID> = []
    for operand in step.areSizesKnown ? [] : step.operands {
      for dim in frame.function.type(of: operand).dims { dim.forEachSymbol { known.insert($0) } }
    }
    for (result, value) in zip(step.results, values) {
      try frame.define(result, value) { !known.contains($0) }
    }
  }

  private func loop(_ step: Step, _ inits: [RuntimeValue], _ frame: Frame) throws -> [RuntimeValue] {
    let (test, body) = (step.regions[0], step.regions[1])
    var carried = inits
    while true {
      try enter(test, carried, frame)
      guard try execute(test, frame)[0].condition() else { return carried }
      try budget.step()
      try enter(body, carried, frame)
      carried = try execute(body, frame)
    }
  }

  private func callee(of step: Step, _ frame: Frame) -> FunctionID {
    guard let name = frame.function.string("callee", of: step.op), let id = interpreter.module.find(name) else {
      preconditionFailure("a call of an unknown function passed the verifier")
    }
    return id
  }

  private func callCustom(_ step: Step, _ operands: [RuntimeValue], _ frame: Frame) throws -> [RuntimeValue] {
    let name = frame.function.string("name", of: step.op) ?? ""
    guard let operation = interpreter.customOperations[name] else {
      throw DiagnosticError(id: "custom.unregistered", "no custom operation is registered as \"\(name)\"")
    }
    let types = frame.resolvedTypes(step)
    let results = try operation(try operands.map { try $0.tensor() }, types)
    guard results.count == types.count, zip(results, types).allSatisfy({ $0.elementType == $1.element }) else {
      throw DiagnosticError(
        id: "custom.result", "the custom operation \"\(name)\" did not return values of the stated types")
    }
    return try zip(results, types).map { tensor, type in
      type.form == .buffer ? .buffer(try Buffer(tensor, layout: type.layout, budget)) : .tensor(tensor)
    }
  }
}
