import ApusSupport

extension FunctionPrinter {
  /// Writes ` loc(…)` behind an op; nothing where its origin is not known.
  mutating func writeLocation(_ location: Location) {
    switch location {
    case .unknown: return
    case .place(let place):
      if let place = text(of: place) { types.text += " loc(\(place))" }
    case .merged(let ids):
      let places = ids.compactMap { id -> String? in
        if case .place(let place) = function.locations[id] { text(of: place) } else { nil }
      }
      if !places.isEmpty { types.text += " loc(fused[\(places.joined(separator: ", "))])" }
    }
  }

  private func text(of place: Place) -> String? {
    switch place {
    case .none: return nil
    case .file(let name): return NameText.quoted(name)
    case .text(let source, let range):
      let at = source.position(of: range.lowerBound)
      return "\(NameText.quoted(source.name)):\(at.line):\(at.column)"
    case .line(let file, let line, let column): return "\(NameText.quoted(file)):\(line):\(column)"
    case .node(let file, let description): return "node \(NameText.quoted(file)) \(NameText.quoted(description))"
    case .swift(let fileID, let line): return "swift \(NameText.quoted(fileID)):\(line)"
    }
  }
}
