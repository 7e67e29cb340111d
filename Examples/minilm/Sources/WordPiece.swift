import Foundation

/// Cuts text into pieces of a fixed vocabulary, as BERT's uncased models do: lower case, accents and control characters
/// dropped, punctuation and Chinese characters apart, then of each word the longest piece that the vocabulary has, again and
/// again; pieces within a word begin with `##`.
struct WordPiece {
  private let ids: [String: Int64]
  private let unknown: Int64
  private let first: Int64
  private let last: Int64
  /// Longer words are not in any vocabulary.
  private static let longestWord = 100

  /// Reads a vocabulary of one piece a line; the number of the line is the piece's id.
  init(vocabulary path: String) throws {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    var ids: [String: Int64] = [:]
    for (index, piece) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() where !piece.isEmpty {
      ids[String(piece)] = Int64(index)
    }
    func special(_ piece: String) throws -> Int64 {
      guard let id = ids[piece] else { throw VocabularyError(path: path, piece: piece) }
      return id
    }
    (unknown, first, last) = (try special("[UNK]"), try special("[CLS]"), try special("[SEP]"))
    self.ids = ids
  }

  /// The ids of a text's pieces between `[CLS]` and `[SEP]`, at most `limit` in all.
  func encode(_ text: String, limit: Int = 256) -> [Int64] {
    [first] + words(of: text).flatMap { pieces(of: $0) }.prefix(limit - 2) + [last]
  }

  private func words(of text: String) -> [[Unicode.Scalar]] {
    var words: [[Unicode.Scalar]] = []
    var word: [Unicode.Scalar] = []
    func end() {
      if !word.isEmpty { words.append(word) }
      word = []
    }
    for scalar in text.lowercased().decomposedStringWithCanonicalMapping.unicodeScalars {
      let category = scalar.properties.generalCategory
      if scalar.properties.isWhitespace {
        end()
      } else if category == .nonspacingMark || category == .control || category == .format || scalar == "\u{FFFD}" {
        continue
      } else if Self.standsAlone(scalar, category) {
        end()
        words.append([scalar])
      } else {
        word.append(scalar)
      }
    }
    end()
    return words
  }

  private static func standsAlone(_ scalar: Unicode.Scalar, _ category: Unicode.GeneralCategory) -> Bool {
    switch scalar.value {
    // What ASCII has besides letters and digits, and Chinese characters.
    case 33...47, 58...64, 91...96, 123...126: return true
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0xF900...0xFAFF, 0x20000...0x2CEAF, 0x2F800...0x2FA1F: return true
    case _: break
    }
    switch category {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation, .finalPunctuation,
      .otherPunctuation:
      return true
    case _: return false
    }
  }

  private func pieces(of word: [Unicode.Scalar]) -> [Int64] {
    guard word.count <= Self.longestWord else { return [unknown] }
    var found: [Int64] = []
    var start = 0
    while start < word.count {
      var end = word.count
      var piece: Int64?
      while end > start, piece == nil {
        var text = String.UnicodeScalarView(word[start..<end])
        if start > 0 { text.insert(contentsOf: "##".unicodeScalars, at: text.startIndex) }
        piece = ids[String(text)]
        if piece == nil { end -= 1 }
      }
      guard let piece else { return [unknown] }
      found.append(piece)
      start = end
    }
    return found
  }
}

struct VocabularyError: Error, CustomStringConvertible {
  let path: String
  let piece: String
  var description: String { "\(path): this is no vocabulary of BERT: it lacks \(piece)" }
}
