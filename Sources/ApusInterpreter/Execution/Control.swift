import ApusIR
import ApusSupport
import ApusTensor

extension Run {
  func execute(_ control: ControlOp, _ op: OpID, _ frame: Frame) throws {
    let function = frame.function
    let operands = function.operands(of: op).map { frame[$0] }
    switch control {
    case .if:
      let region = function.region(try operands[0].condition() ? 0 : 1, of: op)
      try define(op, try execute(region, frame), frame)
    case .while:
      try define(op, try loop(op, operands, frame), frame)
    case .for:
      try define(op, try count(op, operands, frame), frame)
    case .call:
      try define(op, try self.call(callee(of: op, frame), operands), frame)
    case .launch:
      let sizes = try (function.dims("sizes", of: op) ?? []).map(frame.size)
      _ = try self.call(callee(of: op, frame), operands, sizes: sizes)
    case .kernel:
      let body = function.region(0, of: op)
      try enter(body, operands, frame)
      try define(op, try execute(body, frame), frame)
    case .customCall:
      try define(op, try callCustom(op, operands, frame), frame)
    case .assert:
      guard try operands[0].condition() else {
        throw DiagnosticError(id: "assert.failed", function.string("message", of: op) ?? "an assertion does not hold")
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
  private func define(_ op: OpID, _ values: [RuntimeValue], _ frame: Frame) throws {
    let function = frame.function
    var known: Set<SymbolID> = []
    for operand in function.operands(of: op) {
      for dim in function.type(of: operand).dims { dim.forEachSymbol { known.insert($0) } }
    }
    for (result, value) in zip(function.results(of: op), values) {
      try frame.define(result, value) { !known.contains($0) }
    }
  }

  private func loop(_ op: OpID, _ inits: [RuntimeValue], _ frame: Frame) throws -> [RuntimeValue] {
    let (test, body) = (frame.function.region(0, of: op), frame.function.region(1, of: op))
    var carried = inits
    while true {
      try enter(test, carried, frame)
      guard try execute(test, frame)[0].condition() else { return carried }
      try budget.step()
      try enter(body, carried, frame)
      carried = try execute(body, frame)
    }
  }

  private func callee(of op: OpID, _ frame: Frame) -> FunctionID {
    guard let name = frame.function.string("callee", of: op), let id = interpreter.module.find(name) else {
      preconditionFailure("a call of an unknown function passed the verifier")
    }
    return id
  }

  private func callCustom(_ op: OpID, _ operands: [RuntimeValue], _ frame: Frame) throws -> [RuntimeValue] {
    let function = frame.function
    let name = function.string("name", of: op) ?? ""
    guard let operation = interpreter.customOperations[name] else {
      throw DiagnosticError(id: "custom.unregistered", "no custom operation is registered as \"\(name)\"")
    }
    let types = function.results(of: op).map { frame.resolved(function.type(of: $0)) }
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
