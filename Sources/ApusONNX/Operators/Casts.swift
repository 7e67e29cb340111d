import ApusIR
import ApusTensor

extension Operators {
  /// Conversions between element types.
  static var casts: [OperatorRule] {
    [
      OperatorRule("Cast") { n in [try n.cast(n.value(0), to: n.storedType("to"))] },
      OperatorRule("CastLike") { n in [try n.cast(n.value(0), to: n.storedType(1))] },
      OperatorRule("BitCast") { n in
        let (from, to) = (try n.storedType(0), try n.storedType("to"))
        guard from != to else { return [n.input(0)] }
        guard from.bitCount == to.bitCount else {
          throw n.error("onnx.type", "elements of \(from.name) and of \(to.name) differ in width")
        }
        guard from.narrow == nil, to.narrow == nil else { return [try n.bitCast(n.value(0), from, to)] }
        return [.value(try bits(n, n.value(0), as: to.carrier))]
      },
    ]
  }

  private static func bits(_ n: NodeTranslation, _ x: ValueID, as element: ElementType) throws -> ValueID {
    // A bool's byte is 0 or 1 with us, and any other byte becomes 1.
    if n.element(x) == .bool || element == .bool { return n.convert(x, to: element) }
    return try n.call(.bitcast, [.value(x)], ["to": .elementType(element)])
  }
}

extension NodeTranslation {
  /// The tensor in another type, as `Cast` and the attributes of the node have it.
  fileprivate func cast(_ x: ValueID, to type: StoredType) throws -> Imported {
    switch type {
    case .own(let element): .value(try converted(x, to: element))
    case .narrow(let narrow): .value(try narrowed(x, to: narrow)).marked(narrow)
    }
  }

  /// Floats beyond a narrow or unsigned integer's range lose their high bits, as integers do. ONNX leaves it open, and
  /// its reference and models' runtimes do so.
  func converted(_ x: ValueID, to element: ElementType) throws -> ValueID {
    guard self.element(x).isFloat, element.isInteger, element != .s32, element != .s64 else { return convert(x, to: element) }
    guard element == .u64 else {
      return convert(convert(x, to: element.byteCount < 4 ? .s32 : .s64), to: element)
    }
    let isNegative = try call(.less, [.value(x), .integer(0)])
    return try call(.select, isNegative, convert(convert(x, to: .s64), to: element), convert(x, to: element))
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
