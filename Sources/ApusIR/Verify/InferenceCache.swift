/// Remembers what inference found: a large model repeats few combinations of op, types and attributes.
///
/// Holds for one function, whose symbols keep their bounds meanwhile.
struct InferenceCache {
  private struct Key: Hashable {
    var code: OpCode
    var operands: [TypeID]
    var stated: [TypeID]?
    var attributes: [NamedAttribute]
  }

  /// Enough for every layer of a model; a text made to fill it costs no more than this.
  private static let limit = 4096

  private var known: [Key: Inferred] = [:]
  /// Answers that were known, since the table was emptied last.
  private var hits = 0
  /// Where next to nothing repeats, remembering costs as much as inference itself.
  private var isWorthwhile = true

  /// `infer`, with types given as those of `types`.
  mutating func infer(
    _ code: OpCode, operands: [TypeID], attributes: [NamedAttribute], stated: [TypeID]?, types: TypeTable,
    symbols: inout SymbolTable
  ) throws(InferenceError) -> Inferred {
    // Bytes are dear to compare, and a fresh symbol differs each time.
    guard isWorthwhile, code != .constant, !code.traits.contains(.dataDependentShape) else {
      return try inferAnew(code, operands, attributes, stated, types, &symbols)
    }
    let key = Key(code: code, operands: operands, stated: stated, attributes: attributes)
    if let found = known[key] {
      hits += 1
      return found
    }
    let count = symbols.count
    let found = try inferAnew(code, operands, attributes, stated, types, &symbols)
    if symbols.count == count {
      if known.count == Self.limit {
        isWorthwhile = hits > Self.limit / 8
        hits = 0
        known.removeAll(keepingCapacity: isWorthwhile)
      }
      known[key] = found
    }
    return found
  }

  private func inferAnew(
    _ code: OpCode, _ operands: [TypeID], _ attributes: [NamedAttribute], _ stated: [TypeID]?, _ types: TypeTable,
    _ symbols: inout SymbolTable
  ) throws(InferenceError) -> Inferred {
    try ApusIR.infer(
      code, operands: operands.map { types[$0] }, attributes: attributes, stated: stated.map { $0.map { types[$0] } },
      symbols: &symbols)
  }
}
