import ApusTensor

extension InferenceContext {
  /// Brings attributes into the one form that is stored. Throws `op.attribute` for names the op does
  /// not have, missing ones, wrong kinds and axes out of range.
  func normalize(_ written: [NamedAttribute]) throws(InferenceError) -> [NamedAttribute] {
    for (index, entry) in written.enumerated() {
      guard info.attribute(entry.name) != nil else {
        throw InferenceError("op.attribute", "\(info.name) has no attribute `\(entry.name)`", attribute: entry.name)
      }
      guard !written[..<index].contains(where: { $0.name == entry.name }) else {
        throw InferenceError("op.attribute", "`\(entry.name)` is given twice", attribute: entry.name)
      }
    }
    var normal: [NamedAttribute] = []
    for declared in info.attributes {
      guard let value = written.first(where: { $0.name == declared.name })?.value ?? declared.defaultValue else {
        if declared.isOptional { continue }
        throw InferenceError("op.attribute", "\(info.name) needs `\(declared.name)`", attribute: declared.name)
      }
      let stored = try normalize(value, as: declared)
      let isAxis = switch declared.kind {
      case .axis, .axes: true
      case .int, .float, .bool, .string, .ints, .floats, .dims, .elementType, .function, .constant, .schedule, .name:
        false
      }
      if stored != declared.defaultValue || isAxis { normal.append(NamedAttribute(declared.name, stored)) }
    }
    return normal
  }

  private func normalize(_ value: Attribute, as declared: AttributeInfo) throws(InferenceError) -> Attribute {
    switch declared.kind {
    case .int:
      switch value {
      case .int: return value
      case .dims(let dims) where dims.count == 1:
        if let number = dims[0].constantValue { return .int(number) }
      default: break
      }
    case .float:
      if case .float = value { return value }
      if case .int(let number) = value { return .float(Double(number)) }
    case .bool: if case .bool = value { return value }
    case .string: if case .string = value { return value }
    case .ints:
      if case .ints = value { return value }
      if let numbers = Self.constants(value) { return .ints(numbers) }
    case .floats:
      if case .floats = value { return value }
      if let numbers = Self.constants(value) { return .floats(numbers.map(Double.init)) }
    case .dims:
      if case .dims = value { return value }
      if case .ints(let numbers) = value { return .dims(numbers.map { .constant($0) }) }
      if case .int(let number) = value { return .dims([.constant(number)]) }
    case .elementType: if case .elementType = value { return value }
    case .function: if case .function = value { return value }
    case .schedule: if case .schedule = value { return value }
    case .constant:
      switch value {
      case .scalar, .tensor: return value
      case .int(let number): return .scalar(.signed(Int64(number)))
      case .float(let number): return .scalar(.float(number))
      case .bool(let flag): return .scalar(.bool(flag))
      default: break
      }
    case .name(let cases):
      if case .name(let chosen) = value, cases.contains(chosen) { return value }
    case .axis(let operand):
      if let axes = Self.constants(value), axes.count == 1 { return .int(try normalize(axes[0], of: operand, declared)) }
    case .axes(let operand):
      if let axes = Self.constants(value) {
        var stored: [Int] = []
        for axis in axes {
          let normal = try normalize(axis, of: operand, declared)
          if stored.contains(normal) { throw wrong(declared, "names axis \(axis) twice") }
          stored.append(normal)
        }
        return .ints(stored)
      }
    }
    throw wrong(declared, "takes \(declared.kind.expectation)")
  }

  /// One or several integers, however they are written.
  private static func constants(_ value: Attribute) -> [Int]? {
    switch value {
    case .int(let number): return [number]
    case .ints(let numbers): return numbers
    case .dims(let dims):
      let numbers = dims.compactMap(\.constantValue)
      return numbers.count == dims.count ? numbers : nil
    case .float, .bool, .string, .name, .floats, .elementType, .function, .scalar, .tensor, .schedule: return nil
    }
  }

  private func normalize(_ axis: Int, of operand: String, _ declared: AttributeInfo) throws(InferenceError) -> Int {
    let rank = indices(of: operand).first.map { operands[$0].rank } ?? 0
    guard axis >= -rank, axis < rank else {
      throw wrong(declared, "is \(axis), but `\(operand)` has \(rank) axes")
    }
    return axis < 0 ? axis + rank : axis
  }

  private func wrong(_ declared: AttributeInfo, _ message: String) -> InferenceError {
    InferenceError("op.attribute", "`\(declared.name)` of \(info.name) \(message)", attribute: declared.name)
  }
}

extension AttributeInfo.Kind {
  /// "an integer", "a list of integers", …: what a message asks for.
  public var expectation: String {
    switch self {
    case .int: "an integer"
    case .float: "a number"
    case .bool: "true or false"
    case .string: "a quoted text"
    case .ints: "a list of integers"
    case .floats: "a list of numbers"
    case .dims: "a list of sizes"
    case .elementType: "an element type"
    case .function: "a function"
    case .constant: "a constant"
    case .schedule: "a schedule"
    case .name(let cases): "one of \(cases.joined(separator: ", "))"
    case .axis: "an axis"
    case .axes: "a list of axes"
    }
  }
}
