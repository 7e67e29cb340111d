import ApusIR
internal import CLLVM

/// Values of symbolic dimensions.
extension FunctionLowering {
  /// The value of an expression, an i64. What the arguments' symbols decide is computed once, at entry, and so are the parts that
  /// expressions share, as offsets of buffers on each other do.
  func value(of dim: Dim) -> CodeValue {
    if case .constant(let value) = dim { return e.index(value) }
    if let known = sizeValues[dim] { return known }
    guard isKnownAtEntry(dim) else { return evaluate(dim) }
    let result = e.inPrologue { evaluate(dim) }
    sizeValues[dim] = result
    return result
  }

  /// Where the value of a symbol is kept during the call.
  func address(of symbol: SymbolID) -> CodeValue { e.offset(sizes, e.types.i64, by: symbol.index) }

  /// Elements from one step of each entry of a buffer's layout to the next.
  func strides(of type: TensorType) -> [CodeValue] {
    var strides: [CodeValue] = []
    var next: Dim? = 1
    var product = e.index(1)
    for extent in extents(of: type).reversed() {
      strides.append(product)
      next = next.flatMap { try? Dim.product($0, extent) }
      product = next.map { value(of: $0) } ?? e.mul(product, value(of: extent))
    }
    return strides.reversed()
  }

  /// The extent of each entry of a buffer's layout, slowest first.
  func extents(of type: TensorType) -> [Dim] {
    guard let layout = type.layout else { return type.dims }
    return layout.entries.map { entry in
      switch entry.part {
      case .whole: return type.dims[entry.axis]
      case .inner(let block): return .constant(block)
      case .outer(let block):
        guard let count = try? Dim.ceildiv(type.dims[entry.axis], .constant(block)) else {
          preconditionFailure("the size of a blocked axis overflows")
        }
        return count
      }
    }
  }
}

extension FunctionLowering {
  private func isKnownAtEntry(_ dim: Dim) -> Bool {
    dim.terms.allSatisfy { $0.factors.allSatisfy(isKnownAtEntry) }
  }

  private func isKnownAtEntry(_ atom: Dim.Atom) -> Bool {
    switch atom {
    case .symbol(let id):
      switch function.symbols[id].origin {
      case .argument: true
      case .value: false
      }
    case .floordiv(let a, let b), .mod(let a, let b), .min(let a, let b), .max(let a, let b):
      isKnownAtEntry(a) && isKnownAtEntry(b)
    }
  }

  /// The value from what the symbols hold at this point of the code.
  func evaluate(_ dim: Dim) -> CodeValue {
    dim.terms.reduce(e.index(0)) { sum, term in
      let product = term.factors.reduce(e.index(term.coefficient)) { e.mul($0, evaluate($1)) }
      return e.add(sum, product)
    }
  }

  private func evaluate(_ atom: Dim.Atom) -> CodeValue {
    switch atom {
    case .symbol(let id): e.load(e.types.i64, address(of: id))
    case .floordiv(let a, let b): floorDivide(value(of: a), value(of: b)).quotient
    case .mod(let a, let b): floorDivide(value(of: a), value(of: b)).remainder
    case .min(let a, let b): e.minimum(value(of: a), value(of: b))
    case .max(let a, let b): e.maximum(value(of: a), value(of: b))
    }
  }

  /// Rounds down; a divisor that turns out 0 is taken as 1, because sizes are evaluated before guards.
  private func floorDivide(_ a: CodeValue, _ b: CodeValue) -> (quotient: CodeValue, remainder: CodeValue) {
    let zero = e.index(0)
    let divisor = e.select(e.compare(b, .equal, zero), e.index(1), b)
    let truncated = e.quotient(a, divisor, signed: true)
    let rest = e.sub(a, e.mul(truncated, divisor))
    let differs = e.compare(e.xor(rest, divisor), .less, zero)
    let isBelow = e.and(e.compare(rest, .notEqual, zero), differs)
    return (
      e.select(isBelow, e.sub(truncated, e.index(1)), truncated), e.select(isBelow, e.add(rest, divisor), rest)
    )
  }
}
