import ApusIR

/// Brings ops into the plainest of their equal forms.
///
///     %1 = transpose %x, perm: [1, 0]
///     %2 = transpose %1, perm: [1, 0]      →      %4 = neg %x
///     %3 = mul %2, %minusOne
///     %4 = add %3, %minusZero
///
/// Every rule keeps every bit of every result, but for the payload and sign of a NaN: x + 0 stays,
/// because −0 + 0 is 0, while x + −0 goes. `fast-math` adds rules for people to whom −0, NaN, ∞ and
/// the last bits do not matter. The rules are rows: `algebra` in text, the others as functions.
/// Runs before kernels are formed: some rules make what a kernel's body must not hold.
public let canonicalize = RewritePass(
  "canonicalize", "brings ops into their plainest form",
  parameters: [PassParameter("fast-math", "also apply rules that change -0, NaN or rounding", default: .bool(false))],
  phases: [.graph],
  roots: { Canonicalization.isRoot($0) }
) { f, op, arguments in
  if f.isTriviallyDead(op) {
    f.erase(op)
    return .changed
  }
  let code = f.opcode(of: op)
  for rule in Canonicalization.rules(for: code) {
    let outcome = rule.apply(&f, op)
    if outcome != .unchanged { return outcome }
  }
  for rule in Canonicalization.algebra(for: code) where !rule.isFastMath || arguments.bool("fast-math") {
    if let value = rule.apply(&f, op) { return .replaced([value]) }
  }
  return .unchanged
}

/// A rewrite of the ops of some opcodes.
struct CanonicalRule: Sendable {
  /// For messages and tests: lower-case words joined by `-`.
  let name: String
  let codes: [OpCode]
  let apply: @Sendable (inout Function, OpID) -> Rewrite

  init(
    _ name: String, _ codes: [OpCode], _ apply: @escaping @Sendable (inout Function, OpID) -> Rewrite
  ) {
    self.name = name
    self.codes = codes
    self.apply = apply
  }
}

/// All rules, by the opcode of the op that they rewrite.
public enum Canonicalization {
  /// The ops that each rule rewrites.
  public static let roots: [[OpCode]] = rules.map(\.codes)

  static let rules = sourceRules + elementwiseRules + conversionRules + movementRules + foldRules + controlRules

  static func isRoot(_ code: OpCode) -> Bool { code.isPure || !rules(for: code).isEmpty }
  static func rules(for code: OpCode) -> [CanonicalRule] { rulesByCode[Int(code.rawValue)] }
  static func algebra(for code: OpCode) -> [AlgebraRule] { algebraByCode[Int(code.rawValue)] }

  private static let rulesByCode: [[CanonicalRule]] = OpCode.allCases.map { code in
    rules.filter { $0.codes.contains(code) }
  }

  private static let algebraByCode: [[AlgebraRule]] = OpCode.allCases.map { code in
    AlgebraRule.all.filter { $0.root == code }
  }
}

extension Function {
  /// Whether nobody reads an op that does nothing else than yield results.
  func isTriviallyDead(_ op: OpID) -> Bool {
    guard opcode(of: op).isPure else { return false }
    return (0..<resultCount(of: op)).allSatisfy { isUnused(result($0, of: op)) } && !bringsInSizes(op)
  }

  /// Whether others state a size that the data of an op define.
  private func bringsInSizes(_ op: OpID) -> Bool {
    guard opcode(of: op).traits.contains(.dataDependentShape) else { return false }
    func symbols(_ dims: [Dim]) -> Set<SymbolID> {
      var found: Set<SymbolID> = []
      for dim in dims { dim.forEachSymbol { if self.symbols[$0].origin == .value { found.insert($0) } } }
      return found
    }
    let own = symbols(results(of: op).flatMap { type(of: $0).dims })
    guard !own.isEmpty else { return false }
    return allOps().contains { other in
      if other == op { return false }
      var dims = (results(of: other) + regions(of: other).flatMap { parameters(of: $0) }).flatMap { type(of: $0).dims }
      for entry in attributes(of: other) { if case .dims(let stated) = entry.value { dims += stated } }
      return !symbols(dims).isDisjoint(with: own)
    }
  }
}
