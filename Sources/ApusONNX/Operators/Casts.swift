import ApusIR
import ApusTensor

extension Operators {
  /// Conversions between element types.
  static var casts: [OperatorRule] {
    [
      OperatorRule("Cast", value: { n in try converted(n, n.value(0), to: n.elementType("to")) }),
      OperatorRule("CastLike", value: { n in try converted(n, n.value(0), to: n.inputType(1).element) }),
      OperatorRule("BitCast") { n in
        let (x, element) = (try n.value(0), try n.elementType("to"))
        guard n.element(x) != element else { return [.value(x)] }
        return [.value(try bits(n, x, as: element))]
      },
    ]
  }

  /// Floats beyond a narrow or unsigned integer's range lose their high bits, as integers do. ONNX leaves it open, and
  /// its reference and models' runtimes do so.
  private static func converted(_ n: NodeTranslation, _ x: ValueID, to element: ElementType) throws -> ValueID {
    guard n.element(x).isFloat, element.isInteger, element != .s32, element != .s64 else { return n.convert(x, to: element) }
    guard element == .u64 else {
      return n.convert(n.convert(x, to: element.byteCount < 4 ? .s32 : .s64), to: element)
    }
    let isNegative = try n.call(.less, [.value(x), .integer(0)])
    return try n.call(.select, isNegative, n.convert(n.convert(x, to: .s64), to: element), n.convert(x, to: element))
  }

  private static func bits(_ n: NodeTranslation, _ x: ValueID, as element: ElementType) throws -> ValueID {
    guard n.element(x).byteCount == element.byteCount else {
      throw n.error("onnx.type", "elements of \(n.element(x)) and of \(element) differ in width")
    }
    // A bool's byte is 0 or 1 with us, and any other byte becomes 1.
    if n.element(x) == .bool || element == .bool { return n.convert(x, to: element) }
    return try n.call(.bitcast, [.value(x)], ["to": .elementType(element)])
  }
}

extension NodeTranslation {
  /// An attribute that names an element type. Throws `onnx.attribute`, and `onnx.unsupported` for one that we do not have.
  func optionalElementType(_ name: String) throws -> ElementType? {
    guard let code = try optionalInt(name) else { return nil }
    guard let dataType = Int32(exactly: code), let element = ElementType(onnx: dataType) else {
      guard (1...26).contains(code) else { throw error("onnx.attribute", "'\(name)' is no element type: \(code)") }
      throw unsupported("elements of type \(ElementType.onnxName(Int32(code))) are not supported")
    }
    return element
  }

  func elementType(_ name: String) throws -> ElementType {
    guard let element = try optionalElementType(name) else { throw error("onnx.attribute", "the attribute '\(name)' is missing") }
    return element
  }
}
