import ApusSupport

/// The range a dimension is known to lie in; `nil` is unbounded on that side.
public struct DimBounds: Hashable, Sendable {
  public var lower: Int?
  public var upper: Int?

  public init(lower: Int? = 0, upper: Int? = nil) {
    self.lower = lower
    self.upper = upper
  }

  public func contains(_ value: Int) -> Bool { (lower ?? value) <= value && value <= (upper ?? value) }
}

/// A symbolic dimension: its name and what is known of it.
public struct Symbol: Hashable, Sendable {
  public enum Origin: Hashable, Sendable {
    /// Bound by the shapes of the function's arguments.
    case argument
    /// Defined by an op whose result's shape depends on data, or carried by a region (`? <= 1024`);
    /// it is in scope where that value is.
    case value
  }

  /// Empty for an existential dimension, which prints as `?`.
  public var name: String
  public var bounds: DimBounds
  public var origin: Origin

  public init(name: String, bounds: DimBounds = DimBounds(), origin: Origin = .argument) {
    self.name = name
    self.bounds = bounds
    self.origin = origin
  }
}

/// The symbols of one function. Sizes are never negative, so a symbol's lower bound is at least 0.
public struct SymbolTable: Sendable {
  private var table = Table<SymbolID, Symbol>()
  private var byName: [String: SymbolID] = [:]

  public init() {}

  public var count: Int { table.count }
  public var ids: [SymbolID] { Array(table.keys) }
  public subscript(id: SymbolID) -> Symbol { table[id] }

  public func find(_ name: String) -> SymbolID? { byName[name] }

  /// The symbol of that name, made when it is new.
  public mutating func intern(_ name: String) -> SymbolID {
    if let id = byName[name] { return id }
    let id = table.append(Symbol(name: name))
    byName[name] = id
    return id
  }

  public mutating func append(_ symbol: Symbol) -> SymbolID {
    let id = table.append(symbol)
    if !symbol.name.isEmpty { byName[symbol.name] = id }
    return id
  }

  public mutating func setBounds(_ bounds: DimBounds, of id: SymbolID) { table[id].bounds = bounds }

  /// The interval the expression lies in, from the symbols' bounds by interval arithmetic.
  public func bounds(of dim: Dim) -> DimBounds {
    var total = Interval(0, 0)
    for term in dim.terms {
      var product = Interval(term.coefficient, term.coefficient)
      for factor in term.factors { product = product * interval(of: factor) }
      total = total + product
    }
    return DimBounds(lower: total.lower, upper: total.upper)
  }

  /// Whether two sizes are the same for every, no, or some values of the symbols.
  public func equal(_ a: Dim, _ b: Dim) -> Trilean {
    if a == b { return .yes }
    guard let difference = try? Dim.difference(a, b) else { return .unknown }
    if case .constant(let value) = difference { return Trilean(value == 0) }
    let range = bounds(of: difference)
    if let lower = range.lower, lower > (isPlanted(.sizesThatMayBeEqualDiffer) ? -1 : 0) { return .no }
    if let upper = range.upper, upper < 0 { return .no }
    return .unknown
  }

  /// Whether `a <= b` for every, no, or some values of the symbols.
  public func lessOrEqual(_ a: Dim, _ b: Dim) -> Trilean {
    guard let difference = try? Dim.difference(b, a) else { return .unknown }
    let range = bounds(of: difference)
    if let lower = range.lower, lower >= 0 { return .yes }
    if let upper = range.upper, upper < (isPlanted(.touchingBoundsAreRefused) ? 1 : 0) { return .no }
    return isNonNegative(difference) ? .yes : .unknown
  }

  private func interval(of atom: Dim.Atom) -> Interval {
    switch atom {
    case .symbol(let id):
      return Interval(max(table[id].bounds.lower ?? 0, 0), table[id].bounds.upper)
    case .floordiv(let a, let b):
      guard case .constant(let divisor) = b, divisor > 0 else {
        let numerator = bounds(of: a)
        let positive = (numerator.lower ?? -1) >= 0 && (bounds(of: b).lower ?? 0) >= 1
        return positive ? Interval(0, numerator.upper) : Interval(nil, nil)
      }
      let range = bounds(of: a)
      return Interval(
        range.lower.map { Dim.floorDivide($0, divisor).quotient },
        range.upper.map { Dim.floorDivide($0, divisor).quotient })
    case .mod(_, let b):
      let range = bounds(of: b)
      guard let lower = range.lower, lower >= 1 else { return Interval(nil, nil) }
      return Interval(0, range.upper.map { $0 - 1 })
    case .min(let a, let b):
      let (x, y) = (bounds(of: a), bounds(of: b))
      return Interval(both(x.lower, y.lower, min), [x.upper, y.upper].compactMap { $0 }.min())
    case .max(let a, let b):
      let (x, y) = (bounds(of: a), bounds(of: b))
      return Interval([x.lower, y.lower].compactMap { $0 }.max(), both(x.upper, y.upper, max))
    }
  }

  private func both(_ a: Int?, _ b: Int?, _ pick: (Int, Int) -> Int) -> Int? {
    guard let a, let b else { return nil }
    return pick(a, b)
  }
}

/// Interval arithmetic that widens to unbounded where a bound overflows.
private struct Interval {
  var lower: Int?
  var upper: Int?

  init(_ lower: Int?, _ upper: Int?) {
    self.lower = lower
    self.upper = upper
  }

  static func + (a: Interval, b: Interval) -> Interval {
    Interval(add(a.lower, b.lower), add(a.upper, b.upper))
  }

  static func * (a: Interval, b: Interval) -> Interval {
    // Sizes are mostly non-negative, so the common case keeps half-open intervals precise.
    if let x = a.lower, let y = b.lower, x >= 0, y >= 0 {
      return Interval(multiply(x, y), zeroOr(a.upper, b.upper))
    }
    if let x = a.upper, let y = b.lower, x <= 0, y >= 0 {
      let negated = Interval(a.upper.map { 0 &- $0 }, a.lower.map { 0 &- $0 }) * b
      return Interval(negated.upper.map { 0 &- $0 }, negated.lower.map { 0 &- $0 })
    }
    guard let p = a.lower, let q = a.upper, let r = b.lower, let s = b.upper,
      let corners = all([multiply(p, r), multiply(p, s), multiply(q, r), multiply(q, s)])
    else { return Interval(nil, nil) }
    return Interval(corners.min(), corners.max())
  }

  private static func zeroOr(_ a: Int?, _ b: Int?) -> Int? {
    if a == 0 || b == 0 { return 0 }
    guard let a, let b else { return nil }
    return multiply(a, b)
  }

  private static func all(_ values: [Int?]) -> [Int]? {
    let known = values.compactMap { $0 }
    return known.count == values.count ? known : nil
  }

  private static func add(_ a: Int?, _ b: Int?) -> Int? {
    guard let a, let b else { return nil }
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? nil : sum
  }

  private static func multiply(_ a: Int, _ b: Int) -> Int? {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? nil : product
  }
}
