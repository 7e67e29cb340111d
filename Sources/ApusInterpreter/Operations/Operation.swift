import ApusIR
import ApusSupport
import ApusTensor

/// One op with everything it depends on: how an op without regions is evaluated.
struct Operation {
  var code: OpCode
  var operands: [Tensor]
  /// Dims hold no symbols any more.
  var attributes: [NamedAttribute]
  /// The types of the results; a size that only the op itself can tell may be symbolic.
  var results: [TensorType]
  var budget: Budget

  func elementType(_ operand: Int) -> ElementType { operands[operand].elementType }

  // MARK: Attributes

  /// The attribute as given, or its declared default.
  func attribute(_ name: String) -> Attribute? {
    attributes.first { $0.name == name }?.value ?? code.info.attribute(name)?.defaultValue
  }

  func int(_ name: String) -> Int {
    guard case .int(let value)? = attribute(name) else { missing(name) }
    return value
  }

  func bool(_ name: String) -> Bool {
    guard case .bool(let value)? = attribute(name) else { missing(name) }
    return value
  }

  func name(_ name: String) -> String {
    guard case .name(let value)? = attribute(name) else { missing(name) }
    return value
  }

  /// A list of integers, written as `ints` or as dims.
  func ints(_ name: String) -> [Int] {
    switch attribute(name) {
    case .ints(let values): return values
    case .dims(let values):
      return values.map { dim in
        guard let value = dim.constantValue else { preconditionFailure("\(code.name): \(name) holds a symbol") }
        return value
      }
    case .int, .float, .bool, .string, .name, .floats, .elementType, .function, .scalar, .tensor, .schedule, nil:
      missing(name)
    }
  }

  /// A list that may be left empty for `count` times `value`.
  func ints(_ name: String, orRepeating value: Int, count: Int) -> [Int] {
    let given = ints(name)
    return given.isEmpty ? Array(repeating: value, count: count) : given
  }

  private func missing(_ name: String) -> Never { preconditionFailure("\(code.name) without attribute \(name)") }

  // MARK: Shapes

  /// The shape of a result that the program states.
  func statedShape(_ result: Int = 0) -> [Int] {
    guard let shape = results[result].constantShape else {
      preconditionFailure("the shape of \(code.name)'s result is stated")
    }
    return shape
  }

  /// The shape that all operands have.
  ///
  /// Throws `input.shape` when they turn out to differ.
  func commonShape() throws -> [Int] {
    let shape = operands[0].shape
    for (index, operand) in operands.enumerated() where operand.shape != shape {
      throw disagreement("operand \(index) has shape \(operand.shape), operand 0 has \(shape)")
    }
    return shape
  }

  /// Sizes that have to agree and do not: the inputs' sizes were wrong for this program.
  func disagreement(_ what: String) -> DiagnosticError {
    DiagnosticError(id: "input.shape", "\(code.name): \(what)")
  }

  func require(_ holds: Bool, _ what: @autoclosure () -> String) throws {
    if !holds { throw disagreement(what()) }
  }

  // MARK: Results

  /// A tensor for results, within the memory limit.
  func allocate(_ type: ElementType, _ shape: [Int]) throws -> Tensor {
    try budget.admit(type, shape: shape)
    return try .uninitialized(type, shape: shape)
  }

  /// A tensor of these elements, narrowed to `type`.
  func tensor(_ elements: Elements, _ type: ElementType, _ shape: [Int]) throws -> Tensor {
    var result = try allocate(type, shape)
    result.withUnsafeMutableBytes { elements.store(to: $0, as: type) }
    return result
  }
}
