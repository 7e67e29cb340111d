import ApusSupport

extension TokenStream {
  /// Reads `where B in 1...512, T in 0...` if it comes next, and gives the symbols their bounds.
  /// Reports `name.unknown` for a name that `names` does not let it declare, `name.redefined`,
  /// `dim.bounds`, `parse.expected` or `parse.number`; false if anything was wrong.
  @discardableResult
  public mutating func whereClause(_ symbols: inout SymbolTable, names: SymbolNames = .lookUp) -> Bool {
    guard accept(word: "where") else { return true }
    var seen: [SymbolID: Range<Int>] = [:]
    var isRight = true
    repeat {
      guard at(.word) || at(.string) else {
        expected("the name of a dimension")
        return false
      }
      let token = advance()
      guard accept(word: "in") else {
        expected("'in'")
        return false
      }
      guard let bounds = bounds() else { return false }
      let known = symbols.find(name(token))
      guard let id = known ?? names.declare(name(token), in: &symbols) else {
        error("name.unknown", "no dimension is called \(shown(token))", at: token.range)
        isRight = false
        continue
      }
      if let first = seen.updateValue(token.range, forKey: id) {
        let note = Diagnostic.Note("it has bounds here already", at: place(first))
        error("name.redefined", "\(shown(token)) is given bounds twice", at: token.range, notes: [note])
        isRight = false
        continue
      }
      symbols.setBounds(bounds, of: id)
    } while accept(.comma)
    return isRight
  }

  /// Reads `1...512` or `1...`.
  mutating func bounds() -> DimBounds? {
    let start = current.range.lowerBound
    guard let lower = signedInteger(), expect(.ellipsis) != nil else { return nil }
    var upper: Int?
    if (at(.integer) || at(.minus)) && !current.startsLine {
      guard let value = signedInteger() else { return nil }
      upper = isPlanted(.upperBoundsAreExclusive) ? max(value - 1, lower) : value
    }
    let range = start..<previousEnd
    if lower < 0 {
      error("dim.bounds", "a dimension is never negative", at: range)
      return nil
    }
    if let upper, upper < lower {
      error("dim.bounds", "no value lies in \(lower)...\(upper)", at: range)
      return nil
    }
    return DimBounds(lower: lower, upper: upper)
  }

  /// Reads an integer with an optional minus. Reports `parse.expected` or `parse.number`.
  public mutating func signedInteger() -> Int? {
    let start = current.range.lowerBound
    let isNegative = accept(.minus)
    guard let token = expect(.integer) else { return nil }
    guard let magnitude = magnitude(token), let value = Int(magnitude: magnitude, isNegative: isNegative) else {
      error("parse.number", "the integer does not fit in 64 bits", at: start..<previousEnd)
      return nil
    }
    return value
  }
}

extension Int {
  /// The number with that sign and magnitude, if it fits.
  init?(magnitude: UInt64, isNegative: Bool) {
    if isNegative {
      guard magnitude <= Int.min.magnitude else { return nil }
      self = Int(truncatingIfNeeded: 0 &- magnitude)
    } else {
      self.init(exactly: magnitude)
    }
  }
}
