import ApusIR
import ApusTensor

/// Operators on element types that ONNX does not have them for: they compute in a wider type.
extension GraphExport {
  /// An operator whose operands and result are of one type.
  func apply(
    _ op: String, _ x: [Exported], _ attributes: KeyValuePairs<String, ModelWriter.Attribute> = [:]
  ) throws -> Exported {
    let wide = try carrier(x[0].element, of: op)
    return cast(node(op, x.map { cast($0, to: wide) }, attributes, wide), to: x[0].element)
  }

  /// An operator on operands of one type that gives a bool.
  func compare(_ op: String, _ x: Exported, _ y: Exported) throws -> Exported {
    let wide = try carrier(x.element, of: op)
    return node(op, [cast(x, to: wide), cast(y, to: wide)], .bool)
  }

  /// The type itself where the operator takes it, else one that has all its values.
  func carrier(_ element: ElementType, of op: String) throws -> ElementType {
    guard let schema = schema(op), let group = schema.operands.first?.group, let types = schema.types[group] else { return element }
    for type in [element] + element.wider where types.contains(type) { return type }
    throw Inexpressible("ONNX has no \(op) of \(element)")
  }

  func takes(_ element: ElementType, _ op: String) -> Bool {
    guard let schema = schema(op), let group = schema.operands.first?.group, let types = schema.types[group] else { return true }
    return types.contains(element)
  }

  private func schema(_ op: String) -> OperatorSchema? {
    if let known = schemas[op] { return known }
    let schema = Schemas.schema(op, opset: ONNXExport.opset)
    schemas[op] = schema
    return schema
  }

  func cast(_ x: Exported, to element: ElementType) -> Exported {
    x.element == element ? x : node("Cast", [x], ["to": .int(Int(element.onnxDataType))], element)
  }

  func choose(_ condition: Exported, _ x: Exported, _ y: Exported) -> Exported {
    node("Where", [condition, x, y], x.element)
  }

  func zero(like x: Exported) -> Exported { integer(0, x.element) }
  func one(like x: Exported) -> Exported { integer(1, x.element) }
}

extension ElementType {
  /// Types that have all values of this one, the narrowest first.
  fileprivate var wider: [ElementType] {
    switch self {
    case .f16, .bf16: [.f32, .f64]
    case .f32: [.f64]
    case .s8: [.s16, .s32, .s64]
    case .u8: [.s16, .s32, .s64]
    case .s16, .u16: [.s32, .s64]
    case .s32, .u32: [.s64]
    case .bool: [.u8, .s32]
    case .f64, .s64, .u64: []
    }
  }
}
