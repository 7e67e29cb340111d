import ApusCompiler
import ApusMemory
import ApusSupport
import ApusTensor

/// The file of buffers that `apus plan` reads: a first line that names the columns, then a line for each buffer.
struct BufferTable {
  enum Column: String, CaseIterable {
    case id, lower, upper, size, offset
  }

  let source: SourceText
  /// In the order of the file.
  private(set) var columns: [Column] = []
  private(set) var buffers: [Problem.Buffer] = []
  /// As many as buffers, when there is a column of them.
  private(set) var offsets: [Int] = []
  /// Where the id and the line of each buffer stand.
  private var ids: [Range<Int>] = []

  /// Longer files are not read: of each line of theirs, memory for some numbers is kept.
  static let mostBytes = 1 << 28

  /// Reads ids as they stand, and whole numbers. Spaces around them, a byte order mark and `\r` at the end of a line are skipped.
  ///
  /// Throws what reading a file throws, `limit.buffers`, `plan.empty`, `plan.column`, `plan.row`, `plan.number`, `plan.lifetime`
  /// and `plan.repeated`; all that is wrong with the lines at once.
  init(path: String) throws(DiagnosticError) {
    guard try FileBytes(path: path).count <= Self.mostBytes else {
      throw DiagnosticError(id: "limit.buffers", "the file is longer than 256 MiB", at: .file(path))
    }
    source = try ModelFile.text(path: path)
    var lines = TableLines(source.bytes)
    guard let header = lines.next() else {
      throw DiagnosticError(
        id: "plan.empty", "the file holds nothing", at: .file(path), hint: "its first line is id,lower,upper,size")
    }
    try readColumns(header)
    var diagnostics = Diagnostics(limit: 20)
    while let line = lines.next(), !diagnostics.isFull { read(line, &diagnostics) }
    try diagnostics.throwIfErrors()
    try refuseRepeatedIDs()
  }

  func id(_ index: Int) -> String { source[ids[index]] }

  /// Where a buffer is given.
  func place(_ index: Int) -> Place { .text(source, ids[index]) }

  /// The table with other offsets, in the columns of the file; behind them when it had none.
  func text(offsets: [Int]) -> [UInt8] {
    let columns = columns.contains(.offset) ? columns : columns + [.offset]
    var text = Array(columns.map(\.rawValue).joined(separator: ",").utf8) + [UInt8(ascii: "\n")]
    for (index, buffer) in buffers.enumerated() {
      for (position, column) in columns.enumerated() {
        if position > 0 { text.append(UInt8(ascii: ",")) }
        switch column {
        case .id: text += source.bytes[ids[index]]
        case .lower: text += Array("\(buffer.lower)".utf8)
        case .upper: text += Array("\(buffer.upper)".utf8)
        case .size: text += Array("\(buffer.size)".utf8)
        case .offset: text += Array("\(offsets[index])".utf8)
        }
      }
      text.append(UInt8(ascii: "\n"))
    }
    return text
  }
}

extension BufferTable {
  private mutating func readColumns(_ line: Range<Int>) throws(DiagnosticError) {
    for field in TableLines.fields(of: line, in: source.bytes) {
      guard let column = Column(rawValue: source[field]) else {
        throw DiagnosticError(
          id: "plan.column", "'\(source[field])' is none of the columns id, lower, upper, size and offset",
          at: .text(source, field))
      }
      guard !columns.contains(column) else {
        throw DiagnosticError(id: "plan.column", "there are two columns '\(column.rawValue)'", at: .text(source, field))
      }
      columns.append(column)
    }
    for column in Column.allCases where column != .offset && !columns.contains(column) {
      throw DiagnosticError(
        id: "plan.column", "there is no column '\(column.rawValue)'", at: .text(source, line),
        hint: "the first line is id,lower,upper,size")
    }
  }

