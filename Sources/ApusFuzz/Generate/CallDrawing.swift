import ApusIR
import ApusTensor

/// Calls, and the functions that are called.
extension GraphDrawing {
  /// A call of a new function, or of one that was called before.
  mutating func addCall() throws {
    if draw.chance(30), let callee = draw.pick(callees.filter { !$0.resultTypes.isEmpty }) {
      try call(callee, [])
      return
    }
    var arguments: [ValueID] = []
    for _ in 0..<draw.int(1...3) {
      guard let value = pick(where: { _ in true }) else { break }
      arguments.append(value)
    }
    if arguments.isEmpty { arguments = [try make(TensorType(draw.one(of: limits.types), [3]))] }
    let count = share() + 1
    let name = "callee\(callees.count)_\(draw.int(0...9999))"
    var inner = GraphDrawing(name, seed: draw.seed(), closed, ops: count, coverage)
    inner.depth = depth + 1
    var sizes: [Dim: Dim] = [:]
    for argument in arguments {
      let dims = type(argument).dims.map { own($0, &inner.function.symbols, &sizes) }
      inner.function.addParameter(type(argument).with(dims: dims), name: "a\(inner.function.parameters.count)")
    }
    inner.drawOps(count)
    inner.finish()
    coverage = inner.coverage
    remaining -= count - inner.remaining
    guard !callees.contains(where: { $0.name == name }), inner.callees.isEmpty else { throw NoFit() }
    callees.append(inner.function)
    try call(inner.function, arguments)
  }

  /// What a size of the caller is to a callee: the same number, or a symbol of its own.
  private mutating func own(_ dim: Dim, _ symbols: inout SymbolTable, _ sizes: inout [Dim: Dim]) -> Dim {
    let bounds: DimBounds
    if let value = dim.constantValue {
      guard draw.chance(10) else { return dim }
      bounds = DimBounds(lower: max(value - draw.int(0...2), 0), upper: value + draw.int(0...3))
    } else {
      let outer = function.symbols.bounds(of: dim)
      bounds = DimBounds(lower: max(outer.lower ?? 0, 0), upper: outer.upper)
    }
    if let known = sizes[dim], draw.chance(80) { return known }
    let symbol = Dim.symbol(symbols.append(Symbol(name: "M\(symbols.count)", bounds: bounds)))
    sizes[dim] = symbol
    return symbol
  }

  /// Limits for a callee: its symbols are those of its arguments, and it calls nothing.
  private var closed: GraphGenerator.Limits {
    var closed = limits
    closed.symbols = 0
    closed.codes = limits.codes.filter { $0 != .call }
    return closed
  }

  /// - Parameter given: the first arguments; the others are looked up or made.
  private mutating func call(_ callee: Function, _ given: [ValueID]) throws {
    var bound: [SymbolID: Dim] = [:]
    var arguments: [ValueID] = []
    for (index, parameter) in callee.parameters.enumerated() {
      let wanted = callee.type(of: parameter)
      let argument = try index < given.count ? given[index] : self.argument(wanted, of: callee, &bound)
      _ = bind(wanted, of: callee, to: type(argument), &bound)
      arguments.append(argument)
    }
    var results: [TensorType] = []
    for type in callee.resultTypes {
      results.append(type.with(dims: try type.dims.map { try size($0, of: callee, &bound) }))
    }
    guard results.allSatisfy({ fits($0.dims) }) else { throw NoFit() }
    let op = function.insert(
      .call, arguments, attributes: [NamedAttribute("callee", .function(callee.name))], results: results, at: place)
    record(op)
  }

  private mutating func argument(
    _ wanted: TensorType, of callee: Function, _ bound: inout [SymbolID: Dim]
  ) throws -> ValueID {
    let fitting = visible.filter { value in
      var trial = bound
      return bind(wanted, of: callee, to: type(value), &trial)
    }
    if let value = draw.pick(fitting) { return value }
    // Symbols that no argument has told so far are what one of them makes them.
    for dim in wanted.dims {
      guard let id = dim.symbolID, bound[id] == nil else { continue }
      let bounds = callee.symbols[id].bounds
      let lower = max(bounds.lower ?? 0, 0)
      bound[id] = .constant(draw.int(lower...min(bounds.upper ?? .max, lower + 3)))
    }
    return try obtain(wanted.with(dims: try wanted.dims.map { dim in try dim.substituting { bound[$0] ?? 0 } }))
  }

  /// Whether a value can be an argument; symbols of the callee are then bound to its sizes.
  private func bind(
    _ wanted: TensorType, of callee: Function, to given: TensorType, _ bound: inout [SymbolID: Dim]
  ) -> Bool {
    guard wanted.element == given.element, wanted.rank == given.rank else { return false }
    for (stated, dim) in zip(wanted.dims, given.dims) {
      if let id = stated.symbolID, bound[id] == nil {
        let (have, need) = (function.symbols.bounds(of: dim), callee.symbols[id].bounds)
        guard have.lower ?? 0 >= need.lower ?? 0, have.upper ?? .max <= need.upper ?? .max else { return false }
        bound[id] = dim
      } else if (try? stated.substituting { bound[$0] ?? 0 }) != dim {
        return false
      }
    }
    return true
  }

  /// A size of a callee's result for its caller, to whom what the callee's data define is a symbol of its own.
  private mutating func size(_ dim: Dim, of callee: Function, _ bound: inout [SymbolID: Dim]) throws -> Dim {
    var isOpen = false
    dim.forEachSymbol { if bound[$0] == nil { isOpen = true } }
    if !isOpen { return try dim.substituting { bound[$0] ?? 0 } }
    let bounds = callee.symbols.bounds(of: dim)
    let fresh = Dim.symbol(
      function.symbols.append(
        Symbol(name: "", bounds: DimBounds(lower: max(bounds.lower ?? 0, 0), upper: bounds.upper), origin: .value)))
    if let id = dim.symbolID { bound[id] = fresh }
    return fresh
  }
}
