import ApusSupport

/// Names a symbolic dimension of one function.
public struct SymbolID: Handle {
  public let raw: UInt32
  @inlinable public init(raw: UInt32) { self.raw = raw }
}

/// An arithmetic result on dimensions that does not fit in 64 bits.
public struct DimOverflow: Error, Sendable, Hashable {
  public init() {}
}

/// The answer to a question about symbolic dimensions.
public enum Trilean: Sendable, Hashable {
  case yes, no, unknown

  public init(_ value: Bool) { self = value ? .yes : .no }
}

/// The size of one axis: an integer polynomial over symbols and `floordiv`/`mod`/`min`/`max` atoms.
///
/// Values are always in normal form (terms sorted, none zero, constants folded), so `==` is
/// identity of normal forms: equal means surely equal, unequal means nothing. Ask
/// `SymbolTable.equal` for the three-valued answer.
public enum Dim: Hashable, Sendable {
  case constant(Int)
  /// Never a bare constant.
  case polynomial(Polynomial)

  /// A sum of at least one term with a factor.
  public struct Polynomial: Hashable, Sendable {
    /// Sorted by factors; the constant term, if any, comes first.
    public let terms: [Term]
  }

  /// `coefficient · factors[0] · factors[1] · …`
  public struct Term: Hashable, Sendable {
    public let coefficient: Int
    /// Sorted; a power is a repetition.
    public let factors: [Atom]
  }

  /// What a polynomial is made of. Division rounds down, and `mod` takes the divisor's sign.
  public indirect enum Atom: Hashable, Sendable {
    case symbol(SymbolID)
    case floordiv(Dim, Dim)
    case mod(Dim, Dim)
    case min(Dim, Dim)
    case max(Dim, Dim)
  }

  public static func symbol(_ id: SymbolID) -> Dim { Dim(atom: .symbol(id)) }

  /// The value, if it is known without the symbols.
  public var constantValue: Int? {
    switch self {
    case .constant(let value): value
    case .polynomial: nil
    }
  }

  /// The symbol, if the dimension is exactly one symbol.
  public var symbolID: SymbolID? {
    guard case .polynomial(let p) = self, p.terms.count == 1, p.terms[0].coefficient == 1,
      p.terms[0].factors.count == 1, case .symbol(let id) = p.terms[0].factors[0]
    else { return nil }
    return id
  }

  /// The terms of the sum, the constant one with no factors.
  public var terms: [Term] {
    switch self {
    case .constant(0): []
    case .constant(let value): [Term(coefficient: value, factors: [])]
    case .polynomial(let p): p.terms
    }
  }
}

extension Dim: ExpressibleByIntegerLiteral {
  public init(integerLiteral value: Int) { self = .constant(value) }
}

// MARK: - Arithmetic

extension Dim {
  public static func sum(_ a: Dim, _ b: Dim) throws(DimOverflow) -> Dim {
    if case .constant(let x) = a, case .constant(let y) = b {
      return .constant(try checked(x.addingReportingOverflow(y)))
    }
    if a == 0 { return b }
    if b == 0 { return a }
    return try Dim(adding: a.terms + b.terms)
  }

  public static func difference(_ a: Dim, _ b: Dim) throws(DimOverflow) -> Dim {
    try sum(a, product(.constant(-1), b))
  }

  public static func product(_ a: Dim, _ b: Dim) throws(DimOverflow) -> Dim {
    if case .constant(let x) = a, case .constant(let y) = b {
      return .constant(try checked(x.multipliedReportingOverflow(by: y)))
    }
    if a == 1 || b == 0 { return b }
    if b == 1 || a == 0 { return a }
    // Sums multiplied with sums grow without bound; no size of a real model comes near.
    guard a.terms.count * b.terms.count <= maximumTerms else { throw DimOverflow() }
    var terms: [Term] = []
    for s in a.terms {
      for t in b.terms {
        terms.append(
          Term(
            coefficient: try checked(s.coefficient.multipliedReportingOverflow(by: t.coefficient)),
            factors: (s.factors + t.factors).sorted(by: Atom.precedes)))
      }
    }
    return try Dim(adding: terms)
  }

  /// The most terms that the product of two polynomials may have before they are merged.
  static let maximumTerms = 4096

  public static func product(_ dims: some Sequence<Dim>) throws(DimOverflow) -> Dim {
    // Numbers first: they are most of a shape, and need no terms.
    var factor = 1
    var rest: Dim = 1
    for dim in dims {
      if case .constant(let value) = dim {
        factor = try checked(factor.multipliedReportingOverflow(by: value))
      } else {
        rest = try product(rest, dim)
      }
    }
    return try product(.constant(factor), rest)
  }

