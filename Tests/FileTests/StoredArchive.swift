/// A ZIP archive (APPNOTE 6.3) of entries that are not compressed, as `numpy.savez` writes them.
enum StoredArchive {
  static func bytes(of entries: [(name: [UInt8], data: [UInt8])]) -> [UInt8] {
    var file: [UInt8] = []
    var directory: [UInt8] = []
    for (name, data) in entries {
      let sizes = littleEndian(checksum(data)) + littleEndian(UInt32(data.count)) + littleEndian(UInt32(data.count))
      // Version, flags, method, time and date; the length of the name and of nothing else.
      let common =
        littleEndian(UInt16(20)) + [UInt8](repeating: 0, count: 8) + sizes + littleEndian(UInt16(name.count)) + [0, 0]
      let offset = littleEndian(UInt32(file.count))
      file += [0x50, 0x4B, 3, 4] + common + name + data
      directory += [0x50, 0x4B, 1, 2, 20, 0] + common + [UInt8](repeating: 0, count: 10) + offset + name
    }
    let count = littleEndian(UInt16(entries.count))
    let ends = littleEndian(UInt32(directory.count)) + littleEndian(UInt32(file.count))
    return file + directory + [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + count + count + ends + [0, 0]
  }

  /// CRC-32 (ISO 3309).
  private static func checksum(_ data: [UInt8]) -> UInt32 {
    ~data.reduce(~0) { crc, byte in
      (0..<8).reduce(crc ^ UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }
  }
}
