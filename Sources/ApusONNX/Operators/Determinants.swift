import ApusIR
import ApusTensor

extension Operators {
  static var determinants: [OperatorRule] { [OperatorRule("Det", value: determinant)] }

  private static func determinant(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    guard n.rank(x) >= 2 else { throw n.error("onnx.shape", "a matrix has two axes, not \(n.rank(x))") }
    let (outer, size) = (Array(n.dims(x).dropLast(2)), n.dims(x)[n.rank(x) - 1])
    try n.context.emitter.require(n.dims(x)[n.rank(x) - 2], equals: size, "the matrix is not square")
    if size == 0 { return try n.filled(1, n.element(x), outer) }
    let matrices = try n.reshape(n.convert(x, to: .f64), [n.product(outer), size, size])
    return n.convert(try n.reshape(n.result(formula, ["x": .value(matrices)]), outer), to: n.element(x))
  }

  /// Gauss' elimination. Rows stay where they are: a row that was a pivot's is free no longer, and the rows before it that are
  /// free say how often it would have changed places.
  private static let formula = Formula(
    "Det",
    """
    b = shape(x)[0]
    n = shape(x)[1]
    at = iota(axis: 1, shape: [1, n], to: s64)
    step, m, product, free = while step = 0, m = x, product = constant(value: 1, shape: [b], to: f64),
        free = constant(value: true, shape: [b, n], to: bool); step < n {
      column = reshape(dynamic_slice(m, [0, 0, step], sizes: [b, n, 1]), shape: [b, n])
      p = arg_max(select(free, abs(column), -1), axis: 1, keep_dims: true)
      isPivot = at == p
      pivot = reduce_sum(select(isPivot, column, 0), axes: [1], keep_dims: true)
      row = reduce_sum(select(reshape(isPivot, shape: [b, n, 1]), m, 0), axes: [1], keep_dims: true)
      before = reduce_sum(convert(free && at < p, to: s64), axes: [1])
      rest = free && !isPivot
      share = select(rest && pivot != 0, column / pivot, 0)
      signed = select(before % 2 == 1, -reshape(pivot, shape: [b]), reshape(pivot, shape: [b]))
      step + 1, m - reshape(share, shape: [b, n, 1]) * row, product * signed, rest
    }
    product
    """)
}