  /// `⌊a / b⌋`. Terms that `b` divides leave the atom: `⌊(4n + 3) / 4⌋ = n`.
  /// The divisor must not be the constant 0.
  public static func floordiv(_ a: Dim, _ b: Dim) throws(DimOverflow) -> Dim {
    if let quotient = try a.exactQuotient(by: b) { return quotient }
    guard case .constant(let divisor) = b else { return Dim(atom: .floordiv(a, b)) }
    if case .constant(let x) = a { return .constant(Dim.floorDivide(x, divisor).quotient) }
    let (whole, rest) = a.split(by: divisor)
    let quotient = try Dim(
      adding: whole.map { Term(coefficient: $0.coefficient / divisor, factors: $0.factors) })
    let remainder = try Dim(adding: rest)
    if case .constant(let x) = remainder {
      let part = isPlanted(.constantPartOfAQuotientIsLost) ? 0 : Dim.floorDivide(x, divisor).quotient
      return try sum(quotient, .constant(part))
    }
    return try sum(quotient, Dim(atom: .floordiv(remainder, b)))
  }

  /// `⌈a / b⌉`.
  public static func ceildiv(_ a: Dim, _ b: Dim) throws(DimOverflow) -> Dim {
    try floordiv(sum(a, difference(b, 1)), b)
  }

  /// `a − b · ⌊a / b⌋`. The divisor must not be the constant 0.
  public static func mod(_ a: Dim, _ b: Dim) throws(DimOverflow) -> Dim {
    if try a.exactQuotient(by: b) != nil { return 0 }
    guard case .constant(let divisor) = b else { return Dim(atom: .mod(a, b)) }
    let remainder = try Dim(adding: a.split(by: divisor).rest)
    if case .constant(let x) = remainder { return .constant(Dim.floorDivide(x, divisor).remainder) }
    return Dim(atom: .mod(remainder, b))
  }

  public static func minimum(_ a: Dim, _ b: Dim) throws(DimOverflow) -> Dim {
    if case .constant(let d) = try difference(a, b) { return d <= 0 ? a : b }
    return Dim(atom: precedes(a, b) ? .min(a, b) : .min(b, a))
  }

  public static func maximum(_ a: Dim, _ b: Dim) throws(DimOverflow) -> Dim {
    if case .constant(let d) = try difference(a, b) { return d >= 0 ? a : b }
    return Dim(atom: precedes(a, b) ? .max(a, b) : .max(b, a))
  }

  /// The polynomial `q` with `q · divisor == self`, if there is one: `B·T·768 / 768 = B·T`.
  public func exactQuotient(by divisor: Dim) throws(DimOverflow) -> Dim? {
    if case .constant(0) = divisor { return nil }
    if case .constant(1) = divisor { return self }
    guard let lead = divisor.terms.last else { return nil }
    var remainder = self
    var quotient: Dim = 0
    // Each step cancels the leading term, so a polynomial of n terms needs few; the bound stops
    // the ones that divide for ever.
    for _ in 0..<16 {
      guard let term = remainder.terms.last else { return quotient }
      if lead.coefficient == -1, term.coefficient == .min { throw DimOverflow() }
      guard term.coefficient % lead.coefficient == 0, let factors = Dim.remove(lead.factors, from: term.factors)
      else { return nil }
      let step = try Dim(adding: [Term(coefficient: term.coefficient / lead.coefficient, factors: factors)])
      quotient = try Dim.sum(quotient, step)
      remainder = try Dim.difference(remainder, Dim.product(step, divisor))
    }
    return nil
  }

  /// Replaces every symbol; the result is in normal form again.
  public func substituting(_ replacement: (SymbolID) -> Dim) throws(DimOverflow) -> Dim {
    guard case .polynomial(let p) = self else { return self }
    var result: Dim = 0
    for term in p.terms {
      var product: Dim = .constant(term.coefficient)
      for factor in term.factors {
        let value: Dim
        switch factor {
        case .symbol(let id): value = replacement(id)
        case .floordiv(let a, let b):
          value = try Dim.quotient(a.substituting(replacement), b.substituting(replacement), Dim.floordiv)
        case .mod(let a, let b):
          value = try Dim.quotient(a.substituting(replacement), b.substituting(replacement), Dim.mod)
        case .min(let a, let b):
          value = try Dim.minimum(a.substituting(replacement), b.substituting(replacement))
        case .max(let a, let b):
          value = try Dim.maximum(a.substituting(replacement), b.substituting(replacement))
        }
        product = try Dim.product(product, value)
      }
      result = try Dim.sum(result, product)
    }
    return result
  }

