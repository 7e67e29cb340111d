import ApusSupport

/// Where the parts of an op stand in its text. Only the range of the whole op is stored; where that is
/// `.ir` text, its tokens are read again to point at the part at fault.
struct OpPlaces {
  private let whole: Place
  private var opcodeRange: Range<Int>?
  private var operandRanges: [Range<Int>] = []
  private var attributeRanges: [String: Range<Int>] = [:]
  private var source: SourceText?

  init(_ location: Location, _ code: OpCode, _ function: Function) {
    whole = Self.whole(location, function)
    guard case .text(let source, let range) = whole, source.bytes.count <= Lexer.maximumLength else { return }
    self.source = source
    read(source, range, code)
  }

  var opcode: Place { place(opcodeRange) }
  func operand(_ index: Int) -> Place {
    index < operandRanges.count ? place(operandRanges[index]) : opcode
  }
  func attribute(_ name: String) -> Place { attributeRanges[name].map { place($0) } ?? opcode }

  /// The place of an op, or the first of those it was made from.
  static func whole(_ location: Location, _ function: Function) -> Place {
    switch location {
    case .unknown: return .none
    case .place(let place): return place
    case .merged(let ids):
      for id in ids {
        if case .place(let place) = function.locations[id] { return place }
      }
      return .none
    }
  }

  private func place(_ range: Range<Int>?) -> Place {
    guard let source, let range else { return whole }
    return .text(source, range)
  }

  private mutating func read(_ source: SourceText, _ range: Range<Int>, _ code: OpCode) {
    var lexer = Lexer(source, dialect: .ir, from: range.lowerBound)
    var token = lexer.next()
    var depth = 0
    var isLabel = false
    while token.kind != .endOfFile, token.range.upperBound <= range.upperBound {
      let next = lexer.next()
      if token.kind == .leftBracket || token.kind == .leftBrace { depth += 1 }
      if token.kind == .rightBracket || token.kind == .rightBrace { depth -= 1 }
      if depth == 0, opcodeRange == nil {
        if token.kind == .word, source[token.range] == code.name { opcodeRange = token.range }
      } else if depth == 0, token.kind == .word, next.kind == .colon {
        attributeRanges[source[token.range]] = token.range
        isLabel = true
      } else if depth == 0, token.kind == .comma {
        isLabel = false
      } else if depth == 0, !isLabel {
        readOperand(token, next, isCarried: code.bindsParametersInHeader)
      }
      token = next
    }
  }

  private mutating func readOperand(_ token: Token, _ next: Token, isCarried: Bool) {
    let isValue = token.kind == .value && !(isCarried && (next.kind == .equal || next.kind == .colon))
    let isNumber = token.kind == .integer || token.kind == .float
    if isValue || (isNumber && !isCarried) { operandRanges.append(token.range) }
  }
}
