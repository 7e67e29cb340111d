import ApusTensor

extension TypeInference {
  mutating func constantRules() throws(InferenceError) {
    let result = results[0]
    switch attribute("value") {
    case .tensor(let constant):
      let tensor = constant.tensor
      let shape = tensor.shape.map { Dim.constant($0) }
      try require(
        tensor.elementType == result.element && shape == result.dims, "C1", .attribute("value"),
        "it is \(tensor.elementType)\(text(shape)), \(symbols.text(result)) is stated")
    case .scalar(let value):
      guard let converted = value.exactly(as: result.element) else {
        throw violation("C2", .attribute("value"), "\(value.text) is no value of type \(result.element)")
      }
      if converted != value, let index = attributes.firstIndex(where: { $0.name == "value" }) {
        attributes[index].value = .scalar(converted)
      }
    case .int, .float, .bool, .string, .name, .ints, .floats, .dims, .elementType, .function, .schedule, nil:
      preconditionFailure("a constant has a scalar or a tensor")
    }
  }

  func iotaRules() throws(InferenceError) {
    let axis = int("axis")
    let rank = results[0].rank
    try require(axis >= 0 && axis < rank, "C1", .attribute("axis"), "axis \(axis) of rank \(rank)")
  }

  func sizeRules() throws(InferenceError) {
    let count = dims("of").count
    try require(count == 1, "C1", .attribute("of"), "there are \(count)")
  }

  func randomBitsRules() throws(InferenceError) {
    let element = results[0].element
    try require(element.isUnsignedInteger, "C1", .result(0), "it is \(element)")
  }

  func bitcastRules() throws(InferenceError) {
    let from = operand("x").element
    let to = results[0].element
    try require((from == .bool) == (to == .bool), "C2", .operand(0), "they are \(from) and \(to)")
    try require(from.bitWidth == to.bitWidth, "C1", .operand(0), "they are \(from.bitWidth) and \(to.bitWidth) bits")
  }
}

extension Scalar {
  /// The value in another type: integers must fit, floats round to nearest even; `nil` where it is no value of
  /// that type.
  func exactly(as type: ElementType) -> Scalar? {
    switch self {
    case .bool: type == .bool ? self : nil
    case .signed(let value):
      if type == .bool { nil } else if type.isFloat { converted(to: type) } else { fits(type) { value } }
    case .unsigned(let value):
      if type == .bool { nil } else if type.isFloat { converted(to: type) } else { fits(type) { Int128(value) } }
    case .float(let value):
      if type == .bool {
        nil
      } else if type.isFloat {
        converted(to: type)
      } else {
        // Beyond 2^64 no integer type holds it, so the conversion cannot trap.
        value == value.rounded(.towardZero) && abs(value) <= 0x1p64 ? fits(type) { Int128(value) } : nil
      }
    }
  }

  private func fits(_ type: ElementType, _ value: () -> some BinaryInteger) -> Scalar? {
    let value = Int128(value())
    let bits = Int128(type.bitWidth)
    let (lower, upper) =
      type.isSignedInteger
      ? (-(Int128(1) << (bits - 1)), (Int128(1) << (bits - 1)) - 1) : (Int128(0), (Int128(1) << bits) - 1)
    guard value >= lower, value <= upper else { return nil }
    return type.isSignedInteger
      ? .signed(Int64(truncatingIfNeeded: value)) : .unsigned(UInt64(truncatingIfNeeded: value))
  }

  /// The value as people write it.
  var text: String {
    switch self {
    case .float(let value): "\(value)"
    case .signed(let value): "\(value)"
    case .unsigned(let value): "\(value)"
    case .bool(let value): "\(value)"
    }
  }
}
