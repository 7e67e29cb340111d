import ApusSupport
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
}

/// A rule of an op's declaration that its operands or attributes break.
public struct InferenceError: Error, Hashable, Sendable {
  /// `matmul.k`, `concat.C1`, `op.operands`, `op.attribute`, `dim.overflow`.
  public var id: String
  public var message: String
  /// The operands at fault, the one to point at first.
  public var operands: [Int]
  public var attribute: String?

  public init(_ id: String, _ message: String, operands: [Int] = [], attribute: String? = nil) {
    self.id = id
    self.message = message
    self.operands = operands
    self.attribute = attribute
  }
}

/// What inference finds out about one op.
public struct Inferred: Sendable {
  public var results: [TensorType]
  /// In declaration order, axes not negative, defaults left out (an axis is always written).
  public var attributes: [NamedAttribute]
  public var obligations: [Obligation]
}

/// Checks one op against its declaration and finds the types of its results.
///
/// The declaration's signature is unified with the operands' types, sizes compared three-valued;
/// what a signature cannot say, the shape functions and numbered constraints do.
/// - Parameters:
///   - stated: the result types the text gives; required where the declaration leaves something open.
///   - functionResults: for ops that run code or call functions, whose results are stated, nothing is inferred.
///   - symbols: gains a symbol for each dimension that depends on data.
public func infer(
  _ code: OpCode, operands: [TensorType], attributes: [NamedAttribute], stated: [TensorType]? = nil,
  symbols: inout SymbolTable
) throws(InferenceError) -> Inferred {
  var context = InferenceContext(code: code, operands: operands, stated: stated, symbols: symbols)
  defer { symbols = context.symbols }
  do {
    try context.checkArity()
    context.attributes = try context.normalize(attributes)
    try context.unifyOperands()
    var results = try context.resultTypes()
    try context.checkConstraints(results)
    results = try context.reconcile(results)
    for type in results where type.form != .register { _ = try type.checkedSize() }
    return Inferred(results: results, attributes: context.attributes, obligations: context.obligations)
  } catch let error as InferenceError {
    throw error
  } catch {
    throw InferenceError("dim.overflow", "a size of \(code.name) does not fit in 64 bits")
  }
}

extension TensorType {
  /// Throws when the number of bytes does not fit, as far as constants tell.
  func checkedSize() throws(DimOverflow) -> Dim {
    try Dim.product(Dim.product(dims), .constant(element.byteCount))
  }
}

private final class Collected {
  var obligations: [Obligation] = []
}

/// The state of checking one op.
struct InferenceContext {
  let code: OpCode
  let info: OpInfo
  let operands: [TensorType]
  let stated: [TensorType]?
  var attributes: [NamedAttribute] = []
  var symbols: SymbolTable
  /// In a box, so that a requirement can be checked while its message reads the context.
  private let collected = Collected()
  var obligations: [Obligation] { collected.obligations }
  var bindings = Bindings()

  init(code: OpCode, operands: [TensorType], stated: [TensorType]?, symbols: SymbolTable) {
    self.code = code
    self.info = code.info
    self.operands = operands
    self.stated = stated
    self.symbols = symbols
  }

  /// The declaration's entry for an operand: the last one repeats if it is variadic.
  func declaration(of operand: Int) -> OperandInfo {
    info.operands[min(operand, info.operands.count - 1)]
  }

  /// The indices of the operands that an entry of the declaration covers.
  func indices(of name: String) -> Range<Int> {
    guard let position = info.operands.firstIndex(where: { $0.name == name }) else { return 0..<0 }
    switch info.operands[position].arity {
    case .one, .optional: return min(position, operands.count)..<min(position + 1, operands.count)
    case .zeroOrMore, .oneOrMore: return min(position, operands.count)..<operands.count
    }
  }

  func checkArity() throws(InferenceError) {
    let required = info.operands.count { $0.arity == .one || $0.arity == .oneOrMore }
    let isOpen = info.operands.contains { $0.arity == .zeroOrMore || $0.arity == .oneOrMore }
    let most = isOpen ? Int.max : info.operands.count
    guard operands.count < required || operands.count > most else { return }
    let wanted =
      isOpen ? "at least \(required)" : required == most ? "\(required)" : "\(required) to \(most)"
    throw InferenceError("op.operands", "\(info.name) takes \(wanted) operands, not \(operands.count)")
  }

  // MARK: Attributes

  func attribute(_ name: String) -> Attribute? {
    attributes.first { $0.name == name }?.value ?? info.attribute(name)?.defaultValue
  }

  func int(_ name: String) -> Int { if case .int(let value)? = attribute(name) { value } else { 0 } }
  func bool(_ name: String) -> Bool { if case .bool(let value)? = attribute(name) { value } else { false } }
  func ints(_ name: String) -> [Int] { if case .ints(let value)? = attribute(name) { value } else { [] } }
  func dims(_ name: String) -> [Dim] { if case .dims(let value)? = attribute(name) { value } else { [] } }
  func name(_ name: String) -> String { if case .name(let value)? = attribute(name) { value } else { "" } }

  // MARK: Requirements

  /// Throws a broken numbered constraint.
  func require(_ constraint: String, _ condition: Bool, _ message: @autoclosure () -> String, operands: [Int] = [])
    throws(InferenceError)
  {
    if !condition { throw InferenceError("\(info.name).\(constraint)", message(), operands: operands) }
  }

  /// Throws when two sizes surely differ; where they may, records an obligation.
  func requireEqual(
    _ constraint: String, _ a: Dim, _ b: Dim, _ message: @autoclosure () -> String, operands: [Int] = []
  ) throws(InferenceError) {
    switch symbols.equal(a, b) {
    case .yes: return
    case .no: throw InferenceError("\(info.name).\(constraint)", message(), operands: operands)
    case .unknown:
      record(
        Obligation(relation: .equal, lhs: a, rhs: b, id: "\(info.name).\(constraint)", message: message()))
    }
  }

  /// Throws when `a <= b` surely fails; where it may, records an obligation.
  func requireLessOrEqual(
    _ constraint: String, _ a: Dim, _ b: Dim, _ message: @autoclosure () -> String, operands: [Int] = []
  ) throws(InferenceError) {
    switch symbols.lessOrEqual(a, b) {
    case .yes: return
    case .no: throw InferenceError("\(info.name).\(constraint)", message(), operands: operands)
    case .unknown:
      record(
        Obligation(relation: .lessOrEqual, lhs: a, rhs: b, id: "\(info.name).\(constraint)", message: message()))
    }
  }

  func record(_ obligation: Obligation) { collected.obligations.append(obligation) }

  func text(_ dim: Dim) -> String { symbols.text(dim) }
  func text(_ dims: [Dim]) -> String { "[" + dims.map { symbols.text($0) }.joined(separator: ", ") + "]" }
}
