import ApusIR
import ApusTensor

extension Function {
  /// The element of a constant that is the same everywhere, in the value's element type.
  public func splat(of value: ValueID) -> Scalar? {
    guard let op = definingOp(of: value), opcode(of: op) == .constant,
      case .scalar(let scalar)? = attribute("value", of: op)
    else { return nil }
    return scalar.converted(to: type(of: value).element)
  }

  /// The tensor of a constant that is not a splat.
  func constantTensor(of value: ValueID) -> ConstantTensor? {
    guard let op = definingOp(of: value), opcode(of: op) == .constant,
      case .tensor(let tensor)? = attribute("value", of: op)
    else { return nil }
    return tensor
  }

  /// Adds a constant of equal elements before an op.
  mutating func insertSplat(_ scalar: Scalar, _ type: TensorType, before op: OpID) -> ValueID {
    let value = Attribute.scalar(scalar.converted(to: type.element))
    return insert(.constant, [], [NamedAttribute("value", value)], type, before: op)
  }

  /// Adds an op of known result type before another, at the other's location.
  mutating func insert(
    _ code: OpCode, _ operands: [ValueID], _ attributes: [NamedAttribute] = [], _ type: TensorType, before op: OpID
  ) -> ValueID {
    let new = insert(
      code, operands, attributes: attributes, results: [type], at: .before(op), location: locationID(of: op))
    return result(of: new)
  }

  /// `value` under another shape: itself where the shape is the same, or else a `reshape`.
  mutating func insertReshape(_ value: ValueID, _ type: TensorType, before op: OpID) -> ValueID {
    self.type(of: value) == type ? value : insert(.reshape, [value], [], type, before: op)
  }

  /// The op of that code whose result a value is.
  func definingOp(of value: ValueID, _ code: OpCode) -> OpID? {
    guard let op = definingOp(of: value), opcode(of: op) == code else { return nil }
    return op
  }
}
