import ApusSupport

/// The header of an `.npy` file: what follows it, and where.
///
/// The format is that of NumPy's `numpy.lib.format`, versions 1.0, 2.0 and 3.0.
struct NumPyHeader: Sendable, Equatable {
  var elementType: ElementType
  var isBigEndian = false
  var isFortranOrder = false
  var shape: [Int]
  /// Where the elements begin.
  var dataOffset = 0

  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  /// NumPy's own limit.
  static let rankLimit = 64
  /// Far above what 64 dimensions need; NumPy itself refuses over 10 000 unless told otherwise.
  static let lengthLimit = 1 << 16
}

extension NumPyHeader {
  /// Throws `npy.header`, `npy.truncated` or `npy.type`.
  init(of file: FileBytes) throws(DiagnosticError) {
    guard file.starts(with: Self.magic) else {
      guard file.count < Self.magic.count, Self.magic.starts(with: file.copied(0..<file.count) ?? []) else {
        throw file.error("npy.header", "it does not begin as a NumPy array does")
      }
      throw file.error("npy.truncated", "it ends within its header")
    }
    guard let major = file.integer(at: 6, as: UInt8.self), let minor = file.integer(at: 7, as: UInt8.self) else {
      throw file.error("npy.truncated", "it ends within its header")
    }
    guard (1...3).contains(major), minor == 0 else {
      throw file.error("npy.header", "format version \(major).\(minor) is unknown; 1.0, 2.0 and 3.0 can be read")
    }
    let start = major == 1 ? 10 : 12
    let length =
      major == 1
      ? file.integer(at: 8, as: UInt16.self).map { Int($0) } : file.integer(at: 8, as: UInt32.self).map { Int($0) }
    guard let length else { throw file.error("npy.truncated", "it ends within its header") }
    guard length <= Self.lengthLimit else {
      throw file.error("npy.header", "the header claims \(length) bytes, over the limit of \(Self.lengthLimit)")
    }
    guard let text = file.copied(start..<(start + length)) else {
      throw file.error("npy.truncated", "it ends within its header")
    }
    var literal = PythonDictionary(text)
    do throws(PythonDictionary.Fault) {
      let fields = try literal.parse()
      self = try NumPyHeader(fields, dataOffset: start + length)
    } catch {
      switch error {
      case .malformed(let reason): throw file.error("npy.header", reason)
      case .unsupported(let type):
        throw file.error(
          "npy.type", "elements of type \(quoted(type)) are not supported", severity: .unsupported,
          hint: "supported are f2, f4, f8, i1 to i8, u1 to u8, b1, and V2 for bf16")
      }
    }
  }

  private init(_ fields: PythonDictionary.Fields, dataOffset: Int) throws(PythonDictionary.Fault) {
    let descriptor = fields.descr
    let order = descriptor.first { "<>|=".contains($0) }
    let code = order == nil ? descriptor[...] : descriptor.dropFirst()
    guard let type = Self.codes.first(where: { $0.code == code })?.type else {
      throw .unsupported(descriptor)
    }
    // Two opaque bytes have no order that NumPy would swap.
    if type == .bf16, order == ">" { throw .unsupported(descriptor) }
    if order == "|", type.byteCount > 1, type != .bf16 { throw .unsupported(descriptor) }
    self.init(
      elementType: type, isBigEndian: order == ">", isFortranOrder: fields.fortranOrder, shape: fields.shape,
      dataOffset: dataOffset)
  }

  /// NumPy knows no bf16: `ml_dtypes.bfloat16` arrays are saved as two opaque bytes, `<V2`, and so are ours.
  private static let codes: [(code: String, type: ElementType)] = [
    ("f4", .f32), ("f8", .f64), ("f2", .f16), ("V2", .bf16),
    ("i1", .s8), ("i2", .s16), ("i4", .s32), ("i8", .s64),
    ("u1", .u8), ("u2", .u16), ("u4", .u32), ("u8", .u64), ("b1", .bool),
  ]

  /// The bytes before the elements: version 1.0, padded so that the elements begin at a multiple of 64.
  func encoded() -> [UInt8] {
    guard let code = Self.codes.first(where: { $0.type == elementType })?.code else {
      preconditionFailure("every element type has a code")
    }
    let order = elementType.byteCount == 1 ? "|" : "<"
    let extents = shape.map { "\($0)" }.joined(separator: ", ")
    let tuple = shape.count == 1 ? "(\(extents),)" : "(\(extents))"
    var text = "{'descr': '\(order)\(code)', 'fortran_order': False, 'shape': \(tuple), }"
    text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
    let length = text.utf8.count
    precondition(length <= Int(UInt16.max), "64 extents fit a version 1.0 header")
    return Self.magic + [1, 0, UInt8(length & 255), UInt8(length >> 8)] + Array(text.utf8)
  }
}
