import ApusSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that appears under its name whole or not at all.
///
/// The bytes go to a file beside it that is renamed when everything is written, so readers and mappings of an
/// older file keep theirs. A device or pipe (`/dev/stdout`) is written directly. Nothing is synced to disk.
public struct OutputFile: ~Copyable {
  /// Bytes written so far.
  public private(set) var offset = 0
  private let path: String
  private let destination: String
  /// Where the bytes go; nil when they go straight to the destination.
  private var temporary: String?
  private var descriptor: Int32

  /// Writes a whole file: `body` gets the open file, and what it throws leaves nothing behind.
  ///
  /// Throws `file.unwritable`, and what `body` throws.
  public static func write(
    path: String, _ body: (inout OutputFile) throws(DiagnosticError) -> Void
  ) throws(DiagnosticError) {
    var file = try OutputFile(path: path)
    try body(&file)
    try file.finish()
  }

  private init(path: String) throws(DiagnosticError) {
    let opened = try Self.open(path)
    self.path = path
    destination = opened.destination
    temporary = opened.temporary
    descriptor = opened.descriptor
  }

  deinit {
    if descriptor >= 0 {
      close(descriptor)
      if let temporary { unlink(temporary) }
    }
  }

  public mutating func write(_ bytes: UnsafeRawBufferPointer) throws(DiagnosticError) {
    var rest = bytes[...]
    while let base = UnsafeRawBufferPointer(rebasing: rest).baseAddress, !rest.isEmpty {
      let written = writeFile(descriptor, base, rest.count)
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw Self.failure(path, errno) }
      rest = rest.dropFirst(written)
    }
    offset += bytes.count
  }

  public mutating func write(_ bytes: [UInt8]) throws(DiagnosticError) {
    // `Array.withUnsafeBytes` does not carry a typed error out.
    var failure: DiagnosticError?
    bytes.withUnsafeBytes { bytes in
      do throws(DiagnosticError) { try write(bytes) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  private consuming func finish() throws(DiagnosticError) {
    let finished = descriptor
    descriptor = -1
    let closed = close(finished)
    let code = errno
    guard let temporary else {
      if closed != 0 { throw Self.failure(path, code) }
      return
    }
    if closed == 0, rename(temporary, destination) == 0 { return }
    let error = Self.failure(path, closed == 0 ? errno : code)
    unlink(temporary)
    throw error
  }

  private static func open(
    _ path: String
  ) throws(DiagnosticError) -> (destination: String, temporary: String?, descriptor: Int32) {
    guard !path.isEmpty, !path.utf8.contains(0) else { throw failure(path, "this is no file name") }
    var status = stat()
    let exists = stat(path, &status) == 0
    let kind = status.st_mode & S_IFMT
    if exists, kind == S_IFDIR { throw failure(path, "this is a directory") }
    if exists, kind != S_IFREG {
      let descriptor = openFile(path, O_WRONLY | O_NOCTTY | O_CLOEXEC)
      guard descriptor >= 0 else { throw failure(path, errno) }
      return (path, nil, descriptor)
    }
    var destination = path
    // A rename onto a symbolic link would replace the link.
    if exists, let resolved = realpath(path, nil) {
      destination = String(cString: resolved)
      free(resolved)
    }
    for attempt in 0..<100 {
      let name = "\(destination).\(getpid())-\(attempt).part"
      let descriptor = openFile(name, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY | O_CLOEXEC, 0o666)
      if descriptor < 0, errno == EEXIST { continue }
      guard descriptor >= 0 else { throw failure(path, errno) }
      if exists { fchmod(descriptor, status.st_mode & 0o777) }
      return (destination, name, descriptor)
    }
    throw failure(path, EEXIST)
  }

  private static func failure(_ path: String, _ code: Int32) -> DiagnosticError {
    failure(path, String(cString: strerror(code)))
  }

  private static func failure(_ path: String, _ reason: String) -> DiagnosticError {
    DiagnosticError(id: "file.unwritable", "it cannot be written: \(reason)", at: .file(path))
  }
}

// Within `OutputFile` these names mean its own methods.

private func openFile(_ path: String, _ flags: Int32, _ mode: mode_t = 0) -> Int32 { open(path, flags, mode) }

private func writeFile(_ descriptor: Int32, _ base: UnsafeRawPointer, _ count: Int) -> Int {
  write(descriptor, base, count)
}
