import ApusSupport

/// Reads protocol-buffer messages where they lie. Every length is checked before the reader advances, so that no bytes,
/// however broken, are read from outside of the file.
package struct WireReader {
  /// How the value of a field is written.
  package enum WireType: UInt64 {
    case varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5
  }

  /// A field's number and the form of its value, which comes next.
  package struct Tag {
    package let field: Int
    package let type: WireType
  }

  package let file: FileBytes
  /// Offsets in the file of what is left of the message.
  package private(set) var position: Int
  package let end: Int
  private let base: UnsafeRawBufferPointer

  /// A message that is the whole file.
  package init(_ file: FileBytes) { self.init(file, 0..<file.count) }

  package init(_ file: FileBytes, _ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= file.count, "a message lies within its file")
    self.file = file
    base = file.storage.bytes
    position = range.lowerBound
    end = range.upperBound
  }

  package var isAtEnd: Bool { position >= end }

  /// The next tag; nil at the end of the message. Throws `onnx.wire`.
  package mutating func next() throws(DiagnosticError) -> Tag? {
    guard !isAtEnd else { return nil }
    let key = try varint()
    guard let type = WireType(rawValue: key & 7), key >> 3 > 0, key >> 3 < 1 << 29 else {
      throw broken("a field has the tag \(key), which nothing has")
    }
    return Tag(field: Int(key >> 3), type: type)
  }

  package mutating func varint() throws(DiagnosticError) -> UInt64 {
    var result: UInt64 = 0
    var shift: UInt64 = 0
    while position < end, shift < 64 {
      let byte = base[position]
      position += 1
      result |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return result }
      shift += 7
    }
    throw broken(position < end ? "an integer has more than 64 bits" : "the file ends within an integer")
  }

  package mutating func integer() throws(DiagnosticError) -> Int64 { Int64(bitPattern: try varint()) }

  package mutating func fixed32() throws(DiagnosticError) -> UInt32 {
    guard end - position >= 4 else { throw broken("the file ends within a number") }
    defer { position += 4 }
    return UInt32(littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt32.self))
  }

  package mutating func fixed64() throws(DiagnosticError) -> UInt64 {
    guard end - position >= 8 else { throw broken("the file ends within a number") }
    defer { position += 8 }
    return UInt64(littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt64.self))
  }

  /// Where the bytes of a string, a message or a packed list lie in the file.
  package mutating func bytes() throws(DiagnosticError) -> Range<Int> {
    let count = try varint()
    guard count <= UInt64(end - position) else {
      throw broken("a field has \(count) bytes, and \(end - position) are left")
    }
    defer { position += Int(count) }
    return position..<position + Int(count)
  }

  package mutating func message() throws(DiagnosticError) -> WireReader { WireReader(file, try bytes()) }

  package mutating func string() throws(DiagnosticError) -> String {
    let range = try bytes()
    return String(decoding: base[range], as: UTF8.self)
  }

  /// A repeated integer: one, or several packed into one field.
  package mutating func integers(_ type: WireType, into list: inout [Int64]) throws(DiagnosticError) {
    guard type == .bytes else {
      guard type == .varint else { throw broken("a list of integers is written as something else") }
      return list.append(try integer())
    }
    var packed = try message()
    while !packed.isAtEnd { list.append(try packed.integer()) }
  }

  package mutating func skip(_ type: WireType) throws(DiagnosticError) {
    switch type {
    case .varint: _ = try varint()
    case .fixed64: _ = try fixed64()
    case .bytes: _ = try bytes()
    case .fixed32: _ = try fixed32()
    }
  }

  package func broken(_ message: String) -> DiagnosticError {
    DiagnosticError(id: "onnx.wire", "\(message) (at byte \(position))", at: .file(file.name))
  }
}
