import ApusIR
import ApusTensor

extension Operators {
  /// Each different element or slice once.
  static var uniqueness: [OperatorRule] { [OperatorRule("Unique", unique)] }

  private static func unique(_ n: NodeTranslation) throws -> [Imported] {
    let (x, axis) = try n.alongAxis()
    let count = n.dims(x)[axis]
    // A row of keys for each element or slice; truth values are sorted as numbers.
    var rest = Array(0..<n.rank(x))
    rest.remove(at: axis)
    let width = try n.product(rest.map { n.dims(x)[$0] })
    var keys = try n.reshape(n.transpose(x, [axis] + rest), [count, width])
    if n.element(keys) == .bool { keys = n.convert(keys, to: .u8) }
    let order = width == 1 ? try n.result(orderFormula, ["keys": .value(keys)]) : try n.result(rowOrderFormula, ["keys": .value(keys)])
    var parts = try n.results(groupFormula, ["keys": .value(keys), "order": .value(order)])
    // How many there are is known once the model runs.
    let places = try n.call(.nonZero, parts[0])
    let starts = try n.reshape(places, [n.dims(places)[1]])
    var indices = try n.call(.gather, [.value(order), .value(starts)], ["axis": .integer(0)])
    var counts = try n.result(countFormula, ["starts": .value(starts), "keys": .value(keys)])
    if try !n.flag("sorted", true) {
      parts = try n.results(
        appearanceFormula, ["indices": .value(indices), "counts": .value(counts), "isFirst": .value(parts[0]), "group": .value(parts[1])])
      (indices, counts) = (parts[0], parts[1])
      parts = [parts[0], parts[2]]
    }
    let y = try n.call(.gather, [.value(x), .value(indices)], ["axis": .integer(axis)])
    return [.value(y), .value(indices), .value(parts[1]), .value(counts)]
  }

  private static let orderFormula = Formula(
    "Unique's order",
    """
    n = shape(keys)[0]
    _, order = sort(reshape(keys, shape: [n]), axis: 0)
    order
    """)

  /// The order of rows, of which an earlier number counts more: sorted by the last one first.
  private static let rowOrderFormula = Formula(
    "Unique's order of rows",
    """
    n = shape(keys)[0]
    w = shape(keys)[1]
    columns = transpose(keys, perm: [1, 0])
    left, order = while left = convert(w, to: s64), order = iota(axis: 0, shape: [n], to: s64); left > 0 {
      column = reshape(dynamic_slice(columns, [left - 1, 0], sizes: [1, n]), shape: [n])
      _, next = sort(gather(column, order, axis: 0), axis: 0)
      left - 1, gather(order, next, axis: 0)
    }
    order
    """)

  /// Which rows, in order, differ from the one before, and for each row as it is given the number of its group. NaNs are alike.
  private static let groupFormula = Formula(
    "Unique's groups",
    """
    n = shape(keys)[0]
    at = iota(axis: 0, shape: [n], to: s64)
    rows = gather(keys, order, axis: 0)
    before = gather(rows, max(at - 1, 0), axis: 0)
    differ = rows != before && !(rows != rows && before != before)
    isFirst = at == 0 || reduce_or(differ, axes: [1])
    numbers = scan(convert(isFirst, to: s64), axis: 0) - 1
    isFirst, scatter_elements(constant(value: 0, shape: [n], to: s64), order, numbers, axis: 0)
    """)

  private static let countFormula = Formula(
    "Unique's counts",
    """
    u = shape(starts)[0]
    all = concat(starts, reshape(convert(shape(keys)[0], to: s64), shape: [1]), axis: 0)
    slice(all, starts: [1], limits: [u + 1]) - starts
    """)

  /// The groups in the order in which they appear.
  private static let appearanceFormula = Formula(
    "Unique's appearance",
    """
    u = shape(indices)[0]
    sorted, order = sort(indices, axis: 0)
    rank = scatter_elements(constant(value: 0, shape: [u], to: s64), order, iota(axis: 0, shape: [u], to: s64), axis: 0)
    sorted, gather(counts, order, axis: 0), gather(rank, group, axis: 0)
    """)
}
