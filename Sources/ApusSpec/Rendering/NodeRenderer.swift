/// Renders one function over nodes of a graph built in Swift for each op of phase `graph` that has no form of
/// its own there.
///
/// Each makes one call of a hand-written method, so that the files are quick to compile.
enum NodeRenderer {
  /// Ops that the builder offers in another form: control flow, calls, and constants.
  private static let excluded: Set<String> = [
    "constant", "if", "while", "call", "custom_call", "assert", "return", "yield", "continue", "size",
  ]

  /// `nil` where no op of the group is rendered.
  static func functions(_ group: Specification.Group) -> String? {
    let ops = group.declarations.filter { $0.isGraphOp && !excluded.contains($0.name.value) }
    if ops.isEmpty { return nil }
    return generatedHeader + "import ApusIR\nimport ApusTensor\n\n" + ops.map(function).joined(separator: "\n")
  }

  private static func function(_ declaration: Declaration) -> String {
    let name = camelCase(declaration.name.value)
    let (statesShape, statesElement) = stated(declaration)
    var parameters = declaration.operands.map(parameter) + declaration.attributes.map(parameter)
    if statesShape { parameters.append("shape: [Size]") }
    if statesElement { parameters.append("to type: ElementType") }
    parameters += ["fileID: StaticString = #fileID", "line: Int = #line"]
    var attributes = declaration.attributes.map { attribute in
      entry(attribute.name.value, ".\(form(attribute.kind))(\(escaped(camelCase(attribute.name.value))))")
    }
    if statesShape { attributes.append(entry("shape", ".sizes(shape)")) }
    if statesElement { attributes.append(entry("to", ".elementType(type)")) }
    var arguments = [".\(name)", operands(declaration)]
    // The list's entries are cut like arguments where they do not fit on one line.
    if attributes.isEmpty {
      arguments.append("[:]")
    } else {
      attributes[0] = "[" + attributes[0]
      attributes[attributes.count - 1] += "]"
      arguments += attributes
    }
    let names = declaration.results.names
    if !names.isEmpty { arguments.append("results: \(names.count)") }
    arguments += ["fileID", "line"]

    var lines = wrapped(declaration.summary, prefix: "/// ")
    lines += call("public func \(escaped(name))", parameters, indent: 0)
    let tuple = names.map { "\(escaped(camelCase($0))): Node" }.joined(separator: ", ")
    lines[lines.count - 1] += names.isEmpty ? " -> Node {" : " -> (\(tuple)) {"
    lines += call(names.isEmpty ? "  Node.call" : "  let nodes = Node.calls", arguments, indent: 2)
    if !names.isEmpty { lines.append("  return (\(names.indices.map { "nodes[\($0)]" }.joined(separator: ", ")))") }
    lines.append("}")
    return lines.map { $0 + "\n" }.joined()
  }

  private static func entry(_ name: String, _ value: String) -> String { "\(literal(name)): \(value)" }

  private static func parameter(_ operand: Operand) -> String {
    let name = escaped(operand.name.value)
    switch operand.arity {
    case .one: return "_ \(name): Node"
    case .optional: return "\(name): Node? = nil"
    case .zeroOrMore, .oneOrMore: return "_ \(name): [Node]"
    }
  }

  private static func operands(_ declaration: Declaration) -> String {
    let single = declaration.operands.filter { !$0.arity.isVariadic }.map { escaped($0.name.value) }
    let list = "[\(single.joined(separator: ", "))]"
    guard let last = declaration.operands.last, last.arity.isVariadic else { return list }
    return single.isEmpty ? escaped(last.name.value) : "\(list) + \(escaped(last.name.value))"
  }

  private static func parameter(_ attribute: AttributeDeclaration) -> String {
    attribute.parameter(type: swiftType(attribute.kind))
  }

  private static func swiftType(_ kind: AttributeDeclaration.Kind) -> String {
    switch kind {
    case .int, .axis: "Int"
    case .float: "Double"
    case .bool: "Bool"
    case .string, .function, .name: "String"
    case .ints, .axes: "[Int]"
    case .floats: "[Double]"
    case .dims: "[Size]"
    case .elementType: "ElementType"
    case .constant, .schedule: "Node"
    }
  }

  /// The case of `NodeAttribute` that holds a value of the kind.
  private static func form(_ kind: AttributeDeclaration.Kind) -> String {
    switch kind {
    case .int, .axis: "int"
    case .float: "float"
    case .bool: "bool"
    case .string, .function: "string"
    case .name: "name"
    case .ints, .axes: "ints"
    case .floats: "floats"
    case .dims: "sizes"
    case .elementType: "elementType"
    case .constant, .schedule: "node"
    }
  }

  /// Whether the shape and the element type of the result are told, as no operand fixes them.
  private static func stated(_ declaration: Declaration) -> (shape: Bool, element: Bool) {
    guard case .patterns(let patterns, _) = declaration.results, let pattern = patterns.first else {
      return (false, false)
    }
    let bound = declaration.operands.flatMap { $0.pattern.shape ?? [] }
    let isOpen = pattern.shape?.contains { dim in
      if case .constant = dim { false } else { !bound.contains(dim) }
    }
    var isUntyped = false
    if case .variable = pattern.element {
      isUntyped = !declaration.operands.contains { $0.pattern.element == pattern.element }
    }
    return (isOpen ?? false, isUntyped)
  }
}
