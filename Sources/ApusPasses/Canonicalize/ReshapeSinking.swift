import ApusIR
import ApusSupport
import ApusTensor

extension Function {
  /// Computes an elementwise op in the shape of a contraction whose reshaped result it reads, and reshapes what
  /// comes out.
  ///
  /// The other operands must be had in that shape for nothing: constants, parameters, what has been reshaped from
  /// it, and broadcasts along axes that both shapes end in.
  mutating func sinkReshape(below op: OpID) -> Rewrite {
    let operands = operands(of: op)
    guard let source = reshapedProduct(among: operands) else { return .unchanged }
    let (inner, result) = (type(of: source), type(of: result(of: op)))
    var moved: [Moved] = []
    for operand in operands {
      guard let next = self.moved(operand, to: inner.dims) else { return .unchanged }
      moved.append(next)
    }
    var narrow: [ValueID] = []
    for (operand, move) in zip(operands, moved) {
      let type = inner.with(element: type(of: operand).element)
      switch move {
      case .value(let value): narrow.append(value)
      case .splat(let scalar): narrow.append(insertSplat(scalar, type, before: op))
      case .reshape: narrow.append(insertReshape(operand, type, before: op))
      case .broadcast(let value, let axes):
        narrow.append(insert(.broadcast, [value], [NamedAttribute("axes", .ints(axes))], type, before: op))
      }
    }
    let computed = insert(
      opcode(of: op), narrow, attributes(of: op), inner.with(element: result.element), before: op)
    return .replaced([insertReshape(computed, result, before: op)])
  }

  /// How a value is had in another shape of as many elements.
  private enum Moved {
    case value(ValueID)
    case splat(Scalar)
    case reshape
    case broadcast(ValueID, axes: [Int])
  }

  private func reshapedProduct(among values: [ValueID]) -> ValueID? {
    for value in values {
      if let source = reshapedProduct(value) { return source }
    }
    return nil
  }

  /// What a value is the reshape of, if that is a contraction or computed from one index by index.
  private func reshapedProduct(_ value: ValueID) -> ValueID? {
    guard let reshape = definingOp(of: value, .reshape), !isUnitReshape(reshape) else { return nil }
    let source = operand(0, of: reshape)
    guard let producer = definingOp(of: source) else { return nil }
    if opcode(of: producer).isContraction { return source }
    guard opcode(of: producer).isElementwise else { return nil }
    return self.operands(of: producer).contains { operand in
      definingOp(of: operand).map { opcode(of: $0).isContraction || opcode(of: $0).isElementwise } ?? false
    } ? source : nil
  }

  private func moved(_ value: ValueID, to dims: [Dim]) -> Moved? {
    if let scalar = splat(of: value) { return .splat(scalar) }
    guard let op = definingOp(of: value) else { return .reshape }
    switch opcode(of: op) {
    case .reshape:
      let source = operand(0, of: op)
      return type(of: source).dims == dims ? .value(source) : nil
    case .broadcast:
      guard let axes = ints("axes", of: op) else { return nil }
      let old = type(of: value).dims
      let common = zip(old.reversed(), dims.reversed()).prefix { $0 == $1 }.count
      let kept = isPlanted(.reshapeSinksPastAnyBroadcast) ? dims.count : common
      guard axes.allSatisfy({ $0 >= old.count - kept }) else { return nil }
      return .broadcast(operand(0, of: op), axes: axes.map { $0 - old.count + dims.count })
    case _: return nil
    }
  }
}
