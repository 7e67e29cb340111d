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

  /// `infer`, with types given as those of `types`.
  mutating func infer(
    _ code: OpCode, operands: [TypeID], attributes: [NamedAttribute], stated: [TypeID]?, types: TypeTable,
    symbols: inout SymbolTable
  ) throws(InferenceError) -> Inferred {
    // Bytes are dear to compare, and a fresh symbol differs each time.
    let isCacheable = code != .constant && !code.traits.contains(.dataDependentShape)
    let key = Key(code: code, operands: operands, stated: stated, attributes: attributes)
    if isCacheable, let found = known[key] { return found }
    let count = symbols.count
    let found = try ApusIR.infer(
      code, operands: operands.map { types[$0] }, attributes: attributes, stated: stated.map { $0.map { types[$0] } },
      symbols: &symbols)
    if isCacheable, symbols.count == count {
      if known.count == Self.limit { known.removeAll(keepingCapacity: true) }
      known[key] = found
    }
    return found
  }
}
