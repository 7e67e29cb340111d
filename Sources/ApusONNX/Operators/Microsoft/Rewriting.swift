import ApusIR

extension NodeTranslation {
  /// The outputs of another operator of ONNX on these operands, with attributes of this node and further ones.
  ///
  /// `version` is that of the operator set that the other one is of.
  func applying(
    _ name: String, _ operands: [Imported], version: Int, attributes: [AttributeProto] = []
  ) throws -> [Imported] {
    guard let rule = Operators.rule("", name) else {
      throw unsupported("it stands for \(name), which is not supported")
    }
    var other = node
    other.op = name
    other.domain = ""
    other.attributes = attributes + node.attributes.filter { own in !attributes.contains { $0.name == own.name } }
    return try rule.translate(NodeTranslation(node: other, version: version, context: context, inputs: operands))
  }

  /// The first of the outputs, as a value.
  func valueApplying(
    _ name: String, _ operands: [ValueID?], version: Int, attributes: [AttributeProto] = []
  ) throws -> ValueID {
    let outputs = try applying(
      name, operands.map { $0.map { .value($0) } ?? .absent }, version: version, attributes: attributes)
    guard let first = outputs.first else { throw error("onnx.operand", "\(name) has no output") }
    return try value(of: first)
  }
}

extension AttributeProto {
  static func int(_ name: String, _ value: Int) -> AttributeProto {
    var attribute = AttributeProto()
    attribute.name = name
    attribute.kind = .int
    attribute.int = Int64(value)
    return attribute
  }

  static func float(_ name: String, _ value: Double) -> AttributeProto {
    var attribute = AttributeProto()
    attribute.name = name
    attribute.kind = .float
    attribute.float = Float(value)
    return attribute
  }

  static func ints(_ name: String, _ values: [Int]) -> AttributeProto {
    var attribute = AttributeProto()
    attribute.name = name
    attribute.kind = .ints
    attribute.ints = values.map { Int64($0) }
    return attribute
  }
}
