import ApusSupport

extension NumPyArchive {
  /// Writes arrays under their names, in order: stored, with their elements at multiples of 64 bytes so that they
  /// can be mapped. The file appears whole or not at all, and equal arrays give equal bytes (no times are recorded).
  ///
  /// Throws `npz.name` for an empty, over-long or unprintable name, `npz.duplicate`, `npy.rank` or `file.unwritable`.
  public static func write(_ arrays: [(name: String, tensor: Tensor)], path: String) throws(DiagnosticError) {
    var names: Set<String> = []
    for (name, tensor) in arrays {
      guard (1...60_000).contains(name.utf8.count), !name.utf8.contains(0) else {
        throw DiagnosticError(id: "npz.name", "an array cannot have the name \(quoted(name))", at: .file(path))
      }
      guard names.insert(name).inserted else {
        throw DiagnosticError(id: "npz.duplicate", "two arrays have the name \(quoted(name))", at: .file(path))
      }
      _ = try NumPyArray.header(of: tensor, place: .file(path))
    }
    try OutputFile.write(path: path) { file throws(DiagnosticError) in
      var directory: [UInt8] = []
      for (name, tensor) in arrays {
        let header = try NumPyArray.header(of: tensor, place: .file(path))
        let member = ZipMember(name: name, header: header, tensor: tensor, offset: file.offset)
        directory += member.directoryEntry
        try file.write(member.localHeader)
        try file.write(header)
        try tensor.withUnsafeBytes { bytes throws(DiagnosticError) in try file.write(bytes) }
      }
      try file.write(directory + endRecords(count: arrays.count, at: file.offset, byteCount: directory.count))
    }
  }

  private static func endRecords(count: Int, at offset: Int, byteCount: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    if count >= 0xFFFF || offset >= 0xFFFF_FFFF || byteCount >= 0xFFFF_FFFF {
      bytes.append(little: 0x0606_4B50 as UInt32)
      bytes.append(little: 44 as UInt64)
      for version in [45, 45] as [UInt16] { bytes.append(little: version) }
      for disk in [0, 0] as [UInt32] { bytes.append(little: disk) }
      for value in [count, count, byteCount, offset] { bytes.append(little: UInt64(value)) }
      bytes.append(little: 0x0706_4B50 as UInt32)
      bytes.append(little: 0 as UInt32)
      bytes.append(little: UInt64(offset + byteCount))
      bytes.append(little: 1 as UInt32)
    }
    bytes.append(little: 0x0605_4B50 as UInt32)
    for disk in [0, 0] as [UInt16] { bytes.append(little: disk) }
    for _ in 0..<2 { bytes.append(little: UInt16(clamping: count)) }
    for value in [byteCount, offset] { bytes.append(little: UInt32(clamping: value)) }
    bytes.append(little: 0 as UInt16)
    return bytes
  }
}

/// A stored member as it stands in an archive.
private struct ZipMember {
  let name: [UInt8]
  let byteCount: Int
  let crc: UInt32
  let offset: Int

  init(name: String, header: [UInt8], tensor: Tensor, offset: Int) {
    self.name = Array("\(name).npy".utf8)
    byteCount = header.count + tensor.byteCount
    let start = header.withUnsafeBytes { crc32($0) }
    crc = tensor.withUnsafeBytes { crc32($0, from: start) }
    self.offset = offset
  }

  private var isWide: Bool { byteCount >= 0xFFFF_FFFF || offset >= 0xFFFF_FFFF }

  /// Version, flags (names are UTF-8), method, and the first day that zip knows, 1 January 1980.
  private var common: [UInt8] {
    var bytes: [UInt8] = []
    for field in [isWide ? 45 : 20, 0x0800, 0, 0, 0x0021] as [UInt16] { bytes.append(little: field) }
    bytes.append(little: crc)
    for _ in 0..<2 { bytes.append(little: byteCount >= 0xFFFF_FFFF ? UInt32.max : UInt32(byteCount)) }
    bytes.append(little: UInt16(name.count))
    return bytes
  }

  private var wideSizes: [UInt8] {
    guard byteCount >= 0xFFFF_FFFF else { return [] }
    var bytes: [UInt8] = []
    for _ in 0..<2 { bytes.append(little: UInt64(byteCount)) }
    return bytes
  }

  var localHeader: [UInt8] {
    var extra: [UInt8] = []
    if !wideSizes.isEmpty { extra.append(field: 1, wideSizes) }
    // Android's alignment field: the alignment, then zeros up to it.
    let unpadded = offset + 30 + name.count + extra.count + 6
    var padding: [UInt8] = []
    padding.append(little: 64 as UInt16)
    padding += [UInt8](repeating: 0, count: (64 - unpadded % 64) % 64)
    extra.append(field: 0xD935, padding)
    var bytes: [UInt8] = []
    bytes.append(little: 0x0403_4B50 as UInt32)
    bytes += common
    bytes.append(little: UInt16(extra.count))
    return bytes + name + extra
  }

  var directoryEntry: [UInt8] {
    var wide = wideSizes
    if offset >= 0xFFFF_FFFF { wide.append(little: UInt64(offset)) }
    var extra: [UInt8] = []
    if !wide.isEmpty { extra.append(field: 1, wide) }
    var bytes: [UInt8] = []
    bytes.append(little: 0x0201_4B50 as UInt32)
    bytes.append(little: isWide ? 45 : 20 as UInt16)
    bytes += common
    for field in [UInt16(extra.count), 0, 0, 0] { bytes.append(little: field) }
    bytes.append(little: 0 as UInt32)
    bytes.append(little: UInt32(clamping: offset))
    return bytes + name + extra
  }
}

extension [UInt8] {
  fileprivate mutating func append<Integer: FixedWidthInteger>(little value: Integer) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }

  fileprivate mutating func append(field id: UInt16, _ content: [UInt8]) {
    append(little: id)
    append(little: UInt16(content.count))
    append(contentsOf: content)
  }
}
