import ApusSupport

extension SpecParser {
  /// Reads `any`, `[..b, m]T`, `&[..s]f32` or `<n>T`.
  mutating func pattern() throws(Reported) -> Pattern {
    scanner.skipSpace()
    let start = scanner.offset
    let before = scanner
    if let word = scanner.word() {
      guard word.value == "any" else {
        scanner = before
        throw expected("a type such as `[..s]T`")
      }
      return Pattern(range: word.range)
    }
    var form = Pattern.Form.value
    var closing: StaticString = "]"
    if scanner.accept("<") {
      form = .register
      closing = ">"
    } else {
      if scanner.accept("&") { form = .buffer }
      if !scanner.accept("[") { throw expected("a type such as `[..s]T`") }
    }
    var dims: [Pattern.Dim] = []
    if !scanner.accept(closing) {
      repeat { dims.append(try dim()) } while scanner.accept(",")
      try expect(closing)
    }
    let element = try element()
    return Pattern(shape: dims, form: form, element: element, range: start..<scanner.offset)
  }

  private mutating func dim() throws(Reported) -> Pattern.Dim {
    if scanner.accept("..") { return .pack(try word("the name of a pack").value) }
    if let name = scanner.word() { return .named(name.value) }
    let number = try integer("a dimension: `..s`, `n` or `4`")
    if number.value < 0 { throw fail("spec.pattern", "a dimension is never negative", at: number.range) }
    return .constant(number.value)
  }

  private mutating func element() throws(Reported) -> Pattern.Element {
    let word = try word("an element type or a type variable")
    if word.value == "any" { return .any }
    if Vocabulary.elementTypes.contains(word.value) { return .fixed(word.value) }
    guard word.value.first?.isUppercase == true else {
      throw unknown("element type", word, of: Vocabulary.elementTypes + ["any"])
    }
    return .variable(word.value)
  }

  /// Reads what follows `name:` of an attribute.
  mutating func attribute(_ name: Written<String>) throws(Reported) -> AttributeDeclaration {
    let kind = try kind()
    if scanner.accept("?") {
      return AttributeDeclaration(name: name, kind: kind, defaultValue: nil, isOptional: true)
    }
    let value = scanner.accept("=") ? try defaultValue(of: kind) : nil
    return AttributeDeclaration(name: name, kind: kind, defaultValue: value, isOptional: false)
  }

  private mutating func kind() throws(Reported) -> AttributeDeclaration.Kind {
    let word = try word("a kind of attribute")
    switch word.value {
    case "axis":
      try expect("(")
      let operand = try self.word("an operand")
      try expect(")")
      return .axis(of: operand)
    case "axes":
      try expect("(")
      let operand = try self.word("an operand")
      try expect(")")
      return .axes(of: operand)
    case "name":
      try expect("(")
      var cases: [String] = []
      repeat {
        let name = try self.word("a name")
        guard !cases.contains(name.value) else {
          throw fail("spec.duplicate", "`\(name.value)` stands here twice", at: name.range)
        }
        cases.append(name.value)
      } while scanner.accept("|")
      try expect(")")
      return .name(cases)
    default:
      guard let plain = Vocabulary.plainKinds.first(where: { $0.word == word.value }) else {
        throw unknown("kind of attribute", word, of: Vocabulary.kinds)
      }
      return plain.kind
    }
  }

  private mutating func defaultValue(of kind: AttributeDeclaration.Kind) throws(Reported)
    -> AttributeDeclaration.Default
  {
    switch kind {
    case .int, .axis: return .int(try integer("an integer").value)
    case .float: return .float(try float())
    case .bool:
      let word = try word("`true` or `false`")
      guard word.value == "true" || word.value == "false" else {
        throw unknown("truth value", word, of: ["true", "false"])
      }
      return .bool(word.value == "true")
    case .string:
      guard let text = scanner.string() else { throw expected("a text in quotes") }
      return .string(text.value)
    case .name(let cases):
      let word = try word("one of \(cases.joined(separator: ", "))")
      guard cases.contains(word.value) else { throw unknown("case", word, of: cases) }
      return .name(word.value)
    case .ints, .axes, .dims:
      return .integers(try list { (parser: inout Self) throws(Reported) in try parser.integer("an integer").value })
    case .floats: return .floats(try list { (parser: inout Self) throws(Reported) in try parser.float() })
    case .elementType, .function, .constant, .schedule:
      throw fail("spec.default", "an attribute of this kind has no default", at: scanner.here)
    }
  }

  private mutating func list<Element>(of element: (inout Self) throws(Reported) -> Element) throws(Reported)
    -> [Element]
  {
    try expect("[")
    var list: [Element] = []
    if scanner.accept("]") { return list }
    repeat { list.append(try element(&self)) } while scanner.accept(",")
    try expect("]")
    return list
  }

  private mutating func float() throws(Reported) -> String {
    let before = scanner
    guard let number = scanner.number() else { throw expected("a number") }
    guard let value = Double(number.value), value.isFinite else {
      scanner = before
      throw fail("spec.default", "`\(number.value)` is no number", at: number.range)
    }
    return number.value
  }
}
