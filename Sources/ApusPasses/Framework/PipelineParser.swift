import ApusSupport

extension Pipeline {
  /// Reads `a,b(c=1),d`. Blanks around names and values do not matter; an empty text is no passes.
  ///
  /// Throws `passes.syntax`, `passes.unknown` for a name that is neither a pass nor a named pipeline, and
  /// `passes.argument` for a parameter that the pass does not have or a value that is not of its kind.
  public static func parse(_ text: String, name: String = "--passes") throws(DiagnosticError) -> Pipeline {
    var parser = PipelineParser(SourceText(name: name, text: text))
    let steps = parser.steps()
    try parser.diagnostics.throwIfErrors()
    return Pipeline(steps: steps)
  }
}

/// Reads the text of a pipeline and reports everything wrong with it.
private struct PipelineParser {
  let source: SourceText
  var diagnostics = Diagnostics()
  private var offset = 0

  init(_ source: SourceText) { self.source = source }

  mutating func steps() -> [Pipeline.Step] {
    var steps: [Pipeline.Step] = []
    skipBlanks()
    if offset == source.bytes.count { return [] }
    repeat {
      let (name, range) = word()
      let arguments = take("(") ? self.arguments() : []
      if name.isEmpty {
        if !diagnostics.hasErrors { fail("passes.syntax", "a pass's name was expected", range) }
        return steps
      }
      steps += lookUp(name, range, arguments)
    } while take(",")
    if offset < source.bytes.count, !diagnostics.hasErrors {
      fail("passes.syntax", "`,` was expected", offset..<offset + 1)
    }
    return steps
  }

  private typealias Argument = (name: String, nameRange: Range<Int>, value: String, valueRange: Range<Int>)

  private mutating func arguments() -> [Argument] {
    var arguments: [Argument] = []
    if take(")") { return [] }
    repeat {
      let (name, nameRange) = word()
      let (value, valueRange) = take("=") ? word() : ("true", nameRange)
      arguments.append((name, nameRange, value, valueRange))
    } while take(",")
    if !take(")") { fail("passes.syntax", "`)` was expected", offset..<offset + 1) }
    return arguments
  }

  private mutating func lookUp(_ name: String, _ range: Range<Int>, _ arguments: [Argument]) -> [Pipeline.Step] {
    if let pipeline = Passes.pipelines[name] {
      if let first = arguments.first {
        fail("passes.argument", "the pipeline `\(name)` has no parameters", first.nameRange)
      }
      return pipeline.steps
    }
    guard let pass = Passes.find(name) else {
      fail(
        "passes.unknown", "there is no pass `\(name)`", range,
        hint: "the passes are \(Passes.all.map(\.name).joined(separator: ", "))")
      return []
    }
    var values: [String: PassValue] = [:]
    for argument in arguments {
      guard let parameter = pass.parameters.first(where: { $0.name == argument.name }) else {
        let known = pass.parameters.map { "`\($0.name)`" }.joined(separator: ", ")
        fail(
          "passes.argument", "`\(name)` has no parameter `\(argument.name)`", argument.nameRange,
          hint: known.isEmpty ? "it has none" : "it has \(known)")
        continue
      }
      guard let value = PassValue(argument.value, like: parameter.defaultValue) else {
        fail(
          "passes.argument", "`\(argument.name)` takes \(parameter.defaultValue.kind), not `\(argument.value)`",
          argument.valueRange)
        continue
      }
      if values.updateValue(value, forKey: argument.name) != nil {
        fail("passes.argument", "`\(argument.name)` is given twice", argument.nameRange)
      }
    }
    return [Pipeline.Step(pass, setting: values)]
  }

  // MARK: Text

  private mutating func word() -> (String, Range<Int>) {
    skipBlanks()
    let start = offset
    while offset < source.bytes.count, Self.isWordByte(source.bytes[offset]) { offset += 1 }
    let range = start..<offset
    skipBlanks()
    return (source[range], range.isEmpty ? start..<start + 1 : range)
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipBlanks()
    guard offset < source.bytes.count, source.bytes[offset] == UInt8(ascii: character) else { return false }
    offset += 1
    return true
  }

  private mutating func skipBlanks() {
    while offset < source.bytes.count, source.bytes[offset] == 0x20 || source.bytes[offset] == 0x0A { offset += 1 }
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: ","), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "="), 0x20, 0x0A: false
    default: true
    }
  }

  private mutating func fail(_ id: String, _ message: String, _ range: Range<Int>, hint: String? = nil) {
    diagnostics.error(id, message, at: .text(source, range), hint: hint)
  }
}

extension PassValue {
  fileprivate init?(_ text: String, like other: PassValue) {
    switch other {
    case .bool:
      guard let value = Bool(text) else { return nil }
      self = .bool(value)
    case .int:
      guard let value = Int(text) else { return nil }
      self = .int(value)
    }
  }

  fileprivate var kind: String {
    switch self {
    case .bool: "true or false"
    case .int: "an integer"
    }
  }
}
