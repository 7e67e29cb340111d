import ApusIR

extension ReductionSearch {
  /// Makes numbers of symbols: small ones, those at the bounds, and those at which vectors end.
  mutating func fixSymbols() {
    guard let main = module.functions.first else { return }
    attemptAll(main, [1, 2, 3, 4, 8])
    // The ids are others after each success.
    var number = 0
    while !isOver, let main = module.functions.first {
      let symbols = main.usedSymbols
      guard number < symbols.count else { return }
      let id = symbols[number]
      let bounds = main.symbols[id].bounds
      let lower = max(bounds.lower ?? 0, 0)
      let near = (0...7).map { lower.addingReportingOverflow($0).partialValue }
      let sizes = [1, 2, 0, 3, 4, 5] + near + [8, 9, 16, 17, 33] + (bounds.upper.map { [$0] } ?? [])
      var tried: Set<Int> = []
      let isKept = sizes.contains { size in
        bounds.contains(size) && tried.insert(size).inserted && attempt(TypeChange(symbols: [id: .constant(size)]))
      }
      if !isKept { number += 1 }
    }
  }

  private mutating func attemptAll(_ main: Function, _ sizes: [Int]) {
    let symbols = main.usedSymbols
    guard symbols.count > 1 else { return }
    for size in sizes {
      var change = TypeChange()
      for id in symbols {
        let bounds = main.symbols[id].bounds
        let least = max(size, bounds.lower ?? 0)
        change.symbols[id] = .constant(min(least, bounds.upper ?? least))
      }
      if attempt(change) { return }
    }
  }

  /// Makes sizes smaller: all at once, each wherever it stands, and those of each parameter.
  mutating func shrinkSizes() {
    for limit in [1, 2, 3, 4, 8] {
      let all = module.sizes.filter { $0 > limit }
      if attempt(TypeChange(sizes: Dictionary(uniqueKeysWithValues: all.map { ($0, limit) }))) { break }
    }
    for size in module.sizes.reversed() {
      var current = size
      while let smaller = Self.smaller(than: current).first(where: { smaller in
        [false, true].contains { attempt(TypeChange(sizes: [current: smaller], changesAttributes: $0)) }
      }) { current = smaller }
    }
    shrinkSingly()
  }

  /// Sizes to try in the place of one.
  static func smaller(than size: Int) -> [Int] {
    if size == 0 { return [1] }
    var found: [Int] = []
    for candidate in [1, 2, 3, 4, size / 4, size / 2, size - 8, size - 1] {
      if candidate > 0, candidate < size, !found.contains(candidate) { found.append(candidate) }
    }
    return found
  }

  /// One axis of one parameter, or of one result whose type is stated.
  private mutating func shrinkSingly() {
    var number = 0
    while !isOver {
      let axes = module.statedAxes
      guard number < axes.count else { return }
      let axis = axes[number]
      let isKept = Self.smaller(than: axis.size).contains { size in
        attempt { module in
          module.shrink(axis, to: size)
          return true
        }
      }
      if !isKept { number += 1 }
    }
  }
}

/// An axis of constant size of a value whose type does not follow from others.
struct StatedAxis {
  var function: FunctionID
  var value: ValueID
  var axis: Int
  var size: Int
}

extension Module {
  /// The constant sizes of its types, each once, in order.
  fileprivate var sizes: [Int] {
    var found: Set<Int> = []
    for function in functions {
      for value in function.allValues {
        for dim in function.type(of: value).dims { if let size = dim.constantValue, size != 1 { found.insert(size) } }
      }
    }
    return found.sorted()
  }

  var statedAxes: [StatedAxis] {
    ids.flatMap { id in
      self[id].statedValues.flatMap { value in
        self[id].type(of: value).dims.enumerated().compactMap { axis, dim in
          dim.constantValue.flatMap { $0 == 1 ? nil : StatedAxis(function: id, value: value, axis: axis, size: $0) }
        }
      }
    }
  }

  mutating func shrink(_ axis: StatedAxis, to size: Int) {
    var type = self[axis.function].type(of: axis.value)
    type.dims[axis.axis] = .constant(size)
    self[axis.function].state(type, of: axis.value)
  }
}

extension Function {
  /// The values whose sizes do not follow from those of others: the parameters, and what is stated to be.
  var statedValues: [ValueID] {
    let codes: [OpCode] = [.constant, .iota, .randomBits, .broadcast, .reshape]
    return parameters + allOps().filter { codes.contains(opcode(of: $0)) }.flatMap { results(of: $0) }
  }

  /// The parameters and the results of all ops.
  var allValues: [ValueID] {
    parameters + allOps().flatMap { op in regions(of: op).flatMap { parameters(of: $0) } + results(of: op) }
  }

  /// The symbols of its types, in their order.
  fileprivate var usedSymbols: [SymbolID] {
    var found: Set<SymbolID> = []
    for parameter in parameters { for dim in type(of: parameter).dims { dim.forEachSymbol { found.insert($0) } } }
    return found.sorted()
  }

  /// Changes the type of a value; a constant is fitted to it.
  fileprivate mutating func state(_ type: TensorType, of value: ValueID) {
    setType(type, of: value)
    guard let op = definingOp(of: value), opcode(of: op) == .constant,
      case .tensor(let constant)? = attribute("value", of: op), let fitted = constant.fitted(to: type)
    else { return }
    setAttribute("value", .tensor(fitted), of: op)
  }
}
