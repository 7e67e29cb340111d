import ApusIR
import ApusTensor

/// Sources, and ops that place elements elsewhere.
extension GraphExport {
  func constant(_ op: OpID) throws -> Exported {
    let type = type(of: op)
    switch frame.function.attribute("value", of: op) {
    case .tensor(let value)?: return constant(value.tensor)
    case .scalar(let value)?:
      let scalar = scalar(value.converted(to: type.element), type.element)
      return type.rank == 0 ? scalar : try expand(scalar, to: type.dims)
    case _: throw Inexpressible("it has no value")
    }
  }

  func iota(_ op: OpID) throws -> Exported {
    let type = type(of: op)
    let axis = int("axis", op)
    let numbers = cast(try count(type.dims[axis]), to: type.element)
    return try expand(unsqueeze(numbers, (0..<type.rank).filter { $0 != axis }), to: type.dims)
  }

  /// 0, 1, 2 … below a size.
  func count(_ dim: Dim) throws -> Exported {
    node("Range", [integer(0), try scalar(dim), integer(1)], .s64)
  }

  func expand(_ x: Exported, to dims: [Dim]) throws -> Exported { node("Expand", [x, try sizes(dims)], x.element) }

  func unsqueeze(_ x: Exported, _ axes: [Int]) -> Exported {
    axes.isEmpty ? x : node("Unsqueeze", [x, integers(axes)], x.element)
  }

  func squeeze(_ x: Exported, _ axes: [Int]) -> Exported {
    axes.isEmpty ? x : node("Squeeze", [x, integers(axes)], x.element)
  }

  func reshape(_ x: Exported, to dims: [Dim]) throws -> Exported {
    node("Reshape", [x, try sizes(dims)], ["allowzero": 1], x.element)
  }

  func transpose(_ x: Exported, _ perm: [Int]) -> Exported {
    perm.isEmpty ? x : node("Transpose", [x], ["perm": .ints(perm)], x.element)
  }

  /// The operand of a broadcast with the axes of its result, but not repeated along them.
  func unexpanded(_ x: Exported, _ op: OpID) -> Exported {
    let axes = ints("axes", op)
    return unsqueeze(x, (0..<type(of: op).rank).filter { !axes.contains($0) })
  }

  func slice(_ x: Exported, _ op: OpID) throws -> Exported {
    let strides = ints("strides", op)
    return try slice(x, operandType(0, op).dims, dims("starts", op), dims("limits", op), strides.isEmpty ? nil : strides)
  }

  /// Axes that are taken whole are left out.
  func slice(
    _ x: Exported, _ sizes: [Dim], _ starts: [Dim], _ limits: [Dim], _ strides: [Int]? = nil
  ) throws -> Exported {
    let steps = strides ?? sizes.map { _ in 1 }
    let axes = sizes.indices.filter { starts[$0] != 0 || limits[$0] != sizes[$0] || steps[$0] != 1 }
    guard !axes.isEmpty else { return x }
    return node(
      "Slice",
      [
        x, try self.sizes(axes.map { starts[$0] }), try self.sizes(axes.map { limits[$0] }), integers(axes),
        integers(axes.map { steps[$0] }),
      ], x.element)
  }

  func reversed(_ x: Exported, _ axes: [Int]) -> Exported {
    guard !axes.isEmpty else { return x }
    return node(
      "Slice", [x, integers(axes.map { _ in -1 }), integers(axes.map { _ in Int.min }), integers(axes), integers(axes.map { _ in -1 })],
      x.element)
  }

  func pad(_ x: Exported, _ value: Exported, _ op: OpID) throws -> Exported {
    var (result, sizes) = (x, operandType(0, op).dims)
    for (axis, gap) in ints("interior", op).enumerated() where gap > 0 {
      // The gaps stand behind the elements, along an axis of their own; behind the last there is none.
      let wide = unsqueeze(result, [axis + 1])
      var after = Array(repeating: 0, count: 2 * (sizes.count + 1))
      after[sizes.count + 1 + axis + 1] = gap
      let spread = node("Pad", [wide, integers(after), value], x.element)
      let size = sizes[axis]
      sizes[axis] = try Dim.product(size, .constant(gap + 1))
      let whole = try reshape(spread, to: sizes)
      let least = try Dim.maximum(0, Dim.difference(sizes[axis], .constant(gap)))
      var limits = sizes
      limits[axis] = (frame.function.symbols.bounds(of: size).lower ?? 0) >= 1 ? try Dim.difference(sizes[axis], .constant(gap)) : least
      result = try slice(whole, sizes, sizes.map { _ in 0 }, limits)
      sizes = limits
    }
    let (low, high) = (dims("low", op), dims("high", op))
    if (low + high).allSatisfy({ $0 == 0 }) { return result }
    return node("Pad", [result, try self.sizes(low + high), value], x.element)
  }
}
