import ApusSupport
import ApusTensor

/// A number as written: which one it is depends on the type it turns out to have.
struct Literal: Hashable, Sendable {
  var isNegative: Bool
  var token: Token
  var range: Range<Int>
}

extension TokenStream {
  /// Whether a number, a truth value, `nan` or `inf` starts here. A word before a colon is a label.
  var isAtLiteral: Bool {
    if at(.integer) || at(.float) || at(.minus) { return true }
    guard at(.word), following.kind != .colon else { return false }
    return at(word: "true") || at(word: "false") || at(word: "nan") || at(word: "inf")
  }

  /// Reads one element of that type; floats are rounded once, and `0x…` is a float's bits.
  /// Reports `parse.expected`, `literal.type`, `literal.range` or `parse.number`.
  public mutating func literal(_ type: ElementType) -> Scalar? {
    guard let literal = literal() else { return nil }
    return value(of: literal, type)
  }

  /// Reads a literal whose type is not known yet, or reports `parse.expected`.
  mutating func literal() -> Literal? {
    let start = current.range.lowerBound
    let isNegative = accept(.minus)
    guard isAtLiteral, !at(.minus) else {
      expected("a number")
      return nil
    }
    let token = advance()
    return Literal(isNegative: isNegative, token: token, range: start..<previousEnd)
  }

  /// The literal as an element of that type. Reports `literal.type`, `literal.range` or `parse.number`.
  mutating func value(of literal: Literal, _ type: ElementType) -> Scalar? {
    let token = literal.token
    if token.kind == .word {
      if matches(token, "true") || matches(token, "false") {
        guard type == .bool, !literal.isNegative else { return mistyped(literal, type) }
        return .bool(matches(token, "true"))
      }
      guard type.isFloat else { return mistyped(literal, type) }
      if matches(token, "inf") { return .float(literal.isNegative ? -.infinity : .infinity) }
      let bits = ScalarText.defaultNaN(type) | (literal.isNegative ? 1 << UInt64(type.bitWidth - 1) : 0)
      return ScalarText.value(bits: bits, type)
    }
    if type.isFloat { return float(literal, type) }
    guard token.kind == .integer, type != .bool else { return mistyped(literal, type) }
    return integer(literal, type)
  }

  private mutating func float(_ literal: Literal, _ type: ElementType) -> Scalar? {
    let (isNegative, token) = (literal.isNegative, literal.token)
    if isHexadecimal(token) {
      guard !isNegative, let bits = magnitude(token), bits.leadingZeroBitCount >= 64 - type.bitWidth else {
        error(
          "literal.range", "these are not the bits of \(article(type))", at: literal.range,
          hint: "bits have no sign and at most \(type.byteCount * 2) digits")
        return nil
      }
      return ScalarText.value(bits: bits, type)
    }
    let text = (isNegative ? "-" : "") + text(token)
    // Reading f32 through a double would round twice.
    let scalar = type == .f32 ? Float(text).map { Scalar.float(Double($0)) } : Double(text).map { Scalar.float($0) }
    guard let scalar else {
      error("parse.number", "\(shown(token)) is no number", at: token.range)
      return nil
    }
    let rounded = scalar.converted(to: type)
    guard rounded.asDouble.isFinite else { return outOfRange(literal, type) }
    if isPlanted(.zeroLosesItsSign), rounded.asDouble == 0 { return .zero(type) }
    return rounded
  }

  private mutating func integer(_ literal: Literal, _ type: ElementType) -> Scalar? {
    let (isNegative, token) = (literal.isNegative, literal.token)
    guard let magnitude = magnitude(token) else { return outOfRange(literal, type) }
    if type.isUnsignedInteger {
      guard magnitude == 0 || (!isNegative && magnitude.leadingZeroBitCount >= 64 - type.bitWidth) else {
        return outOfRange(literal, type)
      }
      return .unsigned(magnitude)
    }
    guard let value = Int(magnitude: magnitude, isNegative: isNegative),
      Scalar.signed(Int64(value)).converted(to: type) == .signed(Int64(value))
    else { return outOfRange(literal, type) }
    return .signed(Int64(value))
  }

  private mutating func mistyped(_ literal: Literal, _ type: ElementType) -> Scalar? {
    error("literal.type", "'\(source[literal.range])' is not \(article(type))", at: literal.range)
    return nil
  }

  private mutating func outOfRange(_ literal: Literal, _ type: ElementType) -> Scalar? {
    error("literal.range", "the number does not fit in \(article(type))", at: literal.range)
    return nil
  }

  private func article(_ type: ElementType) -> String {
    switch type {
    case .f32, .f64, .f16, .s8, .s16, .s32, .s64: "an \(type)"
    case .bf16, .u8, .u16, .u32, .u64, .bool: "a \(type)"
    }
  }

  /// Reads `[[1, 2], [3, 4]]` as the elements of a tensor of that type, which has constant sizes.
  /// A tensor without elements is `[]`. Reports `constant.count` and what `literal` reports.
  mutating func elements(_ type: TensorType, shape: [Int]) -> Tensor? {
    let start = current.range.lowerBound
    var isEmpty = false
    var count = 1
    for extent in shape {
      isEmpty = isEmpty || extent == 0
      (count, _) = count.multipliedReportingOverflow(by: extent)
    }
    var values: [Scalar] = []
    // Elements seen so far of the list that is open at each depth.
    var seen: [Int] = []
    repeat {
      if accept(.leftBracket) {
        seen.append(0)
        guard seen.count <= max(shape.count, 1) else { return miscounted(type, from: start) }
        if accept(.rightBracket) {
          guard isEmpty else { return miscounted(type, from: start) }
        } else {
          continue
        }
      } else {
        guard seen.count == shape.count else { return miscounted(type, from: start) }
        guard let value = literal(type.element) else { return nil }
        values.append(value)
        seen[seen.count - 1] += 1
        if accept(.comma) { continue }
        guard expect(.rightBracket) != nil else { return nil }
      }
      // A list has been closed; so may those around it.
      while let length = seen.popLast() {
        guard isEmpty || length == shape[seen.count] else { return miscounted(type, from: start) }
        guard !seen.isEmpty else { break }
        seen[seen.count - 1] += 1
        if accept(.comma) { break }
        guard expect(.rightBracket) != nil else { return nil }
      }
    } while !seen.isEmpty
    guard isEmpty ? values.isEmpty : values.count == count,
      var tensor = try? Tensor.uninitialized(type.element, shape: shape)
    else { return miscounted(type, from: start) }
    tensor.withUnsafeMutableBytes { bytes in
      for (index, value) in values.enumerated() { value.store(to: bytes, at: index, as: type.element) }
    }
    return tensor
  }

  private mutating func miscounted(_ type: TensorType, from start: Int) -> Tensor? {
    let sizes = (type.constantShape ?? []).map(String.init).joined(separator: ", ")
    error(
      "constant.count", "the lists do not hold the elements of \(type.element)[\(sizes)]", at: start..<previousEnd)
    return nil
  }
}
