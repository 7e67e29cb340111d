import ApusIR
import ApusTensor

/// Constants, sizes and rearranged lanes.
extension FunctionLowering {
  func lowerConstant(_ op: OpID) {
    let result = function.result(of: op)
    switch type(result).form {
    case .register: bind(result, constantRegister(op, type(result)))
    case .buffer: bind(result, owner.constant(op, of: function))
    case .tensor: preconditionFailure("a tensor reached code generation in @\(function.name)")
    }
  }

  func lowerSize(_ op: OpID) {
    guard let dim = function.dims("of", of: op)?.first else { preconditionFailure("size of nothing") }
    bind(function.result(of: op), value(of: dim))
  }

  func lowerLanes(_ op: OpID) {
    let result = function.result(of: op)
    let x = register(function.operand(0, of: op))
    let type = codeType(type(result))
    switch function.opcode(of: op) {
    case .splat: bind(result, e.splat(x, type.laneCount))
    case .lanes: bind(result, e.add(e.splat(x, type.laneCount), e.laneIndices(type)))
    case .extractLane: bind(result, e.extract(x, lane: int("lane", op)))
    case .shuffle:
      bind(result, e.shuffle(x, register(function.operand(1, of: op)), function.ints("order", of: op) ?? []))
    case _: bind(result, reduceLanes(op, x))
    }
  }

  /// A scalar as the lanes of a register type.
  func constant(_ scalar: Scalar, _ type: TensorType) -> CodeValue {
    let lanes = codeType(type)
    if type.element == .bool {
      guard case .bool(let bit) = scalar.converted(to: .bool) else { return e.zero(lanes) }
      return e.int(bit ? 1 : 0, lanes)
    }
    var pattern: UInt64 = 0
    withUnsafeMutableBytes(of: &pattern) { scalar.store(to: $0, at: 0, as: type.element) }
    return e.bits(pattern, lanes)
  }
}

extension FunctionLowering {
  private func constantRegister(_ op: OpID, _ type: TensorType) -> CodeValue {
    switch function.attribute("value", of: op) {
    case .scalar(let scalar)?: return constant(scalar, type)
    case .tensor(let constant)?:
      let tensor = constant.tensor
      let scalar = TensorType.register(type.element)
      let lanes = tensor.withUnsafeBytes { bytes in
        (0..<type.lanes).map { self.constant(Scalar(from: bytes, at: $0, as: type.element), scalar) }
      }
      return e.constantVector(lanes)
    case _: preconditionFailure("a constant without a value in @\(function.name)")
    }
  }

  private func reduceLanes(_ op: OpID, _ x: CodeValue) -> CodeValue {
    let element = type(function.operand(0, of: op)).element
    let code = reductionStep(function.string("kind", of: op) ?? "")
    return e.reduceLanes(x) { e.elementwise(code, [$0, $1], element) }
  }

  private func reductionStep(_ kind: String) -> OpCode {
    switch kind {
    case "sum": .add
    case "prod": .mul
    case "max": .max
    case "min": .min
    case "and": .and
    case "or": .or
    case _: preconditionFailure("reduce_lanes by '\(kind)'")
    }
  }
}
