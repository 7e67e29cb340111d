import ApusSupport

/// The central directory of a zip archive (PKWARE APPNOTE 6.3), with zip64; one disk, no encryption.
///
/// Every offset is checked against the file before it is followed, and members may not overlap: archives that
/// unpack one stretch of bytes many times are refused.
struct ZipDirectory: Sendable {
  enum Method: Sendable, Hashable {
    case stored, deflated
    case other(UInt16)
  }

  struct Member: Sendable {
    var name: String
    var method: Method
    var isEncrypted: Bool
    var crc32: UInt32
    var packedCount: Int
    var unpackedCount: Int
    /// Where the member's local header begins.
    var headerOffset: Int
  }

  private(set) var members: [Member] = []
  private static let zip64 = UInt32.max

  /// Throws `npz.directory`, `npz.duplicate` or `npz.overlap`.
  init(of file: FileBytes) throws(DiagnosticError) {
    let end = try Self.locate(in: file)
    var at = end.start
    var names: Set<String> = []
    while at < end.start + end.byteCount {
      let (member, next) = try Self.member(at: at, of: file, before: end.start + end.byteCount)
      guard names.insert(member.name).inserted else {
        throw file.error("npz.duplicate", "it holds two members of this name", array: member.name)
      }
      members.append(member)
      at = next
    }
    guard at == end.start + end.byteCount, UInt64(members.count) == end.memberCount else {
      throw file.error(
        "npz.directory", "its directory announces \(end.memberCount) members but has \(members.count)")
    }
    try checkOverlap(before: end.start, in: file)
  }

  /// The packed bytes of a member.
  ///
  /// Throws `npz.directory` when its local header is damaged or contradicts the directory.
  func data(of member: Member, in file: FileBytes) throws(DiagnosticError) -> FileBytes {
    let at = member.headerOffset
    guard file.integer(at: at, as: UInt32.self) == 0x0403_4B50,
      let nameLength = file.integer(at: at + 26, as: UInt16.self),
      let extraLength = file.integer(at: at + 28, as: UInt16.self),
      let name = file.copied((at + 30)..<(at + 30 + Int(nameLength)))
    else { throw file.error("npz.directory", "its local header is damaged", array: member.name) }
    guard String(decoding: name, as: UTF8.self) == member.name else {
      throw file.error("npz.directory", "its local header has another name", array: member.name)
    }
    let start = at + 30 + Int(nameLength) + Int(extraLength)
    guard member.packedCount <= file.count - start, let data = file.slice(start..<(start + member.packedCount)) else {
      throw file.error(
        "npz.truncated", "its \(member.packedCount) bytes reach past the end of the file", array: member.name)
    }
    return data
  }
}

extension ZipDirectory {
  private struct End {
    var start: Int
    var byteCount: Int
    var memberCount: UInt64
  }

  private static func locate(in file: FileBytes) throws(DiagnosticError) -> End {
    guard let at = endRecord(in: file) else {
      throw file.error("npz.directory", "it has no zip directory: it is no zip archive, or cut short")
    }
    guard let disk = file.integer(at: at + 4, as: UInt16.self), let count = file.integer(at: at + 10, as: UInt16.self),
      let size = file.integer(at: at + 12, as: UInt32.self), let offset = file.integer(at: at + 16, as: UInt32.self)
    else { throw file.error("npz.directory", "its zip directory is cut short") }
    var end = (size: UInt64(size), offset: UInt64(offset), count: UInt64(count), limit: at)
    // Some writers add the zip64 records always, most only when a field here is too narrow.
    if let wide = zip64End(in: file, before: at),
      count == .max || wide.count == end.count, size == zip64 || wide.size == end.size,
      offset == zip64 || wide.offset == end.offset
    {
      end = wide
    } else if count == .max || size == zip64 || offset == zip64 {
      throw file.error("npz.directory", "its zip64 directory is damaged")
    } else if disk != 0 {
      throw file.error("npz.directory", "it is one part of a split archive", severity: .unsupported)
    }
    guard let start = Int(exactly: end.offset), let byteCount = Int(exactly: end.size), start <= end.limit,
      byteCount == end.limit - start
    else { throw file.error("npz.directory", "its zip directory does not lie where it says") }
    return End(start: start, byteCount: byteCount, memberCount: end.count)
  }

