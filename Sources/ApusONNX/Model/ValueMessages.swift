import ApusSupport
import ApusTensor

extension ONNXFile.Kind {
  /// Reads a value of this kind as a file of its own holds it: a TensorProto, a SequenceProto or an OptionalProto.
  ///
  /// Throws `onnx.wire`, `onnx.value` for a message of another kind, and what `TensorProto.tensor` throws.
  package func read(_ file: FileBytes) throws(DiagnosticError) -> (name: String, value: ONNXValue) {
    try read(WireReader(file))
  }

  private func read(_ message: WireReader) throws(DiagnosticError) -> (name: String, value: ONNXValue) {
    switch self {
    case .tensor(let type):
      let proto = try TensorProto(message)
      // Of these the elements alone do not tell what they were.
      if let type, proto.narrowType != type.narrowType {
        let name = type.narrowType?.name ?? ElementType.onnxName(type.element.onnxDataType)
        throw DiagnosticError(
          id: "onnx.value", "the tensor is of type \(ElementType.onnxName(proto.dataType)), and the model declares \(name)",
          at: proto.place)
      }
      // A value is run on, perhaps often, and code takes elements that are aligned.
      let tensor = try proto.tensor()
      return (proto.name, .tensor(try tensor.aligned(to: tensor.elementType.byteCount)))
    case .sequence(let element):
      var (name, entries): (String, [ONNXValue]) = ("", [])
      var reader = message
      while let tag = try reader.next() {
        switch (tag.field, tag.type) {
        case (1, .bytes): name = try reader.string()
        case (element.fieldInSequence, .bytes): entries.append(try element.read(try reader.message()).value)
        case (3...7, _): throw Self.wrong("a sequence holds something else than the model declares", reader)
        default: try reader.skip(tag.type)
        }
      }
      return (name, .sequence(entries))
    case .optional(let element):
      var (name, held): (String, ONNXValue) = ("", .absent)
      var reader = message
      while let tag = try reader.next() {
        switch (tag.field, tag.type) {
        case (1, .bytes): name = try reader.string()
        case (element.fieldInSequence, .bytes): held = try element.read(try reader.message()).value
        case (3...7, _): throw Self.wrong("an optional holds something else than the model declares", reader)
        default: try reader.skip(tag.type)
        }
      }
      return (name, held)
    case .other:
      throw DiagnosticError(.unsupported, id: "onnx.value", "values of this kind are not supported", at: .file(message.file.name))
    }
  }

  /// The bytes of a message for a value of this kind.
  package func encoded(_ value: ONNXValue, name: String) -> [UInt8] {
    var out = WireWriter()
    switch (self, value) {
    case (_, .absent): out.text(1, name)
    case (.optional(let element), _):
      out.text(1, name)
      out.integer(2, element.numberInSequence)
      out.data(element.fieldInSequence, element.encoded(value, name: ""))
    case (.tensor(let type), .tensor(let tensor)):
      return TensorProto.encoded(tensor, name: name, as: type?.element == tensor.elementType ? type?.narrowType : nil)
    case (_, .tensor(let tensor)): return TensorProto.encoded(tensor, name: name)
    case (_, .sequence(let entries)):
      var element = Self.tensor(nil)
      if case .sequence(let declared) = self { element = declared }
      out.text(1, name)
      out.integer(2, element.numberInSequence)
      for entry in entries { out.data(element.fieldInSequence, element.encoded(entry, name: "")) }
    }
    return out.bytes
  }

  /// The field of SequenceProto and OptionalProto that holds values of this kind.
  private var fieldInSequence: Int {
    switch self {
    case .tensor, .other: 3
    case .sequence: 5
    case .optional: 7
    }
  }

  /// The number of SequenceProto.DataType and OptionalProto.DataType.
  private var numberInSequence: Int64 {
    switch self {
    case .tensor, .other: 1
    case .sequence: 3
    case .optional: 5
    }
  }

  private static func wrong(_ message: String, _ reader: WireReader) -> DiagnosticError {
    DiagnosticError(id: "onnx.value", message, at: .file(reader.file.name))
  }
}
