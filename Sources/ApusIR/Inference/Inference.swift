import ApusTensor

/// Two sizes that must be related for an op to be valid, where the symbols do not say whether they
/// are: a guard checks it when the model runs.
public struct Obligation: Hashable, Sendable {
  public enum Relation: Hashable, Sendable {
    case equal, lessOrEqual
  }

  public var relation: Relation
  public var lhs: Dim
  public var rhs: Dim
  /// The rule it comes from: `matmul.k`.
  public var id: String
  public var message: String

  public init(_ relation: Relation, _ lhs: Dim, _ rhs: Dim, id: String, message: String) {
    self.relation = relation
    self.lhs = lhs
    self.rhs = rhs
    self.id = id
    self.message = message
  }
}

/// Obligations in the order in which they were found, each once.
struct ObligationSet: Sendable {
  private(set) var list: [Obligation] = []
  private var known: Set<Obligation> = []

  init(_ obligations: [Obligation] = []) { for obligation in obligations { insert(obligation) } }

  mutating func insert(_ obligation: Obligation) {
    if known.insert(obligation).inserted { list.append(obligation) }
  }
}

extension Function {
  /// Has a relation checked when the function runs, once however often it is asked for.
  public mutating func require(_ obligation: Obligation) { obligationSet.insert(obligation) }
}

/// A rule of an op's declaration that its operands or attributes break.
public struct InferenceError: Error, Hashable, Sendable {
  /// `matmul.k`, `matmul.T`, `matmul.rank`, `concat.C1`, `op.operands`, `op.attribute`, `op.results`,
  /// `op.stated`, `op.form`, `type.mismatch`, `type.result`, `dim.negative`, `dim.overflow`.
  public var id: String
  public var message: String
  /// The operands at fault, the one to point at first.
  public var operands: [Int]
  public var attribute: String?
  /// What to do about it.
  public var hint: String?

  public init(
    _ id: String, _ message: String, operands: [Int] = [], attribute: String? = nil, hint: String? = nil
  ) {
    self.id = id
    self.message = message
    self.operands = operands
    self.attribute = attribute
    self.hint = hint
  }
}

/// What inference finds out about one op.
public struct Inferred: Sendable {
  /// The stated types where types are stated, otherwise what the rule gives.
  public var results: [TensorType]
  /// In declaration order, axes not negative, defaults left out (an axis is always written).
  public var attributes: [NamedAttribute]
  public var obligations: [Obligation]
}

/// Checks one op against its declaration and finds the types of its results.
///
/// The declaration's signature is unified with the operands' types, sizes compared three-valued;
/// what a signature cannot say, shape functions and numbered constraints do. Rules about regions and
/// about other functions are the verifier's.
/// - Parameters:
///   - attributes: as written, in any order; negative axes count from the end.
///   - stated: the result types the text gives; required where the declaration leaves something open,
///     and compared with what is inferred elsewhere.
///   - symbols: gains a symbol for each dimension that depends on data.
public func infer(
  _ code: OpCode, operands: [TensorType], attributes: [NamedAttribute], stated: [TensorType]? = nil,
  symbols: inout SymbolTable
) throws(InferenceError) -> Inferred {
  let info = code.info
  guard let ranges = info.operandRanges(count: operands.count) else {
    throw InferenceError(
      "op.operands", "`\(info.name)` takes \(info.operandCountText) operands, not \(operands.count)")
  }
  var inference = TypeInference(info, operands, ranges, stated: stated, symbols: symbols)
  try inference.run(attributes)
  if inference.symbols.count != symbols.count { symbols = inference.symbols }
  return Inferred(
    results: inference.results, attributes: inference.attributes, obligations: inference.obligations)
}
