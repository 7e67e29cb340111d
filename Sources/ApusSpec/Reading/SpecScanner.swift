import ApusSupport

/// Reads words, numbers and signs within one range of a file, over white space and line breaks.
struct SpecScanner {
  let source: SourceText
  private(set) var offset: Int
  let end: Int

  init(_ source: SourceText, _ range: Range<Int>) {
    self.source = source
    offset = range.lowerBound
    end = range.upperBound
  }

  private var bytes: [UInt8] { source.bytes }

  var isAtEnd: Bool {
    mutating get {
      skipSpace()
      return offset >= end
    }
  }

  /// Where a diagnostic about what stands here points: at the next word or character.
  var here: Range<Int> {
    var copy = self
    copy.skipSpace()
    let start = min(copy.offset, end)
    if let word = copy.word() { return word.range }
    return start..<min(start + 1, end)
  }

  mutating func skipSpace() {
    while offset < end, isSpace(bytes[offset]) { offset += 1 }
  }

  /// Reads one of the signs of the grammar, `->` or `..` included, if it stands here.
  mutating func accept(_ sign: StaticString) -> Bool {
    skipSpace()
    let length = sign.utf8CodeUnitCount
    guard offset + length <= end else { return false }
    let matches = sign.withUTF8Buffer { wanted in bytes[offset..<offset + length].elementsEqual(wanted) }
    if matches { offset += length }
    return matches
  }

  /// A letter or `_`, then letters, digits and `_`.
  mutating func word() -> Written<String>? {
    skipSpace()
    guard offset < end, isLetter(bytes[offset]) else { return nil }
    let start = offset
    while offset < end, isLetter(bytes[offset]) || isDigit(bytes[offset]) { offset += 1 }
    return Written(source[start..<offset], at: start..<offset)
  }

  /// The characters of a number: digits, a point, an exponent, signs; or `inf`, `nan`.
  mutating func number() -> Written<String>? {
    skipSpace()
    let start = offset
    var next = offset
    if next < end, bytes[next] == UInt8(ascii: "-") { next += 1 }
    guard next < end, isDigit(bytes[next]) else { return nil }
    while next < end {
      let byte = bytes[next]
      let isSign = byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
      let followsExponent = bytes[next - 1] | 0x20 == UInt8(ascii: "e")
      let isPart = isDigit(byte) || byte == UInt8(ascii: ".") || byte | 0x20 == UInt8(ascii: "e")
      guard isPart || (isSign && followsExponent) else { break }
      next += 1
    }
    offset = next
    return Written(source[start..<next], at: start..<next)
  }

  /// A quoted text on one line, without its quotes; `nil` if none stands here or it is not closed.
  mutating func string() -> Written<String>? {
    skipSpace()
    guard offset < end, bytes[offset] == UInt8(ascii: "\"") else { return nil }
    var next = offset + 1
    while next < end, bytes[next] != UInt8(ascii: "\""), bytes[next] != UInt8(ascii: "\n") { next += 1 }
    guard next < end, bytes[next] == UInt8(ascii: "\"") else { return nil }
    let range = offset..<next + 1
    offset = next + 1
    return Written(source[range.lowerBound + 1..<next], at: range)
  }

  /// The rest of the line and all lines below that are blank or indented more than the line that `keyword`
  /// stands on, without their common indentation.
  mutating func indentedText(below keyword: Range<Int>) -> String {
    let margin = indentation(ofLineAt: keyword.lowerBound)
    var lines = [line(from: offset)]
    advanceLine()
    while offset < end {
      let text = line(from: offset)
      let indent = text.prefix { $0 == " " }.count
      if indent < text.count, indent <= margin { break }
      lines.append(text)
      advanceLine()
    }
    let below = lines.dropFirst()
    let common = below.filter { $0.contains { $0 != " " } }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
    let shifted = below.map { trimmedEnd(String($0.dropFirst(common))) }
    let first = trimmedEnd(String(lines[0].drop { $0 == " " }))
    var result = first.isEmpty ? Array(shifted) : [first] + shifted
    while result.last?.isEmpty == true { result.removeLast() }
    while result.first?.isEmpty == true { result.removeFirst() }
    return result.joined(separator: "\n")
  }

  /// Goes on at the first line below that starts with one of the words.
  mutating func skip(toLineWith isStart: (String) -> Bool) {
    repeat {
      advanceLine()
      var ahead = self
      if let word = ahead.word(), isStart(word.value), source.position(of: word.range.lowerBound).line == line {
        return
      }
    } while offset < end
  }

  /// The number of the line that is read, from 1.
  private var line: Int { source.position(of: offset).line }

  private func indentation(ofLineAt offset: Int) -> Int {
    var start = offset
    while start > 0, bytes[start - 1] != UInt8(ascii: "\n") { start -= 1 }
    var indent = 0
    while start + indent < bytes.count, bytes[start + indent] == UInt8(ascii: " ") { indent += 1 }
    return indent
  }

  private func line(from start: Int) -> String {
    var stop = start
    while stop < end, bytes[stop] != UInt8(ascii: "\n") { stop += 1 }
    return source[start..<stop]
  }

  private mutating func advanceLine() {
    while offset < end, bytes[offset] != UInt8(ascii: "\n") { offset += 1 }
    offset = min(offset + 1, end)
  }

  private func trimmedEnd(_ text: String) -> String {
    var text = text
    while let last = text.last, last == " " || last == "\t" || last == "\r" { text.removeLast() }
    return text
  }
}

private func isSpace(_ byte: UInt8) -> Bool {
  byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
}

private func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 || byte == 0x5F }

private func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
