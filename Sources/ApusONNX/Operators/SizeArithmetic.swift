import ApusIR
import ApusSupport
import ApusTensor

/// Arithmetic of nodes whose operands are sizes that are not known: it stays symbolic, so that shapes that a model computes
/// from its inputs' shapes hold for all of them.
extension NodeTranslation {
  /// Whether an operand is made of sizes, all of which are integers that are known or symbolic.
  var combinesSizes: Bool {
    guard !inputs.isEmpty, inputs.allSatisfy({ context.dims(of: $0) != nil }) else { return false }
    return inputs.contains { if case .sizes = $0 { true } else { false } }
  }

  /// The operands combined from the left, where they are sizes; nil where they are not, or `combine` cannot.
  func combinedSizes(_ combine: (Dim, Dim) throws -> Dim?) throws -> Imported? {
    guard combinesSizes, var (dims, rank) = sizeOperand(0), let element = try? inputType(0).element else { return nil }
    for index in inputs.indices.dropFirst() {
      guard let (others, otherRank) = sizeOperand(index), let pairs = pairs(dims, others) else { return nil }
      var combined: [Dim] = []
      for (a, b) in pairs {
        guard let dim = try combine(a, b) else { return nil }
        combined.append(dim)
      }
      dims = combined
      rank = max(rank, otherRank)
    }
    return .sizes(dims, rank: rank, element)
  }

  /// Two operands compared, where they are sizes and what is asked holds or fails for all inputs.
  func comparedSizes(_ compare: (SymbolTable, Dim, Dim) -> Trilean) throws -> Imported? {
    guard combinesSizes, inputs.count == 2, let (a, rankA) = sizeOperand(0), let (b, rankB) = sizeOperand(1),
      let pairs = pairs(a, b)
    else { return nil }
    var answers: [Bool] = []
    for (a, b) in pairs {
      switch compare(context.emitter.function.symbols, a, b) {
      case .yes: answers.append(true)
      case .no: answers.append(false)
      case .unknown: return nil
      }
    }
    return .constant(Tensor(answers, shape: max(rankA, rankB) == 0 ? [] : [answers.count]))
  }

  /// Sizes chosen by a condition that is known.
  func selectedSizes() throws -> Imported? {
    guard inputs.count == 3, let condition = constantIfKnown(0), condition.rank <= 1, let (a, rankA) = sizeOperand(1),
      let (b, rankB) = sizeOperand(2), let element = try? inputType(1).element
    else { return nil }
    let conditions = (0..<condition.count).map { Dim.constant(condition.integer(at: $0)) }
    guard let choices = pairs(conditions, a), let others = pairs(choices.map(\.0), b),
      let firsts = pairs(choices.map(\.1), b)
    else { return nil }
    let rank = max(condition.rank, rankA, rankB)
    let chosen = zip(others, firsts).map { $0.0 == 0 ? $1.1 : $1.0 }
    return .sizes(chosen, rank: rank, element)
  }

  /// Whether sizes divide rounding down as integers do rounding to zero.
  func dividesDown(_ a: Dim, _ b: Dim) -> Bool {
    let symbols = context.emitter.function.symbols
    return (symbols.bounds(of: a).lower ?? -1) >= 0 && (symbols.bounds(of: b).lower ?? 0) > 0
  }

  func remainder(_ a: Dim, _ b: Dim) throws -> Dim { try context.emitter.size(.remainder, a, b) }

  private func sizeOperand(_ index: Int) -> ([Dim], rank: Int)? {
    guard let dims = context.dims(of: input(index)), let rank = context.type(of: input(index))?.rank else { return nil }
    return (dims, rank)
  }

  /// Entries that meet where vectors and scalars are broadcast together.
  private func pairs(_ a: [Dim], _ b: [Dim]) -> [(Dim, Dim)]? {
    if a.count == b.count { return Array(zip(a, b)) }
    if a.count == 1 { return b.map { (a[0], $0) } }
    if b.count == 1 { return a.map { ($0, b[0]) } }
    return nil
  }
}
