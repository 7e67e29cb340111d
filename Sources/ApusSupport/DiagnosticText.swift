extension Diagnostic {
  /// The diagnostic as lines of text, without a final line break: notes and the hint first, the
  /// one-line statement of the error last, as the command line's contract asks.
  public func rendered(color: Bool = false) -> String {
    var lines: [String] = []
    for note in notes {
      lines.append("\(prefix(note.place))\(paint("note", "36", color)): \(Self.oneLine(note.message))")
      lines += excerpt(note.place)
    }
    if let hint { lines.append("\(prefix(place))\(paint("hint", "36", color)): \(Self.oneLine(hint))") }
    lines += excerpt(place)
    let tone = severity == .warning ? "33" : "31"
    lines.append("\(prefix(place))\(paint("\(severity.rawValue)[\(id)]", tone, color)): \(Self.oneLine(subject + message))")
    return lines.joined(separator: "\n")
  }

  private var subject: String {
    if case .node(_, let description) = place { return description + ": " }
    return ""
  }

  /// Messages quote what a file says, which may be long and may hold line breaks or what a terminal takes for commands.
  private static func oneLine(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    let kept =
      scalars.count <= longestMessage
      ? scalars : scalars.prefix(longestMessage - keptEnd) + ["…"] + scalars.suffix(keptEnd)
    var shown = String.UnicodeScalarView()
    for scalar in kept { shown.append(scalar.isVisible ? scalar : " ") }
    return String(shown)
  }

  /// Scalars of a message that are shown, and how many of them from its end.
  private static let longestMessage = 1_000
  private static let keptEnd = 300

  private func paint(_ text: String, _ code: String, _ color: Bool) -> String {
    color ? "\u{1B}[1;\(code)m\(text)\u{1B}[0m" : text
  }

  private func prefix(_ place: Place) -> String {
    switch place {
    case .none: return ""
    case .file(let name): return "\(name): "
    case .node(let file, _): return "\(file): "
    case .line(let file, let line, let column): return "\(file):\(line):\(column): "
    case .swift(let fileID, let line): return "\(fileID):\(line): "
    case .text(let source, let range):
      let at = source.position(of: range.lowerBound)
      return "\(source.name):\(at.line):\(at.column): "
    }
  }

  /// The line a place lies on, and a caret under it. Long lines are cut to a window around the caret.
  private func excerpt(_ place: Place) -> [String] {
    guard case .text(let source, let range) = place else { return [] }
    let at = source.position(of: range.lowerBound)
    let scalars = Array(source.line(at.line).unicodeScalars)
    let column = min(at.column - 1, scalars.count)
    let first = max(0, column - Self.windowBefore)
    let end = min(first + Self.window, scalars.count)
    let marked = source[range].unicodeScalars.prefix { $0 != "\n" && $0 != "\r" }.count
    let stop = min(column + marked, end)
    var shown = String.UnicodeScalarView()
    for scalar in scalars[first..<end] { shown.append(scalar.isVisible ? scalar : " ") }
    let indent = scalars[first..<column].reduce(0) { $0 + $1.columns }
    let width = max(1, scalars[column..<max(stop, column)].reduce(0) { $0 + $1.columns })
    return ["  " + String(shown), "  " + String(repeating: " ", count: indent) + "^" + String(repeating: "~", count: width - 1)]
  }

  /// Scalars of a line that are shown, and how many of them before the caret.
  private static let window = 120
  private static let windowBefore = 60
}

extension Unicode.Scalar {
  /// Not so for what moves the cursor or turns the direction of writing, which would tear line and caret apart.
  fileprivate var isVisible: Bool {
    switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: false
    case _: true
    }
  }

  /// Cells of a terminal: none for what combines with the scalar before, two for wide ones (Unicode Standard Annex 11).
  fileprivate var columns: Int {
    switch properties.generalCategory {
    case .nonspacingMark, .enclosingMark: return 0
    case _: break
    }
    let isWide: Bool
    switch value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF,
      0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1FAFF,
      0x20000...0x3FFFD: isWide = true
    case _: isWide = false
    }
    return isWide ? 2 : 1
  }
}
