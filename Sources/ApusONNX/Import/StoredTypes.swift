import ApusIR
import ApusTensor

/// An element type of ONNX's: one of ours, or a narrow one, whose values one of ours carries.
enum StoredType: Hashable {
  case own(ElementType)
  case narrow(NarrowType)

  /// The type with a number of TensorProto.DataType; nil for what Apus has no tensors of.
  init?(onnx dataType: Int32) {
    if let narrow = NarrowType(rawValue: dataType) {
      self = .narrow(narrow)
    } else if let element = ElementType(onnx: dataType) {
      self = .own(element)
    } else {
      return nil
    }
  }

  init(_ element: ElementType, _ narrow: NarrowType?) { self = narrow.map { .narrow($0) } ?? .own(element) }

  /// The type of the function's values.
  var carrier: ElementType {
    switch self {
    case .own(let element): element
    case .narrow(let type): type.carrier
    }
  }

  var narrow: NarrowType? {
    switch self {
    case .own: nil
    case .narrow(let type): type
    }
  }

  var name: String {
    switch self {
    case .own(let element): element.name
    case .narrow(let type): type.name
    }
  }

  var bitCount: Int { narrow?.bitCount ?? 8 * carrier.byteCount }
}

extension Imported {
  /// The narrow type of what a tensor carries.
  var narrowType: NarrowType? {
    if case .narrow(_, let type) = self { type } else { nil }
  }

  /// The same without that.
  var carried: Imported {
    if case .narrow(let carried, _) = self { carried } else { self }
  }

  /// A tensor of the carrier as one of the narrow type; anything else, and what is of a narrow type already, stays as it is.
  func marked(_ type: NarrowType?) -> Imported {
    guard let type else { return self }
    switch self {
    case .value, .constant: return .narrow(self, type)
    case .sequence(let entries): return .sequence(entries.map { $0.marked(type) })
    case .narrow, .sizes, .fractions, .absent, .poison: return self
    }
  }
}

extension ModelImport {
  /// The element type of a tensor as ONNX has it; nil for what is none.
  func storedType(of imported: Imported) -> StoredType? {
    type(of: imported).map { StoredType($0.element, imported.narrowType) }
  }

  /// The outputs of a node, the first of which is of a narrow type where the operator gives it the type of its first operand.
  func marked(_ outputs: [Imported], of node: NodeProto, _ inputs: [Imported]) -> [Imported] {
    guard let type = inputs.first?.narrowType, let first = outputs.first, node.domain.isEmpty,
      NarrowOperands.keepsType(node.op)
    else { return outputs }
    return [first.marked(type)] + outputs.dropFirst()
  }
}

extension NodeTranslation {
  /// The element type of an operand. Throws `onnx.operand` for what is no tensor.
  func storedType(_ index: Int) throws -> StoredType { StoredType(try inputType(index).element, input(index).narrowType) }

  /// An attribute that names an element type; nil where it is left out, or 0. Throws `onnx.attribute`, and
  /// `onnx.unsupported` for one that Apus has no tensors of.
  func optionalStoredType(_ name: String) throws -> StoredType? {
    guard let code = try optionalInt(name), code != 0 else { return nil }
    guard let type = StoredType(onnx: Int32(clamping: code)) else {
      guard ElementType.onnxNames.indices.contains(code) else { throw error("onnx.attribute", "'\(name)' is no element type: \(code)") }
      throw unsupported("elements of type \(ElementType.onnxNames[code]) are not supported")
    }
    return type
  }

  /// The same where it must be given.
  func storedType(_ name: String) throws -> StoredType {
    guard let type = try optionalStoredType(name) else {
      throw error("onnx.attribute", "the attribute '\(name)' is \(try optionalInt(name) == 0 ? "no element type: 0" : "missing")")
    }
    return type
  }
}
