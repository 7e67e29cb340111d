/// Renders one method of `Function` for each op of phase `graph`.
///
/// Each makes one call of a hand-written method with one list of attributes, so that the files are quick to compile.
enum BuilderRenderer {
  /// `nil` where no op of the group may stand in graphs.
  static func builders(_ group: Specification.Group) -> String? {
    let ops = group.declarations.filter(\.isGraphOp)
    if ops.isEmpty { return nil }
    return generatedHeader + "import ApusTensor\n\nextension Function {\n"
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
    lines.append("  public mutating func \(escaped(name))(")
    lines.append("    " + parameters.joined(separator: ", "))
    lines.append("  ) throws(InferenceError) -> \(outcome.type) {")
    lines.append("    \(outcome.before)try append(")
    let attributes = declaration.attributes.filter { !$0.isOptional }.map(attribute)
    var arguments = [".\(name)", operands(declaration)]
    if !attributes.isEmpty { arguments.append("attributes: [\(attributes.joined(separator: ", "))]") }
    if let stated = outcome.stated { arguments.append("stated: \(stated)") }
    arguments += ["at: point", "location: location"]
    lines.append("      \(arguments.joined(separator: ", ")))\(outcome.after)")
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
      return "Self.operands(\(list), optional: [\(optional.joined(separator: ", "))], of: .\(camelCase(declaration.name.value)))"
    case .zeroOrMore, .oneOrMore: return plain.isEmpty ? escaped(last.name.value) : "\(list) + \(escaped(last.name.value))"
    }
  }

  private static func parameter(_ attribute: AttributeDeclaration) -> String {
    let name = escaped(camelCase(attribute.name.value))
    let type = swiftType(attribute.kind)
    if attribute.isOptional { return "\(name): \(type)? = nil" }
    guard let value = attribute.defaultValue else { return "\(name): \(type)" }
    let text =
      switch value {
      case .int(let number): "\(number)"
      case .float(let text): text
      case .bool(let flag): "\(flag)"
      case .string(let text), .name(let text): literal(text)
      case .integers(let list): "\(list)"
      case .floats(let list): "[\(list.joined(separator: ", "))]"
      }
    return "\(name): \(type) = \(text)"
  }

  private static func attribute(_ attribute: AttributeDeclaration) -> String {
    let name = escaped(camelCase(attribute.name.value))
    let value =
      switch attribute.kind {
      case .int, .axis: ".int(\(name))"
      case .float: ".float(\(name))"
      case .bool: ".bool(\(name))"
      case .string: ".string(\(name))"
      case .ints, .axes: ".ints(\(name))"
      case .floats: ".floats(\(name))"
      case .dims: ".dims(\(name))"
      case .elementType: ".elementType(\(name))"
      case .function: ".function(\(name))"
      case .constant: name
      case .schedule: ".schedule(\(name))"
      case .name: ".name(\(name))"
      }
    return "NamedAttribute(\(literal(attribute.name.value)), \(value))"
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
  var before = ""
  var after = ""
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
        (type, before, after) = ("[ValueID]", "return results(of: ", ")")
      } else {
        // Its regions are empty as yet: the caller fills them.
        (type, before) = ("OpID", "return ")
      }
      return
    case .patterns(let patterns, _) where patterns.isEmpty:
      (type, before, isDiscardable) = ("OpID", "return ", true)
      return
    case .patterns(let patterns, _):
      if !patterns.allSatisfy(declaration.binds) { (statement, stated) = ("as type: TensorType", "[type]") }
    case .custom: break
    }
    if names.isEmpty {
      (type, before, after) = ("ValueID", "return result(of: ", ")")
    } else {
      type = "(" + names.map { "\(escaped(camelCase($0))): ValueID" }.joined(separator: ", ") + ")"
      before = "let op = "
      let parts = names.indices.map { "result(\($0), of: op)" }
      after = "\n    return (\(parts.joined(separator: ", ")))"
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
