import ApusIR
import ApusTensor

/// What takes the place of a value whose op goes away.
enum Substitute {
  /// A new parameter of the function, which is given any values of the type.
  case parameter
  /// An operand of the op, or an older value, of the same type; else zeros.
  case similar
}

extension Function {
  /// A value of a value's type to be read in its place where `op` stands, which makes it.
  ///
  /// - Parameter isCalled: whether other functions call this one, which keeps its parameters as they are.
  mutating func substitute(for value: ValueID, of op: OpID, _ kind: Substitute, isCalled: Bool) -> ValueID? {
    let type = type(of: value)
    switch kind {
    case .parameter:
      guard !isCalled, type.form == .tensor, type.layout == nil, !isInIsolatedRegion(op) else { return nil }
      return addFreshParameter(type)
    case .similar:
      if let operand = operands(of: op).first(where: { self.type(of: $0) == type }) { return operand }
      if !isInIsolatedRegion(op), let older = parameters.first(where: { self.type(of: $0) == type }) { return older }
      if let older = olderValue(of: type, than: op) { return older }
      return insertZero(type, before: op)
    }
  }

  mutating func addFreshParameter(_ type: TensorType) -> ValueID {
    let names = Set(parameters.compactMap { name(of: $0) })
    var number = parameters.count
    while names.contains("x\(number)") { number += 1 }
    return addParameter(type, name: "x\(number)")
  }

  /// Zeros of a type; `nil` where no constant has it.
  mutating func insertZero(_ type: TensorType, before op: OpID) -> ValueID? {
    guard type.form != .buffer else { return nil }
    let value = NamedAttribute("value", .scalar(.zero(type.element)))
    let constant = insert(.constant, [], attributes: [value], results: [type], at: .before(op))
    return result(of: constant)
  }

  /// The nearest result of that type in front of an op in its block.
  private func olderValue(of type: TensorType, than op: OpID) -> ValueID? {
    var current = self.op(before: op)
    while let older = current {
      if let value = results(of: older).first(where: { self.type(of: $0) == type }) { return value }
      current = self.op(before: older)
    }
    return nil
  }

  func isInIsolatedRegion(_ op: OpID) -> Bool {
    var block = block(of: op)
    while let owner = owner(of: block) {
      if opcode(of: owner).info.regions.contains(where: \.isIsolated) { return true }
      block = self.block(of: owner)
    }
    return false
  }

  /// Makes whoever reads a value read another.
  mutating func redirect(_ value: ValueID, to other: ValueID) {
    if value != other, !isUnused(value) { replaceUses(of: value, with: other) }
  }
}

/// An op of a module.
struct OpPlace {
  var function: FunctionID
  var op: OpID
}

extension Module {
  /// The ops that a reduction may take away: all but the ends of blocks.
  var removableOps: [OpPlace] {
    ids.flatMap { id in
      self[id].allOps().filter { !self[id].opcode(of: $0).isTerminator }.map { OpPlace(function: id, op: $0) }
    }
  }

  /// The ops of one code, or of several.
  func ops(_ codes: OpCode...) -> [OpPlace] {
    removableOps.filter { codes.contains(self[$0.function].opcode(of: $0.op)) }
  }

  func isCalled(_ id: FunctionID) -> Bool { calledFunctions.contains(self[id].name) }
}
