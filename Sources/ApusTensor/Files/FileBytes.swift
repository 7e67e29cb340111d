import ApusSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The bytes of a file, or of an array within one, and what diagnostics call them.
///
/// A file is mapped, not read: its pages come in as they are touched, and parts of it can serve as tensors
/// without a copy. Whoever shortens a file *in place* while it is mapped brings the process down with SIGBUS;
/// replacing it by a rename, as ``OutputFile`` does, is safe.
public struct FileBytes: Sendable {
  /// The path as the user wrote it.
  public let name: String
  /// The array within the file that these bytes belong to.
  public private(set) var array: String?
  public let storage: TensorStorage

  /// Maps a regular file.
  ///
  /// Throws `file.missing`, `file.unreadable`, or `file.not-regular` for a directory, a pipe or a device, which
  /// are never waited for.
  public init(path: String) throws(DiagnosticError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw DiagnosticError(id: "file.missing", "there is no such file", at: .file(path))
    }
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.cannotOpen(path, errno) }
    defer { close(descriptor) }
    try self.init(mapping: descriptor, name: path)
  }

  /// Maps a regular file below a folder, whose path a file from elsewhere names: no part of it may be a link, and nothing that
  /// lies outside of the folder is opened, whatever is renamed meanwhile.
  ///
  /// Throws what ``init(path:)`` throws, and `file.link`.
  init(within folder: String, _ parts: [String], name path: String) throws(DiagnosticError) {
    var descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    for (index, part) in parts.enumerated() {
      guard descriptor >= 0 else { break }
      precondition(!part.isEmpty && part != ".." && !part.utf8.contains(0) && !part.utf8.contains(UInt8(ascii: "/")))
      let parent = descriptor
      defer { close(parent) }
      let isLast = index == parts.count - 1
      let kind = isLast ? O_NONBLOCK | O_NOCTTY : O_DIRECTORY
      descriptor = openat(parent, part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | kind)
      if descriptor < 0 {
        let code = errno
        var status = stat()
        if fstatat(parent, part, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFLNK {
          throw DiagnosticError(id: "file.link", "\(quoted(part)) is a symbolic link, which is not followed", at: .file(path))
        }
        throw Self.cannotOpen(path, code)
      }
    }
    guard descriptor >= 0 else { throw Self.cannotOpen(path, errno) }
    defer { close(descriptor) }
    try self.init(mapping: descriptor, name: path)
  }

  private init(mapping descriptor: Int32, name path: String) throws(DiagnosticError) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw Self.cannotOpen(path, errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let kind = status.st_mode & S_IFMT == S_IFDIR ? "a directory" : "a pipe, socket or device"
      throw DiagnosticError(id: "file.not-regular", "this is \(kind), not a file", at: .file(path))
    }
    name = path
    guard status.st_size > 0 else {
      storage = TensorStorage(borrowing: UnsafeRawBufferPointer(start: nil, count: 0))
      return
    }
    let count = Int(status.st_size)
    guard let base = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
      throw Self.cannotOpen(path, errno)
    }
    nonisolated(unsafe) let mapped = base
    storage = TensorStorage(mapping: UnsafeRawBufferPointer(start: base, count: count)) { munmap(mapped, count) }
  }

  /// Bytes that are in memory already; `name` is what diagnostics call them.
  ///
  /// Throws `tensor.no-memory`.
  public init(name: String, bytes: [UInt8]) throws(DiagnosticError) {
    self.name = name
    storage = try TensorStorage(byteCount: bytes.count)
    storage.mutableBytes.copyBytes(from: bytes)
  }

  init(name: String, array: String?, storage: TensorStorage) {
    self.name = name
    self.array = array
    self.storage = storage
  }
}

extension FileBytes {
  public var count: Int { storage.byteCount }

  /// The unsigned little-endian integer at `offset`; nil when it does not lie wholly within the bytes.
  func integer<Integer: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as _: Integer.Type) -> Integer? {
    guard offset >= 0, offset <= count - MemoryLayout<Integer>.size else { return nil }
    return storage.withUnsafeBytes { Integer(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Integer.self)) }
  }

  /// The bytes in `range`, shared; nil when they do not lie wholly within these.
  package func slice(_ range: Range<Int>, array: String? = nil) -> FileBytes? {
    guard range.lowerBound >= 0, range.upperBound <= count else { return nil }
    return FileBytes(name: name, array: array ?? self.array, storage: TensorStorage(range, of: storage))
  }

  /// The bytes as an array of their own; for headers, never for data.
  package func copied(_ range: Range<Int>) -> [UInt8]? {
    guard range.lowerBound >= 0, range.upperBound <= count else { return nil }
    return storage.withUnsafeBytes { Array($0[range]) }
  }

  func starts(with prefix: [UInt8]) -> Bool {
    count >= prefix.count && storage.withUnsafeBytes { $0.starts(with: prefix) }
  }

  /// An error in this file, naming the array.
  func error(
    _ id: String, _ message: String, array: String? = nil, severity: Severity = .error, hint: String? = nil
  ) -> DiagnosticError {
    let place: Place =
      if let array = array ?? self.array {
        .node(file: name, description: "array \(quoted(array))")
      } else {
        .file(name)
      }
    return DiagnosticError(severity, id: id, message, at: place, hint: hint)
  }

  /// What a file could not be opened for.
  private static func cannotOpen(_ path: String, _ code: Int32) -> DiagnosticError {
    if code == ENOENT || code == ENOTDIR {
      return DiagnosticError(id: "file.missing", "there is no such file", at: .file(path))
    }
    return DiagnosticError(
      id: "file.unreadable", "it cannot be read: \(String(cString: strerror(code)))", at: .file(path))
  }
}

/// A name out of a file, in quotes, cut and without control characters: it may be hostile.
package func quoted(_ name: String) -> String {
  // Nearly all names are: asking for the category of each character takes longer than importing a node.
  if name.utf8.count <= 100, name.utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) { return "'\(name)'" }
  var shown = String.UnicodeScalarView()
  for scalar in name.unicodeScalars.prefix(100) {
    let isShown = scalar.properties.generalCategory != .control && scalar.properties.generalCategory != .format
    shown.append(isShown ? scalar : "\u{FFFD}")
  }
  return "'\(String(shown))\(name.unicodeScalars.count > 100 ? "…" : "")'"
}

/// "'a', 'b' and 3 more".
func listed(_ names: [String]) -> String {
  let shown = names.prefix(8).map(quoted).joined(separator: ", ")
  return names.count > 8 ? "\(shown) and \(names.count - 8) more" : shown
}
