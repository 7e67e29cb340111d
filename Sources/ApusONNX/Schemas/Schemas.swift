import ApusTensor

/// What nodes of one operator look like in some opsets: the facts of onnx.defs that need no knowledge of the operator.
struct OperatorSchema: Sendable {
  struct Operand: Sendable {
    /// The operands of one group are of one type.
    var group: Int
    var isOptional = false
    /// Any number of operands from here on.
    var isVariadic = false
    /// Whether those may differ in type.
    var isMixed = false
  }

  struct Attribute: Sendable {
    var kind: AttributeProto.Kind
    var isRequired: Bool
  }

  /// The opset that brought this form.
  var since = 0
  var operands: [Operand] = []
  var operandCount = 0...0
  var resultCount = 0...0
  /// By group: the element types that it may have, as far as Apus has them. nil where operands are no tensors.
  var types: [ElementSet?] = []
  var attributes: [String: Attribute] = [:]

  /// The operand at a place of a node's list.
  func operand(_ index: Int) -> Operand? {
    if index < operands.count { return operands[index] }
    guard let last = operands.last, last.isVariadic else { return nil }
    return last
  }
}

/// The schemas of ONNX's own operators for opset 7 and later.
///
/// The text has a row for each opset in which something about an operator changed: name, opset, operands, results, types,
/// attributes; `=` repeats the row before. Operands read `least-most:groups`, with `?` for one that may be left out, `+` for any
/// number of one type and `~` for any number of any types; `n` is no limit. Types are a list a group: letters of the
/// elements, `*` for all, `^` for all but these, `-` for what is no tensor. Attributes carry a letter of their kind, and `!`
/// where they must be given.
enum Schemas {
  /// The newest opset of the text.
  static let newest = 28

  /// The rows of each operator, in the order of their opsets. A model has nodes of few operators: the rest of the text is
  /// never read.
  private static let rows: [String: [Substring]] = {
    var rows: [String: [Substring]] = [:]
    for text in [operatorsAToK, operatorsLToZ] {
      for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
        let name = line.prefix { $0 != UInt8(ascii: " ") }
        rows[String(Substring(name)), default: []].append(Substring(line))
      }
    }
    return rows
  }()

  /// How an operator's nodes look in an opset; nil where that opset has no such operator.
  static func schema(_ name: String, opset: Int) -> OperatorSchema? {
    var schema: OperatorSchema?
    for row in rows[name] ?? [] {
      let fields = fields(of: row)
      guard since(fields) <= opset else { break }
      schema = OperatorSchema(fields, after: schema)
    }
    return schema
  }

  /// The opset that brought an operator; nil where none has it.
  static func firstOpset(of name: String) -> Int? { rows[name]?.first.map { since(fields(of: $0)) } }

  private static func fields(of row: Substring) -> [Substring] {
    let fields = row.utf8.split(separator: UInt8(ascii: " ")).map { Substring($0) }
    precondition(fields.count == 6, "a row has six fields: \(row)")
    return fields
  }

  fileprivate static func since(_ fields: [Substring]) -> Int { Int(fields[1]) ?? 0 }
}

extension OperatorSchema {
  fileprivate init(_ fields: [Substring], after previous: OperatorSchema?) {
    if let previous { self = previous }
    since = Schemas.since(fields)
    if fields[2] != "=" {
      let parts = fields[2].split(separator: ":")
      operandCount = Self.range(parts[0])
      operands = parts.dropFirst().first?.split(separator: ",").map { Operand($0) } ?? []
    }
    if fields[3] != "=" { resultCount = Self.range(fields[3]) }
    if fields[4] != "=" { types = fields[4].split(separator: "/").map { Self.types($0) } }
    guard fields[5] != "=" else { return }
    attributes = [:]
    for entry in fields[5].split(separator: ",") where entry != "-" {
      let parts = entry.split(separator: ":")
      guard let letter = parts[1].first, let kind = AttributeProto.Kind(letter: letter) else {
        preconditionFailure("an attribute of no kind: \(entry)")
      }
      attributes[String(parts[0])] = Attribute(kind: kind, isRequired: parts[1].hasSuffix("!"))
    }
  }

  private static func range(_ text: Substring) -> ClosedRange<Int> {
    let ends = text.split(separator: "-")
    return (Int(ends[0]) ?? 0)...(Int(ends[1]) ?? Int.max)
  }

  private static func types(_ text: Substring) -> ElementSet? {
    if text == "-" { return nil }
    if text == "*" { return .all }
    if text.first == "^" { return ElementSet(letters: text.dropFirst()).complement }
    return ElementSet(letters: text)
  }
}

extension OperatorSchema.Operand {
  fileprivate init(_ text: Substring) {
    group = Int(text.prefix { $0.isNumber }) ?? 0
    isOptional = text.hasSuffix("?")
    isMixed = text.hasSuffix("~")
    isVariadic = isMixed || text.hasSuffix("+")
  }
}

/// Some of the element types.
struct ElementSet: Sendable, Equatable {
  private var bits: UInt32 = 0

  static let all = ElementSet().complement

  var complement: ElementSet {
    var others = ElementSet()
    for element in ElementType.allCases where !contains(element) { others.insert(element) }
    return others
  }

  func contains(_ element: ElementType) -> Bool { bits >> UInt32(element.rawValue) & 1 != 0 }

  mutating func insert(_ element: ElementType) { bits |= 1 << UInt32(element.rawValue) }
}

extension ElementSet {
  fileprivate init(letters: Substring) {
    self.init()
    for letter in letters {
      if let element = ElementType(letter: letter) { insert(element) }
    }
  }
}

extension ElementType {
  fileprivate init?(letter: Character) {
    switch letter {
    case "f": self = .f32
    case "d": self = .f64
    case "h": self = .f16
    case "b": self = .bf16
    case "i": self = .s32
    case "l": self = .s64
    case "s": self = .s16
    case "c": self = .s8
    case "I": self = .u32
    case "L": self = .u64
    case "S": self = .u16
    case "C": self = .u8
    case "B": self = .bool
    case _: return nil
    }
  }
}

extension AttributeProto.Kind {
  fileprivate init?(letter: Character) {
    switch letter {
    case "f": self = .float
    case "i": self = .int
    case "s": self = .string
    case "t": self = .tensor
    case "g": self = .graph
    case "F": self = .floats
    case "I": self = .ints
    case "S": self = .strings
    case "T": self = .tensors
    case "G": self = .graphs
    case "p": self = .sparseTensor
    case "P": self = .sparseTensors
    case "y": self = .type
    case "Y": self = .types
    case _: return nil
    }
  }
}
