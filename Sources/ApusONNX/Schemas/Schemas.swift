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
  var types: [Set<ElementType>?] = []
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

  private static let table: [String: [OperatorSchema]] = {
    var table: [String: [OperatorSchema]] = [:]
    for text in [operatorsAToK, operatorsLToZ] {
      for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
        let fields = line.split(separator: UInt8(ascii: " ")).map { Substring($0) }
        precondition(fields.count == 6, "a row has six fields: \(Substring(line))")
        let name = String(fields[0])
        table[name, default: []].append(OperatorSchema(fields, after: table[name]?.last))
      }
    }
    return table
  }()

  /// How an operator's nodes look in an opset; nil where that opset has no such operator.
  static func schema(_ name: String, opset: Int) -> OperatorSchema? { table[name]?.last { $0.since <= opset } }

  /// The opset that brought an operator; nil where none has it.
  static func firstOpset(of name: String) -> Int? { table[name]?.first?.since }
}

extension OperatorSchema {
  fileprivate init(_ fields: [Substring], after previous: OperatorSchema?) {
    if let previous { self = previous }
    since = Int(fields[1]) ?? 0
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

  private static func types(_ text: Substring) -> Set<ElementType>? {
    if text == "-" { return nil }
    if text == "*" { return Set(ElementType.allCases) }
    if text.first == "^" { return Set(ElementType.allCases).subtracting(text.dropFirst().compactMap { ElementType(letter: $0) }) }
    return Set(text.compactMap { ElementType(letter: $0) })
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

extension ElementType {
  fileprivate init?(letter: Character) {
    let letters: [Character: ElementType] = [
      "f": .f32, "d": .f64, "h": .f16, "b": .bf16, "i": .s32, "l": .s64, "s": .s16, "c": .s8, "I": .u32, "L": .u64, "S": .u16,
      "C": .u8, "B": .bool,
    ]
    guard let found = letters[letter] else { return nil }
    self = found
  }
}

extension AttributeProto.Kind {
  fileprivate init?(letter: Character) {
    let kinds: [Character: Self] = [
      "f": .float, "i": .int, "s": .string, "t": .tensor, "g": .graph, "F": .floats, "I": .ints, "S": .strings, "T": .tensors,
      "G": .graphs, "p": .sparseTensor, "P": .sparseTensors, "y": .type, "Y": .types,
    ]
    guard let found = kinds[letter] else { return nil }
    self = found
  }
}
