extension OpInfo {
  /// Which of `count` operands belong to each declared one, or `nil` when that many do not fit.
  ///
  /// Operands are positional, so the optional ones that are left out are the last of them; an
  /// operand that may repeat takes what is left over.
  public func operandRanges(count: Int) -> [Range<Int>]? {
    var required = 0
    var optional = 0
    var repeats = false
    for operand in operands {
      switch operand.arity {
      case .one: required += 1
      case .optional: optional += 1
      case .zeroOrMore: repeats = true
      case .oneOrMore:
        required += 1
        repeats = true
      }
    }
    guard count >= required else { return nil }
    var present = Swift.min(optional, count - required)
    let extra = count - required - present
    guard extra == 0 || repeats else { return nil }

    var ranges: [Range<Int>] = []
    ranges.reserveCapacity(operands.count)
    var next = 0
    for operand in operands {
      let length: Int
      switch operand.arity {
      case .one: length = 1
      case .optional:
        length = present > 0 ? 1 : 0
        present -= length
      case .zeroOrMore: length = extra
      case .oneOrMore: length = 1 + extra
      }
      ranges.append(next..<next + length)
      next += length
    }
    return ranges
  }

  /// How many operands there may be, in words.
  var operandCountText: String {
    var least = 0
    var most: Int? = 0
    for operand in operands {
      switch operand.arity {
      case .one:
        least += 1
        most = most.map { $0 + 1 }
      case .optional: most = most.map { $0 + 1 }
      case .zeroOrMore: most = nil
      case .oneOrMore:
        least += 1
        most = nil
      }
    }
    guard let most else { return "at least \(least)" }
    return least == most ? "\(least)" : "\(least) to \(most)"
  }
}
