/// Renders one method of `Function` for each op of phase `graph`.
///
/// Each makes one call of a hand-written method with one list of attributes, so that the files are quick to compile.
enum BuilderRenderer {
  /// `nil` where no op of the group may stand in graphs.
  static func builders(_ group: Specification.Group) -> String? {
    let ops = group.declarations.filter(\.isGraphOp)
    if ops.isEmpty { return nil }
    return generatedHeader + "import ApusSupport\nimport ApusTensor\n\nextension Function {\n"
      + ops.map(builder).joined(separator: "\n") + "}\n"
  }

  private static func builder(_ declaration: Declaration) -> String {
    let name = camelCase(declaration.name.value)
    let outcome = Outcome(declaration)
    var parameters = declaration.operands.map(parameter) + declaration.attributes.map(parameter)
    if let statement = outcome.statement { parameters.append(statement) }
    parameters += ["at point: InsertionPoint", "location: LocationID = .none"]
    var lines = wrapped(declaration.summary, prefix: "  /// ")
    if outcome.isDiscardable { lines.append("  @discardableResult") }
    lines += call("  public mutating func \(escaped(name))", parameters, indent: 2)
    lines[lines.count - 1] += " throws(InferenceError) -> \(outcome.type) {"
    let attributes = attributes(declaration)
    var arguments = [".\(name)", operands(declaration)]
    if let attributes { arguments.append("attributes: \(attributes)") }
    if let stated = outcome.stated { arguments.append("stated: \(stated)") }
    arguments += ["at: point", "location: location"]
    lines += call(outcome.end == nil ? "    try append" : "    let op = try append", arguments, indent: 4)
    if let end = outcome.end { lines.append("    return \(end)") }
    lines.append("  }")
    return lines.map { $0 + "\n" }.joined()
  }

  private static func parameter(_ operand: Operand) -> String {
    let name = escaped(operand.name.value)
    switch operand.arity {
    case .one: return "_ \(name): ValueID"
    case .optional: return "\(name): ValueID? = nil"
    case .zeroOrMore, .oneOrMore: return "_ \(name): [ValueID]"
    }
  }

  private static func operands(_ declaration: Declaration) -> String {
    let plain = declaration.operands.filter { $0.arity == .one }.map { escaped($0.name.value) }
    let list = "[\(plain.joined(separator: ", "))]"
    guard let last = declaration.operands.last else { return "[]" }
    switch last.arity {
    case .one: return list
    case .optional:
      let optional = declaration.operands.filter { $0.arity == .optional }.map { escaped($0.name.value) }
      let code = ".\(camelCase(declaration.name.value))"
      return "Self.operands(\(list), optional: [\(optional.joined(separator: ", "))], of: \(code))"
    case .zeroOrMore, .oneOrMore:
      let rest = escaped(last.name.value)
      return plain.isEmpty ? rest : "\(list) + \(rest)"
    }
  }

  private static func parameter(_ attribute: AttributeDeclaration) -> String {
    attribute.parameter(type: swiftType(attribute.kind))
  }

  private static func attributes(_ declaration: Declaration) -> String? {
    if declaration.attributes.isEmpty { return nil }
    let given = declaration.attributes.filter { !$0.isOptional }.map { entry($0, escaped(camelCase($0.name.value))) }
    let optional = declaration.attributes.filter(\.isOptional).map { attribute in
      "(\(escaped(camelCase(attribute.name.value))).map { [\(entry(attribute, "$0"))] } ?? [])"
    }
    return (["[\(given.joined(separator: ", "))]"] + optional).joined(separator: " + ")
  }

  /// The stored form of an attribute whose Swift value is `value`.
  private static func entry(_ attribute: AttributeDeclaration, _ value: String) -> String {
    let stored =
      switch attribute.kind {
      case .int, .axis: ".int(\(value))"
      case .float: ".float(\(value))"
      case .bool: ".bool(\(value))"
      case .string: ".string(\(value))"
      case .ints, .axes: ".ints(\(value))"
      case .floats: ".floats(\(value))"
      case .dims: ".dims(\(value))"
      case .elementType: ".elementType(\(value))"
      case .function: ".function(\(value))"
      case .constant: value
      case .schedule: ".schedule(\(value))"
      case .name: ".name(\(value))"
      }
    return "NamedAttribute(\(literal(attribute.name.value)), \(stored))"
  }

  private static func swiftType(_ kind: AttributeDeclaration.Kind) -> String {
    switch kind {
    case .int, .axis: "Int"
    case .float: "Double"
    case .bool: "Bool"
    case .string, .function, .name: "String"
    case .ints, .axes: "[Int]"
    case .floats: "[Double]"
    case .dims: "[Dim]"
    case .elementType: "ElementType"
    case .constant: "Attribute"
    case .schedule: "Schedule"
    }
  }
}

/// What a builder returns, and what it must be told for that.
private struct Outcome {
  var type: String
  /// What is returned of the appended `op`; the op itself where it is `nil`.
  var end: String?
  /// The parameter for types that no operand fixes.
  var statement: String?
  /// The argument made of it.
  var stated: String?
  var isDiscardable = false

  init(_ declaration: Declaration) {
    let names = declaration.results.names
    switch declaration.results {
    case .stated:
      (statement, stated) = ("as types: [TensorType]", "types")
      if declaration.regions.isEmpty {
        (type, end) = ("[ValueID]", "results(of: op)")
      } else {
        // Its regions are empty as yet: the caller fills them.
        type = "OpID"
      }
      return
    case .patterns(let patterns, _) where patterns.isEmpty:
      (type, isDiscardable) = ("OpID", true)
      return
    case .patterns(let patterns, _):
      if !patterns.allSatisfy(declaration.binds) { (statement, stated) = ("as type: TensorType", "[type]") }
    case .custom: break
    }
    if names.isEmpty {
      (type, end) = ("ValueID", "result(of: op)")
    } else {
      type = "(" + names.map { "\(escaped(camelCase($0))): ValueID" }.joined(separator: ", ") + ")"
      end = "(" + names.indices.map { "result(\($0), of: op)" }.joined(separator: ", ") + ")"
    }
  }
}

extension Declaration {
  /// Whether operands say everything that is open in a result's type.
  fileprivate func binds(_ result: Pattern) -> Bool {
    if case .variable = result.element, !operands.contains(where: { $0.pattern.element == result.element }) {
      return false
    }
    guard let shape = result.shape else { return false }
    let bound = operands.flatMap { $0.pattern.shape ?? [] }
    return shape.allSatisfy { entry in
      if case .constant = entry { true } else { bound.contains(entry) }
    }
  }
}
