import ApusSupport

/// A tensor as ONNX writes it, its data left where it lies until it is asked for.
package struct TensorProto: Sendable {
  package var name = ""
  package var dims: [Int64] = []
  /// A number of TensorProto.DataType.
  package var dataType: Int32 = 0
  /// Where the data is, when it is in another file: `location`, `offset`, `length`.
  package var external: [(key: String, value: String)] = []
  package var isExternal = false
  /// The place of `raw_data`, and of the typed fields, each with its number and form.
  private(set) var raw: Range<Int>?
  private(set) var typed: [Field] = []
  typealias Field = (field: Int, type: WireReader.WireType, range: Range<Int>)
  package let file: FileBytes

  /// Throws `onnx.wire`.
  package init(_ message: WireReader) throws(DiagnosticError) {
    var reader = message
    file = reader.file
    while let tag = try reader.next() {
      switch (tag.field, tag.type) {
      case (1, _): try reader.integers(tag.type, into: &dims)
      case (2, .varint): dataType = Int32(truncatingIfNeeded: try reader.integer())
      case (4, _), (5, _), (6, _), (7, _), (10, _), (11, _):
        let start = reader.position
        if tag.type == .bytes {
          typed.append((tag.field, .bytes, try reader.bytes()))
        } else {
          try reader.skip(tag.type)
          typed.append((tag.field, tag.type, start..<reader.position))
        }
      case (8, .bytes): name = try reader.string()
      case (9, .bytes): raw = try reader.bytes()
      case (13, .bytes):
        var entry = try reader.message()
        var (key, value) = ("", "")
        while let tag = try entry.next() {
          switch (tag.field, tag.type) {
          case (1, .bytes): key = try entry.string()
          case (2, .bytes): value = try entry.string()
          default: try entry.skip(tag.type)
          }
        }
        external.append((key, value))
      case (14, .varint): isExternal = try reader.integer() == 1
      default: try reader.skip(tag.type)
      }
    }
  }

  /// The element type, or nil where Apus has none like it.
  package var elementType: ElementType? { ElementType(onnx: dataType) }

  package var place: Place {
    name.isEmpty ? .file(file.name) : .node(file: file.name, description: "tensor \(quoted(name))")
  }

  /// The narrow type that the elements are of, which a carrier holds once they are read.
  package var narrowType: NarrowType? { NarrowType(rawValue: dataType) }

  /// The tensor. Raw data is shared, not copied, wherever it lies: its elements need not be aligned. Those of a narrow type
  /// become their carrier's.
  ///
  /// - Parameter external: the bytes of data that lies in another file.
  /// Throws `onnx.type` (unsupported), `onnx.dims`, and `onnx.data` where the data does not have the tensor's size.
  package func tensor(external: FileBytes? = nil) throws(DiagnosticError) -> Tensor {
    if let narrowType { return try unpacked(narrowType, external) }
    guard let element = elementType else {
      throw DiagnosticError(
        ElementType.onnxNames.indices.dropFirst().contains(Int(dataType)) ? .unsupported : .error, id: "onnx.type",
        "elements of type \(ElementType.onnxName(dataType)) are not supported", at: place)
    }
    let shape = try self.shape()
    let byteCount: Int
    do {
      byteCount = try Tensor.byteCount(of: element, shape: shape)
    } catch {
      throw DiagnosticError(id: "onnx.dims", "the sizes \(shape) are more than memory can hold", at: place)
    }
    if let external { return try share(external, element, shape, byteCount) }
    if let raw, !raw.isEmpty || typed.isEmpty {
      guard let bytes = file.slice(raw) else { throw wrongSize(raw.count, byteCount) }
      return try share(bytes, element, shape, byteCount)
    }
    return try decode(element, shape, byteCount)
  }

  package func shape() throws(DiagnosticError) -> [Int] {
    guard dims.count <= 64, dims.allSatisfy({ $0 >= 0 }) else {
      throw DiagnosticError(id: "onnx.dims", "the sizes \(dims) are not those of a tensor", at: place)
    }
    return dims.map { Int($0) }
  }

  private func share(
    _ bytes: FileBytes, _ element: ElementType, _ shape: [Int], _ byteCount: Int
  ) throws(DiagnosticError) -> Tensor {
    guard bytes.count == byteCount else { throw wrongSize(bytes.count, byteCount) }
    if element == .bool, bytes.storage.bytes.contains(where: { $0 > 1 }) {
      var tensor = try Tensor.uninitialized(element, shape: shape)
      tensor.withUnsafeMutableBytes { target in
        for (index, byte) in bytes.storage.bytes.enumerated() { target[index] = byte == 0 ? 0 : 1 }
      }
      return tensor
    }
    return try Tensor(element, shape: shape, storage: bytes.storage)
  }

  func wrongSize(_ found: Int, _ needed: Int) -> DiagnosticError {
    DiagnosticError(id: "onnx.data", "it has \(found) bytes of data, and its sizes ask for \(needed)", at: place)
  }

  /// Reads the typed field that belongs to the element type. Floats in one packed field lie as in raw data, and are shared.
  private func decode(_ element: ElementType, _ shape: [Int], _ byteCount: Int) throws(DiagnosticError) -> Tensor {
    let field = element.onnxField
    let fields = typed.filter { $0.field == field }
    let count = byteCount / element.byteCount
    // An entry takes a byte at least: nothing is allocated for data that is not there.
    let available = fields.reduce(0) { $0 + $1.range.count }
    guard available >= count else {
      throw DiagnosticError(id: "onnx.data", "it has data for at most \(available) of its \(count) elements", at: place)
    }
    if field == 4 || field == 10, fields.count == 1, fields[0].type == .bytes, fields[0].range.count == byteCount,
      let bytes = file.slice(fields[0].range)
    {
      return try share(bytes, element, shape, byteCount)
    }
    var tensor = try Tensor.uninitialized(element, shape: shape)
    let decoded = try tensor.withUnsafeMutableBytes { (bytes) throws(DiagnosticError) in
      try decode(fields, element, into: bytes, count)
    }
    guard decoded == count else {
      throw DiagnosticError(id: "onnx.data", "it has data for \(decoded) of its \(count) elements", at: place)
    }
    return tensor
  }

  /// Entry by entry; gives their number.
  private func decode(
    _ fields: [Field], _ element: ElementType, into bytes: UnsafeMutableRawBufferPointer, _ count: Int
  ) throws(DiagnosticError) -> Int {
    var index = 0
    for part in fields {
      var reader = WireReader(file, part.range)
      while !reader.isAtEnd {
        let bits =
          switch part.field {
          case 4: UInt64(try reader.fixed32())
          case 10: try reader.fixed64()
          default: try reader.varint()
          }
        guard index < count else {
          throw DiagnosticError(id: "onnx.data", "it has data for more than its \(count) elements", at: place)
        }
        switch element.byteCount {
        case 1: bytes[index] = element == .bool ? (bits == 0 ? 0 : 1) : UInt8(truncatingIfNeeded: bits)
        case 2: bytes.storeBytes(of: UInt16(truncatingIfNeeded: bits), toByteOffset: 2 * index, as: UInt16.self)
        case 4: bytes.storeBytes(of: UInt32(truncatingIfNeeded: bits), toByteOffset: 4 * index, as: UInt32.self)
        default: bytes.storeBytes(of: bits, toByteOffset: 8 * index, as: UInt64.self)
        }
        index += 1
      }
    }
    return index
  }
}

