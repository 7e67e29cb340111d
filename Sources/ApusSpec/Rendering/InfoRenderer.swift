/// Renders `OpCode`, `ShapeFunction` and the `OpInfo` of every op.
enum InfoRenderer {
  static func opCodes(_ specification: Specification) -> String {
    generatedHeader + "/// Every op there is.\n"
      + "public enum OpCode: UInt16, Sendable, Hashable, CaseIterable, BitwiseCopyable {\n"
      + specification.declarations.map { "  case \(escaped(camelCase($0.name.value)))\n" }.joined() + "}\n\n"
      + "/// The ops that are not defined by a body; raw values are those of `OpCode`.\n"
      + "public enum PrimitiveOp: UInt16, Sendable, Hashable, CaseIterable, BitwiseCopyable {\n"
      + specification.declarations.enumerated().filter { $0.element.body == nil }.map {
        "  case \(escaped(camelCase($0.element.name.value))) = \($0.offset)\n"
      }.joined() + "}\n"
  }

  static func shapeFunctions(_ specification: Specification) -> String {
    generatedHeader + "/// The shape rules that a signature cannot say.\n"
      + "public enum ShapeFunction: String, Sendable, Hashable, CaseIterable {\n"
      + specification.shapeFunctions.map { "  case \($0)\n" }.joined() + "}\n"
  }

  static func all(_ specification: Specification) -> String {
    generatedHeader + "extension OpInfo {\n  /// Indexed by `OpCode.rawValue`.\n  public static let all: [OpInfo] = [\n"
      + specification.declarations.map { "    .\(camelCase($0.name.value)),\n" }.joined() + "  ]\n}\n"
  }

  static func infos(_ group: Specification.Group) -> String {
    generatedHeader + "import ApusTensor\n\nextension OpInfo {\n"
      + group.declarations.map(info).joined(separator: "\n") + "}\n"
  }

  private static func info(_ declaration: Declaration) -> String {
    let name = camelCase(declaration.name.value)
    var fields = [
      "code: .\(name), name: \(literal(declaration.name.value)), group: \(literal(declaration.group))",
      "signature: \(literal(declaration.signature))",
      "summary: \(literal(declaration.summary))",
    ]
    func list(_ label: String, _ items: [String]) {
      if !items.isEmpty { fields.append("\(label): [\n      \(items.joined(separator: ",\n      ")),\n    ]") }
    }
    list("operands", declaration.operands.map(operand))
    list("attributes", declaration.attributes.map(attribute))
    fields.append("results: \(results(declaration.results))")
    let names = declaration.results.names
    if !names.isEmpty { fields.append("resultNames: [\(names.map(literal).joined(separator: ", "))]") }
    list("regions", declaration.regions.map(region))
    list("typeVariables", declaration.typeVariables.map(typeVariable))
    if !declaration.traits.isEmpty {
      fields.append("traits: [\(declaration.traits.map { "." + $0.value.rawValue }.joined(separator: ", "))]")
    }
    fields.append("phases: [\(declaration.phases.map { "." + $0.value.rawValue }.joined(separator: ", "))]")
    list("constraints", declaration.constraints.map { "ConstraintInfo(\(literal($0.id)), \(literal($0.text)))" })
    if let body = declaration.body { fields.append("body: \(literal(body))") }
    list("examples", declaration.examples.map(literal))
    switch declaration.error {
    case .units(let units): fields.append("maxULP: \(units)")
    case .sum: fields.append("maxULP: nil")
    }
    return "  static let \(escaped(name)) = OpInfo(\n    \(fields.joined(separator: ",\n    ")))\n"
  }

  private static func region(_ region: Region) -> String {
    "RegionInfo(\(literal(region.name.value))\(region.isIsolated ? ", isIsolated: true" : ""))"
  }

  private static func typeVariable(_ variable: TypeVariable) -> String {
    "TypeVariable(\(literal(variable.name.value)), .\(variable.elementClass.rawValue))"
  }

  private static func operand(_ operand: Operand) -> String {
    let arity =
      switch operand.arity {
      case .one: ""
      case .optional: ", .optional"
      case .zeroOrMore: ", .zeroOrMore"
      case .oneOrMore: ", .oneOrMore"
      }
    return "OperandInfo(\(literal(operand.name.value)), \(pattern(operand.pattern))\(arity))"
  }

  private static func pattern(_ pattern: Pattern) -> String {
    guard let shape = pattern.shape else { return "TypePattern(.any, .any)" }
    let dims = shape.map { dim in
      switch dim {
      case .pack(let name): ".pack(\(literal(name)))"
      case .named(let name): ".dim(\(literal(name)))"
      case .constant(let value): ".constant(\(value))"
      }
    }
    let element =
      switch pattern.element {
      case .any: ".any"
      case .variable(let name): ".variable(\(literal(name)))"
      case .fixed(let name): ".fixed(.\(name))"
      }
    let form =
      switch pattern.form {
      case .value: ""
      case .buffer: ", form: .buffer"
      case .register: ", form: .register"
      }
    return "TypePattern(.dims([\(dims.joined(separator: ", "))]), \(element)\(form))"
  }

  private static func attribute(_ attribute: AttributeDeclaration) -> String {
    var text = "AttributeInfo(\(literal(attribute.name.value)), \(kind(attribute.kind))"
    if let value = attribute.defaultValue { text += ", default: \(defaultValue(value, of: attribute.kind))" }
    if attribute.isOptional { text += ", isOptional: true" }
    return text + ")"
  }

  private static func kind(_ kind: AttributeDeclaration.Kind) -> String {
    switch kind {
    case .elementType: ".elementType"
    case .name(let cases): ".name([\(cases.map(literal).joined(separator: ", "))])"
    case .axis(let operand): ".axis(of: \(literal(operand.value)))"
    case .axes(let operand): ".axes(of: \(literal(operand.value)))"
    case .int, .float, .bool, .string, .ints, .floats, .dims, .function, .constant, .schedule: ".\(kind.text)"
    }
  }

  private static func defaultValue(_ value: AttributeDeclaration.Default, of kind: AttributeDeclaration.Kind)
    -> String
  {
    switch value {
    case .int(let number): ".int(\(number))"
    case .float(let text): ".float(\(text))"
    case .bool(let flag): ".bool(\(flag))"
    case .string(let text): ".string(\(literal(text)))"
    case .name(let name): ".name(\(literal(name)))"
    case .integers(let list): kind == .dims ? ".dims(\(list))" : ".ints(\(list))"
    case .floats(let list): ".floats([\(list.joined(separator: ", "))])"
    }
  }

  private static func results(_ results: Results) -> String {
    switch results {
    case .patterns(let patterns, _): "ResultRule.patterns([\(patterns.map(pattern).joined(separator: ", "))])"
    case .custom(let function, _): "ResultRule.custom(.\(function.value))"
    case .stated: "ResultRule.stated"
    }
  }
}
