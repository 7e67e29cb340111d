import ApusSupport
import ApusTensor

extension Emitter {
  /// The shape that operands have together, aligned at their last axes as in NumPy. Where sizes may
  /// differ only at run time, that they are equal is made a guard. Reports `broadcast.shapes`.
  package mutating func commonShape(_ shapes: [[Dim]]) throws(EmissionError) -> [Dim] {
    let rank = shapes.map(\.count).max() ?? 0
    var result: [Dim] = []
    for axis in 0..<rank {
      var size: Dim = 1
      for shape in shapes {
        let own = axis - (rank - shape.count)
        guard own >= 0, shape[own] != 1, shape[own] != size else { continue }
        guard size != 1 else {
          size = shape[own]
          continue
        }
        switch function.symbols.equal(size, shape[own]) {
        case .yes: break
        case .no:
          let shown = shapes.map { "[\($0.map { text($0) }.joined(separator: ", "))]" }.joined(separator: " and ")
          throw failed(
            "broadcast.shapes", "the shapes \(shown) do not go together: \(text(size)) meets \(text(shape[own]))",
            hint: "shapes are aligned at their last axes, and a size of 1 is repeated")
        case .unknown: try require(size, equals: shape[own])
        }
      }
      result.append(size)
    }
    return result
  }

  /// Inserts broadcasts so that all have one shape.
  ///
  /// A size that is guarded to be equal to another stays as it is: an op takes sizes that are not
  /// known to differ.
  mutating func broadcastTogether(_ values: [ValueID]) throws(EmissionError) -> [ValueID] {
    let shapes = values.map { type(of: $0).dims }
    guard let first = shapes.first, shapes.contains(where: { $0 != first }) else { return values }
    let common = try commonShape(shapes)
    var result: [ValueID] = []
    for (value, shape) in zip(values, shapes) {
      let target = guarded(shape, as: common)
      result.append(broadcast(value, to: target))
    }
    return result
  }

  /// `common`, with the sizes of `shape` where they are guarded to be equal.
  private func guarded(_ shape: [Dim], as common: [Dim]) -> [Dim] {
    var target = common
    let offset = common.count - shape.count
    for (axis, size) in shape.enumerated() where size != 1 { target[offset + axis] = size }
    return target
  }

  // MARK: Matrix products

  /// `lhs @ rhs`: batch axes are broadcast, and a vector gains an axis that the result loses.
  /// Many rows against one matrix become one product.
  package mutating func matrixProduct(
    _ lhs: ValueID, _ rhs: ValueID, places: Places = Places()
  ) throws(EmissionError) -> ValueID {
    let (left, right) = (type(of: lhs), type(of: rhs))
    guard left.rank > 0, right.rank > 0 else {
      throw failed(
        "matmul.rank", "@ takes vectors, matrices and stacks of matrices, not a scalar", hint: "multiply by it with *")
    }
    var a = lhs
    var b = rhs
    if left.rank == 1 { a = reshape(a, to: [1] + left.dims) }
    if right.rank == 1 { b = reshape(b, to: right.dims + [1]) }
    var (x, y) = (type(of: a).dims, type(of: b).dims)
    let rows = Array(x.dropLast())
    let folds = y.count == 2 && x.count > 2
    if folds {
      x = [try arithmetic.product(rows), x[x.count - 1]]
      a = reshape(a, to: x)
    } else if x.count > 2 || y.count > 2 {
      let batch = try commonShape([Array(x.dropLast(2)), Array(y.dropLast(2))])
      x = guarded(Array(x.dropLast(2)), as: batch) + x.suffix(2)
      y = guarded(Array(y.dropLast(2)), as: batch) + y.suffix(2)
      a = broadcast(a, to: x)
      b = broadcast(b, to: y)
    }
    var result = try emit(.matmul, [a, b], places: places)[0]
    var dims = type(of: result).dims
    if folds { dims = rows + dims.suffix(1) }
    if right.rank == 1 { dims.removeLast() }
    if left.rank == 1 { dims.remove(at: dims.count - (right.rank == 1 ? 1 : 2)) }
    result = reshape(result, to: dims)
    return result
  }
}
