/// The candidate that differs least from a name, if it is close: what was probably meant.
package func nearest(to name: String, in candidates: [String]) -> String? {
  guard name.utf8.count <= 64 else { return nil }
  let scored = candidates.filter { $0.utf8.count <= 64 }.map { ($0, distance(Array(name.utf8), Array($0.utf8))) }
  let best = scored.filter { $0.1 <= max(1, name.utf8.count / 3) }.min { ($0.1, $0.0) < ($1.1, $1.0) }
  return best?.0
}

/// Insertions, removals and replacements that turn one word into the other (Levenshtein, 1966).
private func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  var row = Array(0...b.count)
  for (i, x) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, y) in b.enumerated() {
      let substituted = diagonal + (x == y ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
    }
  }
  return row[b.count]
}
