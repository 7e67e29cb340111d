import ApusIR
import ApusTensor

/// Sizes of axes.
extension GraphDrawing {
  /// Whether a value of that shape is small enough, whatever the symbols are.
  func fits(_ dims: [Dim]) -> Bool {
    guard let count = try? Dim.product(dims) else { return false }
    let bounds = function.symbols.bounds(of: count)
    if let upper = bounds.upper { return upper <= limits.elements && dims.count <= 7 }
    guard let estimate = try? count.evaluate({ function.symbols[$0].bounds.upper ?? 64 }) else { return false }
    return estimate <= limits.elements && dims.count <= 7
  }

  /// A size that is known: small ones mostly, those around widths of vectors now and then, rarely none.
  mutating func constantSize(_ range: ClosedRange<Int> = 0...64) -> Int {
    if range.contains(0), draw.chance(3) { return 0 }
    let few = limits.sizes.filter(range.contains)
    if !few.isEmpty, draw.chance(90) { return draw.one(of: few) }
    return draw.pick(Self.knownSizes.filter(range.contains)) ?? draw.int(range)
  }

  static let knownSizes = [1, 2, 3, 4, 5, 1, 2, 3, 7, 8, 9, 15, 16, 17, 33, 64]

  mutating func size() throws -> Dim {
    // What is drawn without large values stays as it is.
    if limits.largePercent > 0, draw.chance(limits.largePercent / 5) { return .constant(draw.one(of: [129, 300, 1025])) }
    guard draw.chance(limits.openPercent) else { return .constant(constantSize()) }
    return try openSize()
  }

  /// A size that only a run knows: a symbol, or an expression of one.
  mutating func openSize() throws -> Dim {
    let symbols = function.symbols.ids.filter { function.symbols[$0].origin == .argument }
    let symbol: Dim
    if symbols.count < limits.symbols, symbols.isEmpty || draw.chance(40) {
      let lower = draw.one(of: [0, 1, 1, 1, 2, 3, 9])
      // Code is made for large sizes where none is known to be small.
      var bounds = DimBounds(lower: lower, upper: draw.chance(20) ? nil : lower + draw.int(1...8))
      // A 1 that does not look like one.
      if draw.chance(15) { bounds = DimBounds(lower: 1, upper: 1) }
      symbol = .symbol(function.symbols.append(Symbol(name: "N\(function.symbols.count)", bounds: bounds)))
      // A parameter whose shape tells what the symbol is.
      let type = TensorType(draw.one(of: limits.types), [symbol])
      function.addParameter(type, name: "x\(function.parameters.count)")
    } else {
      guard let known = draw.pick(symbols + symbolsInScope()) else { return .constant(constantSize()) }
      symbol = .symbol(known)
    }
    switch draw.int(0...9) {
    case 0: return try Dim.product(symbol, .constant(draw.int(2...4)))
    case 1: return try Dim.sum(symbol, .constant(draw.int(1...3)))
    case 2 where function.symbols.bounds(of: symbol).lower ?? 0 > 0:
      return try Dim.floordiv(Dim.sum(symbol, 1), 2)
    case 3 where least(symbol) > 0: return try part(of: symbol)
    case _: return symbol
    }
  }

  /// What is left of a size after one or two others.
  private mutating func part(of symbol: Dim) throws -> Dim {
    let other = draw.chance(70) ? size(upTo: least(symbol)) : nil
    let rest = try Dim.difference(symbol, other ?? .constant(draw.int(1...min(least(symbol), 2))))
    return least(rest) > 0 && draw.chance(50) ? try Dim.difference(rest, 1) : rest
  }

  /// A symbol that is at most `bound` in every run.
  mutating func size(upTo bound: Int) -> Dim? {
    draw.pick(function.symbols.ids.filter { id in
      let symbol = function.symbols[id]
      return symbol.origin == .argument && symbol.bounds.upper.map { $0 <= bound } ?? false
    }).map { .symbol($0) }
  }

  /// The symbols that visible values define.
  private func symbolsInScope() -> [SymbolID] {
    var found: [SymbolID] = []
    for value in local {
      for dim in type(value).dims { found += definedSymbols(in: dim).filter { !found.contains($0) } }
    }
    return found
  }

  /// The symbols of a size that ops define, not the arguments.
  func definedSymbols(in dim: Dim) -> [SymbolID] {
    if dim.constantValue != nil { return [] }
    var found: [SymbolID] = []
    dim.forEachSymbol { if function.symbols[$0].origin == .value { found.append($0) } }
    return found
  }

  /// A shape that is small enough.
  mutating func shape(_ rank: Int) throws -> [Dim] {
    var dims: [Dim] = []
    for _ in 0..<rank {
      let size = try size()
      dims.append(fits(dims + [size]) ? size : 1)
    }
    if limits.largePercent > 0, draw.chance(limits.largePercent) { enlarge(&dims) }
    return dims
  }

  /// Makes one axis as long as the values may have elements, or some of that: dear ops are shared by threads earlier.
  private mutating func enlarge(_ dims: inout [Dim]) {
    guard let axis = draw.pick(dims.indices) else { return }
    let others = dims.enumerated().reduce(1) { $1.offset == axis ? $0 : $0 * max($1.element.constantValue ?? 8, 1) }
    let size = (limits.elements / draw.one(of: [1, 3, 8]) - draw.int(0...40)) / others
    var large = dims
    large[axis] = .constant(max(size, 1))
    if fits(large) { dims = large }
  }

  mutating func rank(_ range: ClosedRange<Int> = 0...4) -> Int {
    draw.pick([0, 1, 1, 2, 2, 2, 3, 3, 4, 5].filter(range.contains)) ?? range.lowerBound
  }

  /// The least that a size can be.
  func least(_ dim: Dim) -> Int { max(function.symbols.bounds(of: dim).lower ?? 0, 0) }

  /// Whether an axis can be repeated.
  func isOne(_ dim: Dim) -> Bool {
    let bounds = function.symbols.bounds(of: dim)
    return bounds.lower == 1 && bounds.upper == 1
  }

  /// A divisor of a size: 1 unless the size is known.
  mutating func divisor(of dim: Dim) -> Int {
    guard let value = dim.constantValue, value > 0 else { return 1 }
    return draw.one(of: (1...value).filter { value % $0 == 0 })
  }

  /// The shape with the axes at its end left out, or made 1, at random: what is repeated to give the whole shape.
  mutating func repeatable(_ dims: [Dim]) -> [Dim] {
    dims.suffix(draw.int(0...dims.count)).map { draw.chance(25) ? 1 : $0 }
  }
}