  /// The value at given symbols. A division by zero counts as an overflow.
  public func evaluate(_ value: (SymbolID) -> Int) throws(DimOverflow) -> Int {
    guard case .constant(let result) = try substituting({ .constant(value($0)) }) else { throw DimOverflow() }
    return result
  }

  /// Calls `body` with every symbol of the expression, some perhaps several times.
  public func forEachSymbol(_ body: (SymbolID) -> Void) {
    for term in terms {
      for factor in term.factors {
        switch factor {
        case .symbol(let id): body(id)
        case .floordiv(let a, let b), .mod(let a, let b), .min(let a, let b), .max(let a, let b):
          a.forEachSymbol(body)
          b.forEachSymbol(body)
        }
      }
    }
  }
}

// MARK: - Normal form

extension Dim {
  init(atom: Atom) {
    self = .polynomial(Polynomial(terms: [Term(coefficient: 1, factors: [atom])]))
  }

  /// Sorts, merges and drops zero terms.
  init(adding terms: [Term]) throws(DimOverflow) {
    var merged: [Term] = []
    for term in terms.sorted(by: Term.precedes) {
      if let last = merged.last, last.factors == term.factors {
        let sum = try checked(last.coefficient.addingReportingOverflow(term.coefficient))
        merged[merged.count - 1] = Term(coefficient: sum, factors: term.factors)
      } else {
        merged.append(term)
      }
    }
    merged.removeAll { $0.coefficient == 0 }
    if merged.isEmpty {
      self = .constant(0)
    } else if merged.count == 1, merged[0].factors.isEmpty {
      self = .constant(merged[0].coefficient)
    } else {
      self = .polynomial(Polynomial(terms: merged))
    }
  }

  private static func quotient(
    _ a: Dim, _ b: Dim, _ operation: (Dim, Dim) throws(DimOverflow) -> Dim
  ) throws(DimOverflow) -> Dim {
    if case .constant(0) = b { throw DimOverflow() }
    return try operation(a, b)
  }

  private func split(by divisor: Int) -> (whole: [Term], rest: [Term]) {
    var whole: [Term] = []
    var rest: [Term] = []
    for term in terms {
      if term.coefficient % divisor == 0 { whole.append(term) } else { rest.append(term) }
    }
    return (whole, rest)
  }

  static func floorDivide(_ a: Int, _ b: Int) -> (quotient: Int, remainder: Int) {
    if b == -1 { return (0 &- a, 0) }
    let (q, r) = a.quotientAndRemainder(dividingBy: b)
    return r != 0 && (r < 0) != (b < 0) ? (q - 1, r + b) : (q, r)
  }

  private static func remove(_ some: [Atom], from all: [Atom]) -> [Atom]? {
    var rest = all
    for atom in some {
      guard let index = rest.firstIndex(of: atom) else { return nil }
      rest.remove(at: index)
    }
    return rest
  }

  static func precedes(_ a: Dim, _ b: Dim) -> Bool {
    switch (a, b) {
    case (.constant(let x), .constant(let y)): x < y
    case (.constant, .polynomial): true
    case (.polynomial, .constant): false
    case (.polynomial(let p), .polynomial(let q)):
      p.terms.lexicographicallyPrecedes(q.terms) { s, t in
        s.factors == t.factors ? s.coefficient < t.coefficient : Term.precedes(s, t)
      }
    }
  }
}

extension Dim.Term {
  /// Orders by degree, then by factors, so that the last term leads.
  static func precedes(_ a: Self, _ b: Self) -> Bool {
    if a.factors.count != b.factors.count { return a.factors.count < b.factors.count }
    return a.factors.lexicographicallyPrecedes(b.factors, by: Dim.Atom.precedes)
  }
}

extension Dim.Atom {
  static func precedes(_ a: Self, _ b: Self) -> Bool {
    switch (a, b) {
    case (.symbol(let x), .symbol(let y)): return x < y
    case (.floordiv(let p, let q), .floordiv(let r, let s)), (.mod(let p, let q), .mod(let r, let s)),
      (.min(let p, let q), .min(let r, let s)), (.max(let p, let q), .max(let r, let s)):
      return p == r ? Dim.precedes(q, s) : Dim.precedes(p, r)
    case (.symbol, _), (.floordiv, _), (.mod, _), (.min, _), (.max, _): return a.rank < b.rank
    }
  }

  private var rank: Int {
    switch self {
    case .symbol: 0
    case .floordiv: 1
    case .mod: 2
    case .min: 3
    case .max: 4
    }
  }
}

private func checked(_ result: (partialValue: Int, overflow: Bool)) throws(DimOverflow) -> Int {
  if result.overflow { throw DimOverflow() }
  return result.partialValue
}
