extension SymbolTable {
  /// Whether a size is at least 0 because of what its `min`, `max` and `floordiv` atoms lie between: in `T - min(1, T)`
  /// either operand is an upper bound of the atom, and T is one for which it holds.
  ///
  /// Each step replaces one atom; expressions with more of them than `steps` are given up.
  func isNonNegative(_ dim: Dim, steps: Int = 6) -> Bool {
    if let lower = bounds(of: dim).lower, lower >= 0 { return true }
    guard steps > 0, let (index, atom) = dim.linearAtom else { return false }
    let sign = dim.terms[index].coefficient
    func holds(_ bound: Dim, over divisor: Int = 1) -> Bool {
      guard let replaced = try? dim.replacing(term: index, by: bound, over: divisor) else { return false }
      return isNonNegative(replaced, steps: steps - 1)
    }
    switch atom {
    case .symbol, .mod: return false
    case .min(let a, let b): return sign < 0 ? holds(a) || holds(b) : holds(a) && holds(b)
    case .max(let a, let b): return sign < 0 ? holds(a) && holds(b) : holds(a) || holds(b)
    case .floordiv(let a, let b):
      guard case .constant(let divisor) = b, divisor > 0, let low = try? Dim.difference(a, .constant(divisor - 1)) else {
        return false
      }
      return holds(sign < 0 ? a : low, over: divisor)
    }
  }
}

extension Dim {
  /// The first term that is a multiple of one atom with bounds of its own.
  fileprivate var linearAtom: (term: Int, atom: Atom)? {
    for (index, term) in terms.enumerated() where term.factors.count == 1 {
      switch term.factors[0] {
      case .symbol, .mod: continue
      case .min, .max: return (index, term.factors[0])
      case .floordiv(_, let divisor):
        if divisor.constantValue != nil { return (index, term.factors[0]) }
      }
    }
    return nil
  }

  /// `divisor` times the expression in which `bound / divisor` stands for the atom of a term.
  fileprivate func replacing(term index: Int, by bound: Dim, over divisor: Int) throws(DimOverflow) -> Dim {
    var rest = terms
    let term = rest.remove(at: index)
    return try Dim.sum(
      Dim.product(Dim(adding: rest), .constant(divisor)), Dim.product(.constant(term.coefficient), bound))
  }
}
