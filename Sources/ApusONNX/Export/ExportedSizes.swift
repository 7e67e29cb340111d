import ApusIR
import ApusTensor

/// Sizes as tensors: each a vector of one integer.
extension GraphExport {
  /// The sizes as one vector.
  func sizes(_ dims: [Dim]) throws -> Exported {
    if let known = constants(dims) { return integers(known) }
    var parts: [Exported] = []
    var run: [Int] = []
    for dim in dims {
      if let size = dim.constantValue {
        run.append(size)
        continue
      }
      if !run.isEmpty { parts.append(integers(run)) }
      run = []
      parts.append(try size(dim))
    }
    if !run.isEmpty { parts.append(integers(run)) }
    return parts.count == 1 ? parts[0] : node("Concat", parts, ["axis": 0], .s64)
  }

  func constants(_ dims: [Dim]) -> [Int]? {
    let known = dims.compactMap(\.constantValue)
    return known.count == dims.count ? known : nil
  }

  /// A size as a scalar.
  func scalar(_ dim: Dim) throws -> Exported {
    if let size = dim.constantValue { return integer(size) }
    return node("Squeeze", [try size(dim), integers([0])], .s64)
  }

  /// A size as a vector of one.
  func size(_ dim: Dim) throws -> Exported {
    if let size = dim.constantValue { return integers([size]) }
    var sum: Exported?
    for term in dim.terms {
      var product: Exported?
      for factor in term.factors {
        let value = try size(factor)
        product = product.map { node("Mul", [$0, value], .s64) } ?? value
      }
      if term.coefficient != 1 || product == nil {
        let coefficient = integers([term.coefficient])
        product = product.map { node("Mul", [$0, coefficient], .s64) } ?? coefficient
      }
      guard let product else { continue }
      sum = sum.map { node("Add", [$0, product], .s64) } ?? product
    }
    return sum ?? integers([0])
  }

  private func size(_ atom: Dim.Atom) throws -> Exported {
    switch atom {
    case .symbol(let id): return try size(id)
    case .min(let a, let b): return node("Min", [try size(a), try size(b)], .s64)
    case .max(let a, let b): return node("Max", [try size(a), try size(b)], .s64)
    case .mod(let a, let b): return node("Mod", [try size(a), try size(b)], .s64)
    case .floordiv(let a, let b):
      let (x, y) = (try size(a), try size(b))
      // `Div` rounds towards zero: what it divides must be a multiple where it may be negative.
      if (frame.function.symbols.bounds(of: a).lower ?? -1) >= 0, (frame.function.symbols.bounds(of: b).lower ?? -1) >= 0 {
        return node("Div", [x, y], .s64)
      }
      return node("Div", [node("Sub", [x, node("Mod", [x, y], .s64)], .s64), y], .s64)
    }
  }

  private func size(_ id: SymbolID) throws -> Exported {
    if let known = frame.sizes[id] { return known }
    let size: Exported
    if let (value, axis) = frame.sources[id] {
      size = node("Shape", [value], ["start": .int(axis), "end": .int(axis + 1)], .s64)
    } else if let solved = try solved(id) {
      size = solved
    } else {
      throw Inexpressible("the size \(frame.function.symbols[id].name) is that of no axis", id: "export.size")
    }
    frame.sizes[id] = size
    return size
  }

  /// The symbol from a parameter's axis whose size is an expression of it: size = coefficient · symbol + rest.
  private func solved(_ id: SymbolID) throws -> Exported? {
    for parameter in frame.function.parameters {
      for (axis, dim) in frame.function.type(of: parameter).dims.enumerated() {
        guard let term = dim.terms.first(where: { $0.factors == [.symbol(id)] }) else { continue }
        let rest = try Dim.difference(dim, Dim.product(.constant(term.coefficient), .symbol(id)))
        guard let constant = rest.constantValue, let input = frame.values[parameter] else { continue }
        let whole = node("Shape", [input], ["start": .int(axis), "end": .int(axis + 1)], .s64)
        let part = constant == 0 ? whole : node("Sub", [whole, integers([constant])], .s64)
        return node("Div", [part, integers([term.coefficient])], .s64)
      }
    }
    return nil
  }
}