  private static func zip64End(
    in file: FileBytes, before at: Int
  ) -> (size: UInt64, offset: UInt64, count: UInt64, limit: Int)? {
    guard file.integer(at: at - 20, as: UInt32.self) == 0x0706_4B50,
      let position = file.integer(at: at - 12, as: UInt64.self),
      let record = Int(exactly: position), record <= at - 20 - 56,
      file.integer(at: record, as: UInt32.self) == 0x0606_4B50,
      let count = file.integer(at: record + 32, as: UInt64.self),
      let size = file.integer(at: record + 40, as: UInt64.self),
      let offset = file.integer(at: record + 48, as: UInt64.self)
    else { return nil }
    return (size, offset, count, record)
  }

  /// The end record lies last, before a comment of up to 65 535 bytes whose length it states.
  private static func endRecord(in file: FileBytes) -> Int? {
    let last = file.count - 22
    guard last >= 0 else { return nil }
    for at in stride(from: last, through: max(0, last - Int(UInt16.max)), by: -1) {
      guard file.integer(at: at, as: UInt32.self) == 0x0605_4B50,
        let comment = file.integer(at: at + 20, as: UInt16.self), at + 22 + Int(comment) == file.count
      else { continue }
      return at
    }
    return nil
  }

  private static func member(
    at: Int, of file: FileBytes, before limit: Int
  ) throws(DiagnosticError) -> (Member, next: Int) {
    guard at + 46 <= limit, file.integer(at: at, as: UInt32.self) == 0x0201_4B50,
      let flags = file.integer(at: at + 8, as: UInt16.self), let method = file.integer(at: at + 10, as: UInt16.self),
      let crc = file.integer(at: at + 16, as: UInt32.self),
      let packed = file.integer(at: at + 20, as: UInt32.self),
      let unpacked = file.integer(at: at + 24, as: UInt32.self),
      let nameLength = file.integer(at: at + 28, as: UInt16.self),
      let extraLength = file.integer(at: at + 30, as: UInt16.self),
      let commentLength = file.integer(at: at + 32, as: UInt16.self),
      let offset = file.integer(at: at + 42, as: UInt32.self)
    else { throw file.error("npz.directory", "its zip directory is damaged") }
    let extra = at + 46 + Int(nameLength)
    let next = extra + Int(extraLength) + Int(commentLength)
    guard next <= limit, let nameBytes = file.copied((at + 46)..<extra) else {
      throw file.error("npz.directory", "its zip directory is damaged")
    }
    let name = String(decoding: nameBytes, as: UTF8.self)
    // Fields that do not fit 32 bits stand, in this order, in the extra field 1.
    var wide = wideFields(in: file, from: extra, to: extra + Int(extraLength))
    func resolve(_ field: UInt32) throws(DiagnosticError) -> Int {
      guard field == zip64 else { return Int(field) }
      guard !wide.isEmpty, let value = Int(exactly: wide.removeFirst()) else {
        throw file.error("npz.directory", "its zip64 sizes are missing or too large", array: name)
      }
      return value
    }
    let unpackedCount = try resolve(unpacked)
    let packedCount = try resolve(packed)
    let headerOffset = try resolve(offset)
    let member = Member(
      name: name, method: method == 0 ? .stored : method == 8 ? .deflated : .other(method),
      isEncrypted: flags & 1 != 0, crc32: crc, packedCount: packedCount, unpackedCount: unpackedCount,
      headerOffset: headerOffset)
    return (member, next)
  }

  private static func wideFields(in file: FileBytes, from start: Int, to end: Int) -> [UInt64] {
    var at = start
    while at + 4 <= end, let id = file.integer(at: at, as: UInt16.self),
      let length = file.integer(at: at + 2, as: UInt16.self)
    {
      let stop = at + 4 + Int(length)
      guard stop <= end else { return [] }
      if id == 1 {
        let fields = stride(from: at + 4, through: stop - 8, by: 8).prefix(3)
        return fields.compactMap { file.integer(at: $0, as: UInt64.self) }
      }
      at = stop
    }
    return []
  }

  private func checkOverlap(before limit: Int, in file: FileBytes) throws(DiagnosticError) {
    var free = 0
    for member in members.sorted(by: { $0.headerOffset < $1.headerOffset }) {
      guard member.headerOffset >= free, member.headerOffset <= limit - 30,
        member.packedCount <= limit - member.headerOffset - 30
      else {
        throw file.error("npz.overlap", "its bytes overlap another member's or the directory", array: member.name)
      }
      free = member.headerOffset + 30 + member.packedCount
    }
  }
}