extension TensorProto {
  /// The message's bytes for a tensor, its data in `raw_data`.
  ///
  /// - Parameter narrowType: the type that the file is to have, where the tensor is of its carrier.
  package static func encoded(_ tensor: Tensor, name: String, as narrowType: NarrowType? = nil) -> [UInt8] {
    var out = WireWriter()
    for size in tensor.shape { out.integer(1, Int64(size)) }
    out.integer(2, Int64(narrowType?.rawValue ?? tensor.elementType.onnxDataType))
    out.text(8, name)
    if let narrowType {
      out.data(9, narrowType.packed(tensor))
    } else {
      tensor.withUnsafeBytes { out.data(9, $0) }
    }
    return out.bytes
  }
}

extension ElementType {
  /// The type of a number of TensorProto.DataType.
  package init?(onnx dataType: Int32) {
    guard let found = ElementType.allCases.first(where: { $0.onnxDataType == dataType }) else { return nil }
    self = found
  }

  package var onnxDataType: Int32 {
    switch self {
    case .f32: 1
    case .u8: 2
    case .s8: 3
    case .u16: 4
    case .s16: 5
    case .s32: 6
    case .s64: 7
    case .bool: 9
    case .f16: 10
    case .f64: 11
    case .u32: 12
    case .u64: 13
    case .bf16: 16
    }
  }

  /// The field of TensorProto that holds elements of the type where `raw_data` does not.
  fileprivate var onnxField: Int {
    switch self {
    case .f32: 4
    case .s64: 7
    case .f64: 10
    case .u32, .u64: 11
    case .s8, .s16, .s32, .u8, .u16, .bool, .f16, .bf16: 5
    }
  }

  /// What ONNX calls a data type.
  package static func onnxName(_ dataType: Int32) -> String {
    onnxNames.indices.contains(Int(dataType)) ? onnxNames[Int(dataType)] : "\(dataType)"
  }

  /// ONNX's data types in the order of their numbers.
  package static let onnxNames = [
    "UNDEFINED", "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL", "FLOAT16", "DOUBLE", "UINT32",
    "UINT64", "COMPLEX64", "COMPLEX128", "BFLOAT16", "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "UINT4",
    "INT4", "FLOAT4E2M1", "FLOAT8E8M0", "UINT2", "INT2", "FLOAT6E2M3", "FLOAT6E3M2",
  ]
}
