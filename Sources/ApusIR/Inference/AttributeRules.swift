import ApusTensor

extension TypeInference {
  /// Attributes in canonical form, from attributes as written.
  func normalize(_ given: [NamedAttribute]) throws(InferenceError) -> [NamedAttribute] {
    if info.attributes.isEmpty, given.isEmpty { return [] }
    // Indices, because an element of either list is dear to copy.
    var positions: [Int?] = []
    positions.reserveCapacity(info.attributes.count)
    for index in info.attributes.indices {
      let name = info.attributes[index].name
      positions.append(given.indices.first { given[$0].name == name })
    }
    if positions.count(where: { $0 != nil }) != given.count { try checkNames(given) }
    var list: [NamedAttribute] = []
    list.reserveCapacity(given.count)
    for index in info.attributes.indices {
      guard let value = positions[index].map({ given[$0].value }) ?? info.attributes[index].defaultValue else {
        if info.attributes[index].isOptional { continue }
        throw InferenceError("op.attribute", "`\(info.name)` needs `\(info.attributes[index].name)`")
      }
      let declared = info.attributes[index]
      let canonical = try canonical(value, declared)
      switch declared.kind {
      case .axis, .axes: list.append(NamedAttribute(declared.name, canonical))
      case .int, .float, .bool, .string, .ints, .floats, .dims, .elementType, .function, .constant, .schedule, .name:
        if canonical != declared.defaultValue { list.append(NamedAttribute(declared.name, canonical)) }
      }
    }
    return list
  }

  /// Throws where a name is unknown or stands twice.
  private func checkNames(_ given: [NamedAttribute]) throws(InferenceError) {
    for (index, entry) in given.enumerated() {
      if info.attribute(entry.name) == nil {
        let names = info.attributes.map { "`\($0.name)`" }.joined(separator: ", ")
        throw InferenceError(
          "op.attribute", "`\(info.name)` has no attribute `\(entry.name)`", at: .attribute(entry.name),
          hint: names.isEmpty ? nil : "it has \(names)")
      }
      if given[..<index].contains(where: { $0.name == entry.name }) {
        throw InferenceError("op.attribute", "`\(entry.name)` is given twice", at: .attribute(entry.name))
      }
    }
  }

  private func canonical(_ value: Attribute, _ declared: AttributeInfo) throws(InferenceError) -> Attribute {
    switch declared.kind {
    case .int:
      if case .int = value { return value }
      if let number = single(value) { return .int(number) }
    case .float:
      if case .float = value { return value }
      if case .int(let number) = value { return .float(Double(number)) }
    case .bool: if case .bool = value { return value }
    case .string: if case .string = value { return value }
    case .ints: if let numbers = list(value) { return .ints(numbers) }
    case .floats:
      if case .floats = value { return value }
      if let numbers = list(value) { return .floats(numbers.map { Double($0) }) }
    case .dims:
      if case .dims = value { return value }
      if case .int(let number) = value { return .dims([.constant(number)]) }
      if let numbers = list(value) { return .dims(numbers.map { .constant($0) }) }
    case .elementType: if case .elementType = value { return value }
    case .function: if case .function = value { return value }
    case .schedule: if case .schedule = value { return value }
    case .constant: if let constant = constant(value) { return constant }
    case .name(let cases):
      if case .name(let name) = value {
        if cases.contains(name) { return value }
        throw InferenceError(
          "op.attribute", "`\(declared.name)` cannot be `\(name)`", at: .attribute(declared.name),
          hint: "one of \(cases.joined(separator: ", "))")
      }
    case .axis(let operand):
      if let axis = single(value) { return .int(try self.axis(axis, of: operand, declared.name)) }
    case .axes(let operand):
      if let axes = list(value) { return .ints(try self.axes(axes, of: operand, declared.name)) }
    }
    throw InferenceError(
      "op.attribute", "`\(declared.name)` of `\(info.name)` is \(declared.kind.expectation), not \(value.kindText)",
      at: .attribute(declared.name))
  }

  /// One integer, however it is written.
  private func single(_ value: Attribute) -> Int? {
    switch value {
    case .int(let number): number
    case .dims(let dims) where dims.count == 1: dims[0].constantValue
    case .dims, .ints, .float, .bool, .string, .name, .floats, .elementType, .function, .scalar, .tensor, .schedule:
      nil
    }
  }

  /// A list of integers, however it is written.
  private func list(_ value: Attribute) -> [Int]? {
    switch value {
    case .ints(let numbers): return numbers
    case .dims(let dims):
      let known = dims.compactMap(\.constantValue)
      return known.count == dims.count ? known : nil
    case .floats(let numbers): return numbers.isEmpty ? [] : nil
    case .int, .float, .bool, .string, .name, .elementType, .function, .scalar, .tensor, .schedule: return nil
    }
  }

  private func constant(_ value: Attribute) -> Attribute? {
    switch value {
    case .scalar, .tensor: value
    case .int(let number): .scalar(.signed(Int64(number)))
    case .float(let number): .scalar(.float(number))
    case .bool(let flag): .scalar(.bool(flag))
    case .string, .name, .ints, .floats, .dims, .elementType, .function, .schedule: nil
    }
  }

  private func axis(_ axis: Int, of name: String, _ attribute: String) throws(InferenceError) -> Int {
    let rank = operandList(name).first?.rank ?? 0
    if axis >= 0, axis < rank { return axis }
    if axis < 0, axis >= -rank { return axis + rank }
    throw InferenceError(
      "axis.range", "axis \(axis) is not one of `\(name)`, which has rank \(rank)", at: .attribute(attribute))
  }

  private func axes(_ axes: [Int], of name: String, _ attribute: String) throws(InferenceError) -> [Int] {
    var found: [Int] = []
    for entry in axes {
      let axis = try axis(entry, of: name, attribute)
      if found.contains(axis) {
        throw InferenceError("axis.twice", "axis \(entry) is named twice", at: .attribute(attribute))
      }
      found.append(axis)
    }
    return found.sorted()
  }
}

// MARK: - Reading normalised attributes

extension TypeInference {
  func attribute(_ name: String) -> Attribute? {
    for index in attributes.indices where attributes[index].name == name { return attributes[index].value }
    return info.attributes.indices.first { info.attributes[$0].name == name }.flatMap { info.attributes[$0].defaultValue }
  }

  func int(_ name: String) -> Int {
    guard case .int(let value)? = attribute(name) else { preconditionFailure("`\(name)` is no integer") }
    return value
  }

  func ints(_ name: String) -> [Int] {
    guard case .ints(let value)? = attribute(name) else { preconditionFailure("`\(name)` is no list of integers") }
    return value
  }

  func bool(_ name: String) -> Bool {
    guard case .bool(let value)? = attribute(name) else { preconditionFailure("`\(name)` is no bool") }
    return value
  }

  func dims(_ name: String) -> [Dim] {
    guard case .dims(let value)? = attribute(name) else { preconditionFailure("`\(name)` is no list of sizes") }
    return value
  }

  func isName(_ name: String, _ wanted: String) -> Bool { attribute(name) == .name(wanted) }
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

extension Attribute {
  fileprivate var kindText: String {
    switch self {
    case .int: "an integer"
    case .float: "a number with a fraction"
    case .bool: "true or false"
    case .string: "a quoted text"
    case .name(let name): "`\(name)`"
    case .ints: "a list of integers"
    case .floats: "a list of numbers"
    case .dims: "a list of sizes"
    case .elementType: "an element type"
    case .function: "a function"
    case .scalar, .tensor: "a constant"
    case .schedule: "a schedule"
    }
  }
}
