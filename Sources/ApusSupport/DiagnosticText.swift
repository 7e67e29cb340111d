extension Diagnostic {
  /// The diagnostic as lines of text, without a final line break: notes and the hint first, the
  /// one-line statement of the error last, as the command line's contract asks.
  public func rendered(color: Bool = false) -> String {
    var lines: [String] = []
    for note in notes {
      lines.append("\(prefix(note.place))\(paint("note", "36", color)): \(note.message)")
      lines += excerpt(note.place)
    }
    if let hint { lines.append("\(prefix(place))\(paint("hint", "36", color)): \(hint)") }
    lines += excerpt(place)
    let tone = severity == .warning ? "33" : "31"
    lines.append("\(prefix(place))\(paint("\(severity.rawValue)[\(id)]", tone, color)): \(subject)\(message)")
    return lines.joined(separator: "\n")
  }

  private var subject: String {
    if case .node(_, let description) = place { return description + ": " }
    return ""
  }

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
    let first = max(0, at.column - 1 - 60)
    let window = scalars[min(first, scalars.count)..<min(first + 120, scalars.count)]
    var shown = String.UnicodeScalarView()
    for scalar in window { shown.append(scalar.properties.generalCategory == .control ? " " : scalar) }
    let width = max(1, min(source[range].prefix { $0 != "\n" }.unicodeScalars.count, 120 - (at.column - 1 - first)))
    let caret = String(repeating: " ", count: at.column - 1 - first) + "^" + String(repeating: "~", count: width - 1)
    return ["  " + String(shown), "  " + caret]
  }
}
