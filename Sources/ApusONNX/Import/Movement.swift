import ApusIR
import ApusTensor

/// Ways of moving elements that several operators share.
extension NodeTranslation {
  /// Whether `a <= b` for all, no or some values of the symbols.
  func isAtMost(_ a: Dim, _ b: Dim) -> Trilean { context.emitter.function.symbols.lessOrEqual(a, b) }

  /// The size, not below `low` and not above `high`; `low` is not above `high`.
  func clamped(_ dim: Dim, _ low: Dim, _ high: Dim) throws -> Dim {
    if isAtMost(high, dim) == .yes { return high }
    if isAtMost(dim, low) == .yes { return low }
    let below = isAtMost(dim, high) == .yes ? dim : try smaller(dim, high)
    return isAtMost(low, below) == .yes ? below : try larger(low, below)
  }

  /// Repeats along axes of size 1 and new first ones; what sizes leave open is checked when the model runs.
  func expand(_ value: ValueID, to dims: [Dim]) throws -> ValueID {
    guard self.dims(value) != dims else { return value }
    let axes = Array((dims.count - rank(value))..<dims.count)
    return try call(.broadcast, [.value(value)], ["axes": .ints(axes), "shape": .sizes(dims)])
  }

  /// The elements from `starts` up to `limits`.
  func slice(_ value: ValueID, _ starts: [Dim], _ limits: [Dim], _ strides: [Int] = []) throws -> ValueID {
    guard starts.contains(where: { $0 != 0 }) || limits != dims(value) || strides.contains(where: { $0 != 1 }) else {
      return value
    }
    let steps = strides.contains { $0 != 1 } ? strides : []
    return try call(.slice, [.value(value)], ["starts": .sizes(starts), "limits": .sizes(limits), "strides": .ints(steps)])
  }

  /// The elements of one axis from `start` up to `limit`.
  func slice(_ value: ValueID, axis: Int, _ start: Dim, _ limit: Dim) throws -> ValueID {
    var starts = dims(value).map { _ in Dim.constant(0) }
    var limits = dims(value)
    starts[axis] = start
    limits[axis] = limit
    return try slice(value, starts, limits)
  }

  func concat(_ parts: [ValueID], axis: Int) throws -> ValueID {
    guard parts.count > 1 else { return parts[0] }
    return try call(.concat, parts.map { .value($0) }, ["axis": .integer(axis)])
  }

  /// Counts 0, 1, 2 … along one axis of a shape.
  func iota(_ element: ElementType, _ dims: [Dim], axis: Int) throws -> ValueID {
    try call(.iota, [], ["axis": .integer(axis), "shape": .sizes(dims), "to": .elementType(element)])
  }
}