  private mutating func read(_ line: Range<Int>, _ diagnostics: inout Diagnostics) {
    let fields = TableLines.fields(of: line, in: source.bytes)
    guard fields.count == columns.count else {
      diagnostics.error(
        "plan.row", "there are \(fields.count) fields for \(columns.count) columns", at: .text(source, line))
      return
    }
    var buffer = Problem.Buffer(lower: 0, upper: 0, size: 0)
    var id = line
    var isRight = true
    for (column, field) in zip(columns, fields) {
      if column == .id {
        id = field
        // What is written again must be read again.
        if field.isEmpty || source.bytes[field].contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") }) {
          diagnostics.error("plan.row", "an id is text without quotes and control characters", at: .text(source, field))
          isRight = false
        }
        continue
      }
      guard let number = number(in: field, of: column, &diagnostics) else {
        isRight = false
        continue
      }
      switch column {
      case .id: break
      case .lower: buffer.lower = number
      case .upper: buffer.upper = number
      case .size: buffer.size = number
      case .offset: offsets.append(number)
      }
    }
    guard isRight else { return }
    guard buffer.lower <= buffer.upper else {
      diagnostics.error(
        "plan.lifetime", "it dies at \(buffer.upper), before its first step \(buffer.lower)", at: .text(source, line))
      return
    }
    buffers.append(buffer)
    ids.append(id)
  }

  /// A whole number, not negative; nothing when there is none.
  private func number(in field: Range<Int>, of column: Column, _ diagnostics: inout Diagnostics) -> Int? {
    var value = 0
    for (position, byte) in source.bytes[field].enumerated() {
      if position == 0, byte == UInt8(ascii: "-"), field.count > 1 {
        diagnostics.error("plan.number", "'\(column.rawValue)' is negative", at: .text(source, field))
        return nil
      }
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else {
        diagnostics.error(
          "plan.number", "'\(source[field])' is no whole number for '\(column.rawValue)'", at: .text(source, field))
        return nil
      }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, more) = product.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
      guard !overflow, !more else {
        diagnostics.error("plan.number", "'\(column.rawValue)' is more than 2^63 - 1", at: .text(source, field))
        return nil
      }
      value = sum
    }
    guard !field.isEmpty else {
      diagnostics.error("plan.number", "there is no number for '\(column.rawValue)'", at: .text(source, field))
      return nil
    }
    return value
  }

  private func refuseRepeatedIDs() throws(DiagnosticError) {
    var positions = [String: Int](minimumCapacity: ids.count)
    for index in ids.indices {
      guard let first = positions.updateValue(index, forKey: id(index)) else { continue }
      throw DiagnosticError(
        id: "plan.repeated", "there are two buffers '\(id(index))'", at: place(index),
        notes: [Diagnostic.Note("the first is given here", at: place(first))])
    }
  }
}

/// The lines of a table that are not blank, without what ends them.
private struct TableLines {
  private let bytes: [UInt8]
  private var position: Int

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
  }

  mutating func next() -> Range<Int>? {
    while position < bytes.count {
      let start = position
      while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
      let line = Self.trimmed(start..<position, in: bytes)
      position += 1
      if !line.isEmpty { return line }
    }
    return nil
  }

  static func fields(of line: Range<Int>, in bytes: [UInt8]) -> [Range<Int>] {
    var fields: [Range<Int>] = []
    var start = line.lowerBound
    for position in line where bytes[position] == UInt8(ascii: ",") {
      fields.append(trimmed(start..<position, in: bytes))
      start = position + 1
    }
    fields.append(trimmed(start..<line.upperBound, in: bytes))
    return fields
  }

  private static func trimmed(_ range: Range<Int>, in bytes: [UInt8]) -> Range<Int> {
    func isBlank(_ byte: UInt8) -> Bool {
      byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }
    var (lower, upper) = (range.lowerBound, range.upperBound)
    while lower < upper, isBlank(bytes[lower]) { lower += 1 }
    while upper > lower, isBlank(bytes[upper - 1]) { upper -= 1 }
    // What is blank is missing where it begins.
    return lower < upper ? lower..<upper : range.lowerBound..<range.lowerBound
  }
}
