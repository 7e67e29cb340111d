import ApusSupport
import Foundation

/// Requests from stdin, a line each. Nothing beyond the line that is asked for is read from a pipe, so that whatever
/// takes this process's place finds the next one.
struct RequestLines {
  /// Bytes of a line at most: more than three paths have.
  static let longest = 1 << 16

  enum Request {
    case line(String)
    /// A line of more than `longest` bytes, which has been skipped.
    case tooLong
  }

  /// The next line without its end; nil at the end of the input. Throws `file.unreadable`.
  mutating func next() throws(DiagnosticError) -> Request? {
    var bytes: [UInt8] = []
    var isTooLong = false
    while let byte = try byte() {
      if byte == UInt8(ascii: "\n") { return request(bytes, isTooLong) }
      if bytes.count < Self.longest { bytes.append(byte) } else { isTooLong = true }
    }
    return bytes.isEmpty ? nil : request(bytes, isTooLong)
  }

  private func request(_ bytes: [UInt8], _ isTooLong: Bool) -> Request {
    if isTooLong { return .tooLong }
    let end = bytes.last == UInt8(ascii: "\r") ? bytes.count - 1 : bytes.count
    return .line(String(decoding: bytes[..<end], as: UTF8.self))
  }

  private func byte() throws(DiagnosticError) -> UInt8? {
    var byte: UInt8 = 0
    while true {
      let count = read(STDIN_FILENO, &byte, 1)
      if count == 1 { return byte }
      if count == 0 { return nil }
      guard errno == EINTR else {
        throw DiagnosticError(
          id: "file.unreadable", "it cannot be read: \(String(cString: strerror(errno)))", at: .file("<stdin>"))
      }
    }
  }
}
