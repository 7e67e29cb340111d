import ApusIR
import ApusTensor

/// A value that the branches of an `if` yield.
struct Merge {
  /// A type that the branches may yield, and that of the result.
  let type: TensorType
  let result: TensorType
  /// The axis along which the branches may yield different sizes.
  let axis: Int?

  /// All branches yield this type.
  init(_ type: TensorType) {
    (self.type, result) = (type, type)
    axis = nil
  }

  /// The result's size along the axis is a symbol of its own.
  init(_ type: TensorType, along axis: Int, _ symbols: inout SymbolTable) {
    var dims = type.dims
    dims[axis] = .symbol(symbols.append(Symbol(name: "", origin: .value)))
    self.type = type
    result = type.with(dims: dims)
    self.axis = axis
  }
}

/// A value that a loop carries and that has another size after a turn.
struct Growth {
  /// What the loop begins with.
  let initial: ValueID
  let axis: Int
  /// Its types within the loop and behind it: sizes along the axis are symbols of their own.
  let carried: TensorType
  let result: TensorType
  let step: Step

  enum Step {
    /// Another value of that size goes before it or behind it.
    case longer(Dim)
    case padded(low: Int, high: Int)
    case doubled
    case halved
  }
}

/// Sizes that are found out within regions.
extension GraphDrawing {
  // MARK: Branches

  mutating func branchValue(_ merge: Merge) throws -> ValueID {
    guard let axis = merge.axis else { return try obtain(merge.type) }
    // One that is there, perhaps of a size that only this branch has.
    func isFitting(_ type: TensorType) -> Bool {
      type.element == merge.type.element && type.rank == merge.type.rank
        && type.dims.indices.allSatisfy { $0 == axis || type.dims[$0] == merge.type.dims[$0] }
    }
    if draw.chance(60), let value = pick(where: isFitting) { return value }
    var dims = merge.type.dims
    if draw.chance(60) { dims[axis] = try size() }
    return try obtain(merge.type.with(dims: dims))
  }

  /// Bounds the size of a result by those that the branches yield.
  mutating func settle(_ merge: Merge, _ yielded: [TensorType]) throws {
    guard let axis = merge.axis, let symbol = merge.result.dims[axis].symbolID else { return }
    let bounds = yielded.map { function.symbols.bounds(of: $0.dims[axis]) }
    let uppers = bounds.compactMap(\.upper)
    let lower = bounds.map { max($0.lower ?? 0, 0) }.min() ?? 0
    let upper = uppers.count == bounds.count ? uppers.max() : nil
    function.symbols.setBounds(loosened(lower, upper), of: symbol)
    guard fits(merge.result.dims) else { throw NoFit() }
  }

  // MARK: Loops

  mutating func growth(_ turns: Int) throws -> Growth {
    guard let initial = pick(where: { $0.rank > 0 }) else { throw NoFit() }
    let type = type(initial)
    let axis = draw.int(0...(type.rank - 1))
    let bounds = function.symbols.bounds(of: type.dims[axis])
    var (lower, upper) = (max(bounds.lower ?? 0, 0), bounds.upper)
    // Also a turn that is never taken must fit.
    let turns = max(turns, 1)
    let step: Growth.Step
    switch draw.int(0...6) {
    case 0...3:
      let more = draw.chance(50) ? .constant(draw.int(0...5)) : try size()
      step = .longer(more)
      upper = both(upper, function.symbols.bounds(of: more).upper) { $0 + turns * $1 }
    case 4:
      let (low, high) = (draw.int(0...2), draw.int(0...2))
      step = .padded(low: low, high: high)
      upper = upper.map { $0 + turns * (low + high) }
    case 5:
      step = .doubled
      upper = upper.map { $0 << turns }
    case _:
      step = .halved
      lower = 0
    }
    let loose = loosened(lower, upper)
    func open() -> TensorType {
      var dims = type.dims
      dims[axis] = .symbol(function.symbols.append(Symbol(name: "", bounds: loose, origin: .value)))
      return type.with(dims: dims)
    }
    let (carried, result) = (open(), open())
    guard fits(result.dims) else { throw NoFit() }
    return Growth(initial: initial, axis: axis, carried: carried, result: result, step: step)
  }

  /// The value after one more turn.
  mutating func grown(_ growth: Growth, _ value: ValueID) throws -> ValueID {
    let value = draw.chance(60) ? value : try obtain(growth.carried)
    let (type, axis) = (growth.carried, growth.axis)
    func along(_ size: Dim, others: [Dim]) -> [Dim] { others.indices.map { $0 == axis ? size : others[$0] } }
    let zeros = [Dim](repeating: 0, count: type.rank)
    switch growth.step {
    case .longer(let more):
      let other = try obtain(type.with(dims: along(more, others: type.dims)))
      let pieces = draw.chance(70) ? [value, other] : [other, value]
      return try self.value(.concat, pieces, [NamedAttribute("axis", .int(axis))])
    case .padded(let low, let high):
      let filler = try obtain(.scalar(type.element))
      return try self.value(
        .pad, [value, filler],
        [
          NamedAttribute("low", .dims(along(.constant(low), others: zeros))),
          NamedAttribute("high", .dims(along(.constant(high), others: zeros))),
        ])
    case .doubled: return try self.value(.concat, [value, value], [NamedAttribute("axis", .int(axis))])
    case .halved:
      let strides = type.dims.indices.map { $0 == axis ? 2 : 1 }
      return try self.value(
        .slice, [value],
        [
          NamedAttribute("starts", .dims(zeros)), NamedAttribute("limits", .dims(type.dims)),
          NamedAttribute("strides", .ints(strides)),
        ])
    }
  }

  /// Bounds that say no more than these, sometimes less.
  private mutating func loosened(_ lower: Int, _ upper: Int?) -> DimBounds {
    DimBounds(
      lower: draw.chance(50) ? lower : draw.int(0...lower), upper: draw.chance(80) ? upper.map { $0 + draw.int(0...2) } : nil)
  }

  private func both(_ a: Int?, _ b: Int?, _ combined: (Int, Int) -> Int) -> Int? {
    guard let a, let b else { return nil }
    return combined(a, b)
  }
}
