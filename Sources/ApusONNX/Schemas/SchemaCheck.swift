import ApusIR
import ApusSupport
import ApusTensor

extension ModelImport {
  /// Refuses a node that its operator's schema does not allow: too few or many operands or results, types that the operator
  /// does not take, attributes that it does not have or that are of another kind.
  ///
  /// Throws `onnx.operator`, `onnx.operand`, `onnx.result`, `onnx.type` and `onnx.attribute`.
  func check(_ node: NodeProto, version: Int, _ inputs: [Imported]) throws(DiagnosticError) {
    try checkAttributes(node)
    guard node.domain.isEmpty else { return try checkNarrow(node, inputs) }
    guard let schema = schema(of: node.op, version) else {
      // What is older than the text of the schemas is not known well enough to refuse it.
      guard let first = Schemas.firstOpset(of: node.op) else {
        // Some that are not ONNX's stand in its domain all the same.
        if Operators.rule(node.domain, node.op) != nil { return }
        throw refusal("onnx.operator", "ONNX has no operator \(quoted(node.op))")
      }
      guard version < 7, first <= 7 else {
        throw refusal("onnx.operator", "the operator came with opset \(first), and the model uses opset \(version)")
      }
      return
    }
    guard schema.operandCount.contains(inputs.count) else {
      throw refusal("onnx.operand", "it has \(inputs.count) operands, and the operator takes \(text(schema.operandCount))")
    }
    guard schema.resultCount.contains(node.outputs.count) else {
      throw refusal("onnx.result", "it has \(node.outputs.count) results, and the operator gives \(text(schema.resultCount))")
    }
    try checkTypes(inputs, schema, node.op, version)
    for attribute in node.attributes {
      guard let known = schema.attributes[attribute.name] else {
        if attribute.name.utf8.count >= 4, attribute.name.hasPrefix("__"), attribute.name.hasSuffix("__") { continue }
        throw refusal("onnx.attribute", "the operator has no attribute \(quoted(attribute.name)) in this opset")
      }
      guard attribute.kind == nil || attribute.kind == known.kind else {
        throw refusal("onnx.attribute", "the attribute \(quoted(attribute.name)) is of another kind than \(known.kind)")
      }
    }
    for (name, attribute) in schema.attributes where attribute.isRequired {
      guard node.attributes.contains(where: { $0.name == name }) else {
        throw refusal("onnx.attribute", "the attribute \(quoted(name)) is missing")
      }
    }
  }

  /// What holds for the attributes of all operators.
  private func checkAttributes(_ node: NodeProto) throws(DiagnosticError) {
    var seen: Set<String> = []
    for (index, attribute) in node.attributes.enumerated() {
      // A list that no operator has is not compared with itself.
      let isNew =
        node.attributes.count > 16
        ? seen.insert(attribute.name).inserted : !node.attributes[..<index].contains { $0.name == attribute.name }
      guard isNew else {
        throw refusal("onnx.attribute", "the attribute \(quoted(attribute.name)) is given twice")
      }
      if let problem = attribute.contradiction {
        throw refusal("onnx.attribute", "the attribute \(quoted(attribute.name)) \(problem)")
      }
      guard attribute.reference.isEmpty || scopes.contains(where: \.isOpaque) else {
        throw refusal(
          "onnx.attribute", "the attribute \(quoted(attribute.name)) refers to a function's \(quoted(attribute.reference)) outside of any")
      }
    }
  }

  /// Operators of others take narrow types where they quantize.
  private func checkNarrow(_ node: NodeProto, _ inputs: [Imported]) throws(DiagnosticError) {
    guard let type = inputs.lazy.compactMap(\.narrowType).first, node.op != "QuantizeLinear", node.op != "DequantizeLinear"
    else { return }
    throw DiagnosticError(.unsupported, id: "onnx.type", "operands of type \(type.name) are not supported", at: emitter.place)
  }

  private func checkTypes(
    _ inputs: [Imported], _ schema: OperatorSchema, _ name: String, _ version: Int
  ) throws(DiagnosticError) {
    var found = [StoredType?](repeating: nil, count: schema.types.count)
    for (index, input) in inputs.enumerated() {
      guard let operand = schema.operand(index) else { continue }
      if input.isAbsent {
        // An empty optional is a value as well; only where nothing but tensors may stand is the operand missing.
        guard operand.isOptional || operand.isVariadic || operand.group >= schema.types.count || schema.types[operand.group] == nil
          || schema.types[operand.group] == .all
        else { throw refusal("onnx.operand", "operand \(index) is left out") }
        continue
      }
      guard operand.group < schema.types.count, let type = storedType(of: input) else { continue }
      guard let allowed = schema.types[operand.group] else {
        throw refusal("onnx.type", "operand \(index) is a tensor, which the operator does not take there")
      }
      let isAllowed =
        switch type {
        case .own(let element): allowed.contains(element)
        case .narrow(let narrow): NarrowOperands.allow(narrow, at: index, of: name, opset: version)
        }
      guard isAllowed else {
        if type.narrow != nil, NarrowOperands.isUnsupported(name) {
          throw DiagnosticError(.unsupported, id: "onnx.type", "operands of type \(type.name) are not supported", at: emitter.place)
        }
        throw refusal("onnx.type", "operand \(index) is a tensor of \(type.name), which the operator does not take in this opset")
      }
      if operand.isMixed { continue }
      if let other = found[operand.group], other != type {
        throw refusal("onnx.type", "operand \(index) is a tensor of \(type.name), and one of the same type before it of \(other.name)")
      }
      found[operand.group] = type
    }
  }

  /// Rows of text are read once in an import.
  private func schema(of op: String, _ version: Int) -> OperatorSchema? {
    let key = SchemaKey(op: op, version: version)
    if let known = schemas[key] { return known }
    let schema = Schemas.schema(op, opset: version)
    schemas[key] = .some(schema)
    return schema
  }

  struct SchemaKey: Hashable {
    let op: String
    let version: Int
  }

  private func text(_ range: ClosedRange<Int>) -> String {
    if range.upperBound == .max { return "at least \(range.lowerBound)" }
    return range.lowerBound == range.upperBound ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
  }

  private func refusal(_ id: String, _ message: String) -> DiagnosticError {
    DiagnosticError(id: id, message, at: emitter.place)
  }
}
