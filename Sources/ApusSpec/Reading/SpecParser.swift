import ApusSupport

/// Reads one `.ops` file by the grammar of `IR-specs/GRAMMAR.md`. What is wrong is reported, and reading goes on
/// at the next clause or op, so that one run reports several mistakes.
struct SpecParser {
  let source: SourceText
  let group: String
  var diagnostics: Diagnostics
  var scanner: SpecScanner

  /// Thrown after a mistake was reported, to where reading can go on.
  struct Reported: Error {}

  init(_ source: SourceText, group: String, diagnostics: Diagnostics) {
    self.source = source
    self.group = group
    self.diagnostics = diagnostics
    scanner = SpecScanner(source, 0..<source.bytes.count)
  }

  mutating func file() -> Specification.Group {
    var introduction: [String] = []
    var declarations: [Declaration] = []
    for block in blocks() {
      switch block {
      case .introduction(let text): introduction.append(text)
      case .op(let range, let summary):
        scanner = SpecScanner(source, range)
        if let declaration = op(summary) { declarations.append(declaration) }
      }
    }
    return Specification.Group(
      name: group, introduction: introduction.joined(separator: " "), declarations: declarations)
  }

  // MARK: Complaining

  mutating func fail(_ id: String, _ message: String, at range: Range<Int>, hint: String? = nil) -> Reported {
    diagnostics.error(id, message, at: .text(source, range), hint: hint)
    return Reported()
  }

  mutating func expected(_ what: String) -> Reported {
    let range = scanner.here
    let found = range.isEmpty ? "the op ends" : "found `\(source[range])`"
    return fail("spec.expected", "expected \(what), but \(found)", at: range)
  }

  mutating func unknown(_ kind: String, _ word: Written<String>, of words: [String]) -> Reported {
    let hint = nearest(to: word.value, in: words).map { "did you mean `\($0)`?" }
    return fail(
      "spec.unknown", "there is no \(kind) `\(word.value)`", at: word.range,
      hint: hint ?? "known are \(words.joined(separator: ", "))")
  }

  mutating func expect(_ sign: StaticString) throws(Reported) {
    if !scanner.accept(sign) { throw expected("`\(sign)`") }
  }

  mutating func word(_ what: String) throws(Reported) -> Written<String> {
    if let word = scanner.word() { return word }
    throw expected(what)
  }

  mutating func integer(_ what: String) throws(Reported) -> Written<Int> {
    let before = scanner
    guard let digits = scanner.number() else { throw expected(what) }
    guard let value = Int(digits.value) else {
      scanner = before
      throw expected(what)
    }
    return Written(value, at: digits.range)
  }
}

// MARK: - Blocks

extension SpecParser {
  private enum Block {
    /// A `#` line before the first op.
    case introduction(String)
    case op(Range<Int>, summary: String)
  }

  /// Cuts the file into ops, each with the comment above it.
  private mutating func blocks() -> [Block] {
    var blocks: [Block] = []
    var summary: [String] = []
    var opStart: Int?
    var offset = 0
    func close(_ end: Int, _ blocks: inout [Block], _ summary: inout [String], _ opStart: inout Int?) {
      guard let start = opStart else { return }
      blocks.append(.op(start..<end, summary: summary.joined(separator: " ")))
      summary = []
      opStart = nil
    }
    while offset < source.bytes.count {
      let end = source.bytes[offset...].firstIndex(of: UInt8(ascii: "\n")) ?? source.bytes.count
      let line = source[offset..<end]
      let isBlank = line.allSatisfy(\.isWhitespace)
      if opStart != nil, isBlank || line.hasPrefix(" ") {
        offset = end + 1
        continue
      }
      close(offset, &blocks, &summary, &opStart)
      if line.hasPrefix("///") {
        summary.append(trimmed(line.dropFirst(3)))
      } else if line.hasPrefix("op ") {
        opStart = offset
      } else if !summary.isEmpty {
        _ = fail("spec.comment", "this comment belongs to no op", at: max(offset - 1, 0)..<offset)
        summary = []
      } else if line.hasPrefix("#") {
        if blocks.allSatisfy({ if case .introduction = $0 { true } else { false } }) {
          blocks.append(.introduction(trimmed(line.dropFirst())))
        }
      } else if !isBlank {
        _ = fail(
          "spec.expected", "expected an op, a comment or a blank line", at: offset..<end,
          hint: "an op starts with `op` at the start of a line, and its other lines are indented")
      }
      offset = end + 1
    }
    close(source.bytes.count, &blocks, &summary, &opStart)
    if !summary.isEmpty {
      _ = fail("spec.comment", "this comment belongs to no op", at: offset - 1..<offset)
    }
    return blocks
  }

  private func trimmed(_ text: some StringProtocol) -> String {
    var text = text.drop { $0.isWhitespace }
    while text.last?.isWhitespace == true { text = text.dropLast() }
    return String(text)
  }
}

// MARK: - The head of an op

extension SpecParser {
  /// Reads the op that the scanner covers; `nil` if its head is broken, after its clauses were read too.
  private mutating func op(_ summary: String) -> Declaration? {
    do throws(Reported) {
      _ = try word("`op`")
      var declaration = Declaration(
        name: try word("the name of the op"), group: group, summary: summary, source: source)
      let isWhole = head(&declaration)
      if !isWhole { scanner.skip(toLineWith: Self.startsClause) }
      clauses(of: &declaration)
      return isWhole ? declaration : nil
    } catch {
      return nil
    }
  }

  private mutating func head(_ declaration: inout Declaration) -> Bool {
    do throws(Reported) {
      try expect("(")
      if !scanner.accept(")") {
        repeat { try entry(of: &declaration) } while scanner.accept(",")
        try expect(")")
      }
      if scanner.accept("->") { declaration.results = try results() }
      return true
    } catch {
      return false
    }
  }

  private mutating func entry(of declaration: inout Declaration) throws(Reported) {
    let name = try word("an operand or attribute")
    try expect(":")
    let before = scanner
    if let kind = scanner.word(), kind.value != "any" {
      scanner = before
      declaration.attributes.append(try attribute(name))
      return
    }
    scanner = before
    guard declaration.attributes.isEmpty else {
      throw fail("spec.order", "operands stand before attributes", at: name.range)
    }
    let pattern = try pattern()
    declaration.operands.append(Operand(name: name, pattern: pattern, arity: arity()))
  }

  private mutating func arity() -> Operand.Arity {
    if scanner.accept("?") { return .optional }
    if scanner.accept("*") { return .zeroOrMore }
    if scanner.accept("+") { return .oneOrMore }
    return .one
  }

  private mutating func results() throws(Reported) -> Results {
    let before = scanner
    if let word = scanner.word() {
      switch word.value {
      case "stated": return .stated
      case "custom":
        let function = try self.word("the name of a shape function")
        var names: [Written<String>] = []
        if scanner.accept("(") {
          repeat { names.append(try self.word("the name of a result")) } while scanner.accept(",")
          try expect(")")
        }
        return .custom(function, names: names)
      case "any": scanner = before
      default:
        scanner = before
        throw expected("a type, `custom`, `stated` or `(`")
      }
    }
    guard scanner.accept("(") else { return .patterns([try pattern()]) }
    var (patterns, names): ([Pattern], [Written<String>]) = ([], [])
    if scanner.accept(")") { return .patterns([]) }
    repeat {
      names.append(try self.word("the name of a result"))
      try expect(":")
      patterns.append(try pattern())
    } while scanner.accept(",")
    try expect(")")
    return .patterns(patterns, names: names)
  }
}
