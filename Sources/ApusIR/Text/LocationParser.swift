import ApusSupport

extension IRParser {
  var isAtLocation: Bool { tokens.at(word: "loc") && tokens.following.kind == .leftParen }

  /// Reads `loc("mlp.apus":3:5)`, `loc("mlp.apus")`, `loc(swift "Main/main.swift":7)`,
  /// `loc(node "m.onnx" "node 'a' (Add)")` or `loc(fused["a":1:2, "a":2:2])`.
  mutating func location() -> Location? {
    tokens.advance()
    guard tokens.expect(.leftParen) != nil else { return nil }
    var location: Location?
    if tokens.accept(word: "fused") {
      guard tokens.expect(.leftBracket) != nil else { return nil }
      var parts: [LocationID] = []
      repeat {
        guard let place = place() else { return nil }
        parts.append(function.addLocation(.place(place)))
      } while tokens.accept(.comma)
      guard tokens.expect(.rightBracket) != nil else { return nil }
      location = .merged(parts)
    } else {
      location = place().map { .place($0) }
    }
    return tokens.expect(.rightParen) == nil ? nil : location
  }

  private mutating func place() -> Place? {
    if tokens.accept(word: "swift") {
      guard let file = tokens.expect(.string), tokens.expect(.colon) != nil, let line = tokens.signedInteger()
      else { return nil }
      return .swift(fileID: tokens.name(file), line: line)
    }
    if tokens.accept(word: "node") {
      guard let file = tokens.expect(.string), let description = tokens.expect(.string) else { return nil }
      return .node(file: tokens.name(file), description: tokens.name(description))
    }
    guard let file = tokens.expect(.string, "the name of a file in quotes") else { return nil }
    guard tokens.accept(.colon) else { return .file(tokens.name(file)) }
    guard let line = tokens.signedInteger(), tokens.expect(.colon) != nil, let column = tokens.signedInteger()
    else { return nil }
    return .line(file: tokens.name(file), line: line, column: column)
  }
}
