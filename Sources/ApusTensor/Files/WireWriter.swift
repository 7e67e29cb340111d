/// Writes a message of protocol buffers field by field.
package struct WireWriter {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  package mutating func integer(_ field: Int, _ value: Int64) {
    varint(UInt64(field) << 3)
    varint(UInt64(bitPattern: value))
  }

  package mutating func fixed32(_ field: Int, _ value: UInt32) {
    varint(UInt64(field) << 3 | 5)
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// A string, a message or a packed list.
  package mutating func data(_ field: Int, _ value: some Collection<UInt8>) {
    varint(UInt64(field) << 3 | 2)
    varint(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  package mutating func text(_ field: Int, _ value: String) { data(field, value.utf8) }
  package mutating func message(_ field: Int, _ value: WireWriter) { data(field, value.bytes) }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
