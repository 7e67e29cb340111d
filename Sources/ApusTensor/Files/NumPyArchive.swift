import ApusSupport

/// `.npz` files: zip archives of `.npy` members, stored or deflated, zip64 included.
///
/// Opening reads the directory alone; an array is read, checked and unpacked when it is asked for, and no other
/// with it. A stored array stays in the mapped file where order and alignment allow it.
public struct NumPyArchive: Sendable {
  /// 16 GiB.
  public static let defaultByteLimit = 1 << 34

  /// The arrays in the order of the file, without their `.npy`. Other members are passed over.
  public let names: [String]
  private let members: [String: ZipDirectory.Member]
  private let directory: ZipDirectory
  private let file: FileBytes
  private let byteLimit: Int

  /// Reads the directory. An array that would unpack to over `byteLimit` bytes will be refused.
  ///
  /// Throws `file.missing`, `file.unreadable`, `file.not-regular`, `npz.directory`, `npz.duplicate`, `npz.overlap`.
  public init(path: String, byteLimit: Int = defaultByteLimit) throws(DiagnosticError) {
    try self.init(FileBytes(path: path), byteLimit: byteLimit)
  }

  /// As ``init(path:byteLimit:)``, from bytes at hand.
  public init(_ file: FileBytes, byteLimit: Int = defaultByteLimit) throws(DiagnosticError) {
    self.file = file
    self.byteLimit = byteLimit
    directory = try ZipDirectory(of: file)
    var names: [String] = []
    var members: [String: ZipDirectory.Member] = [:]
    for member in directory.members where member.name.hasSuffix(".npy") {
      let name = String(member.name.dropLast(4))
      names.append(name)
      members[name] = member
    }
    self.names = names
    self.members = members
  }

  /// Reads one array.
  ///
  /// Throws `npz.missing-array`, `npz.truncated`, `npz.directory`, `npz.limit`, `npz.method`, `npz.encrypted`,
  /// `npz.deflate`, `npz.size`, `npz.checksum`, and what ``NumPyArray/read(path:)`` throws of an array.
  public func tensor(named name: String) throws(DiagnosticError) -> Tensor {
    guard let member = members[name] else {
      throw file.error(
        "npz.missing-array", "it has no array \(quoted(name))",
        hint: names.isEmpty ? "it has no arrays at all" : "it has \(listed(names))")
    }
    guard member.unpackedCount <= byteLimit else {
      throw file.error(
        "npz.limit", "it unpacks to \(member.unpackedCount) bytes, over the limit of \(byteLimit)", array: name)
    }
    guard !member.isEncrypted else {
      throw file.error("npz.encrypted", "it is encrypted", array: name, severity: .unsupported)
    }
    var data = try directory.data(of: member, in: file)
    data = FileBytes(name: file.name, array: name, storage: data.storage)
    switch member.method {
    case .stored:
      guard member.packedCount == member.unpackedCount else {
        throw data.error("npz.size", "it is stored in \(member.packedCount) bytes but claims \(member.unpackedCount)")
      }
    case .deflated: data = try unpack(data, to: member.unpackedCount)
    case .other(let code):
      throw data.error(
        "npz.method", "it is packed by method \(code); stored (0) and deflated (8) can be read", severity: .unsupported)
    }
    guard data.storage.withUnsafeBytes({ crc32($0) }) == member.crc32 else {
      throw data.error("npz.checksum", "its bytes do not match its checksum: the file is damaged")
    }
    return try NumPyArray.read(data)
  }

  private func unpack(_ data: FileBytes, to byteCount: Int) throws(DiagnosticError) -> FileBytes {
    // Deflate cannot do better than 258 bytes for 2 bits, so a greater claim is a lie and gets no memory.
    guard byteCount / 1032 <= data.count else {
      throw data.error("npz.size", "it claims to unpack from \(data.count) to \(byteCount) bytes, which is impossible")
    }
    let storage = try TensorStorage(byteCount: byteCount)
    let fault: InflateFault? = data.storage.withUnsafeBytes { packed in
      do throws(InflateFault) {
        try inflate(packed, into: storage.mutableBytes)
        return nil
      } catch { return error }
    }
    switch fault {
    case nil: return FileBytes(name: data.name, array: data.array, storage: storage)
    case .damaged: throw data.error("npz.deflate", "its compressed bytes are damaged")
    case .size: throw data.error("npz.size", "it does not unpack to the \(byteCount) bytes that it claims")
    case .memory: throw data.error("tensor.no-memory", "the system refuses the memory to unpack it")
    }
  }
}
