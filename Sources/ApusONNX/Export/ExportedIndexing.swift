import ApusIR
import ApusTensor

/// Reading and writing at indices. A negative index counts from the end in ONNX, and ends the run here: it becomes one that is
/// too large.
extension GraphExport {
  func gather(_ x: Exported, _ indices: Exported, _ op: OpID) throws -> Exported {
    let axis = int("axis", op)
    let bounded = try checked(indices, frame.function.operand(1, of: op), operandType(0, op).dims[axis])
    return node("Gather", [x, bounded], ["axis": .int(axis)], x.element)
  }

  func gatherElements(_ x: Exported, _ indices: Exported, _ op: OpID) throws -> Exported {
    let axis = int("axis", op)
    let (own, wanted) = (operandType(0, op).dims, operandType(1, op).dims)
    let bounded = try checked(indices, frame.function.operand(1, of: op), own[axis])
    // ONNX says nothing of other axes that are longer than those of the indices.
    let limits = own.indices.map { $0 == axis ? own[$0] : wanted[$0] }
    let part = try slice(x, own, own.map { _ in 0 }, limits)
    return node("GatherElements", [part, bounded], ["axis": .int(axis)], x.element)
  }

  func gatherVectors(_ x: Exported, _ indices: Exported, _ op: OpID) throws -> Exported {
    let (own, index) = (operandType(0, op).dims, operandType(1, op).dims)
    let batch = int("batch_axes", op)
    guard let depth = index.last?.constantValue else { throw Inexpressible("the length of the index vectors is not known") }
    if depth == 0 {
      // All of the rest of x, for each vector.
      let wide = unsqueeze(x, Array(batch..<index.count - 1))
      return try expand(wide, to: type(of: op).dims)
    }
    let bounded = try checked(indices, vectors: frame.function.operand(1, of: op), Array(own[batch..<batch + depth]))
    return node("GatherND", [x, bounded], ["batch_dims": .int(batch)], x.element)
  }

  func nonZero(_ x: Exported, _ op: OpID) throws -> Exported {
    guard operandType(0, op).rank == 0 else { return node("NonZero", [x], .s64) }
    // As a vector of one; then it has no row.
    let rows = node("NonZero", [unsqueeze(x, [0])], .s64)
    return node("Slice", [rows, integers([0]), integers([0]), integers([0])], .s64)
  }

  // MARK: Blocks at places that are computed

  func dynamicSlice(_ x: Exported, _ starts: Exported, _ op: OpID) throws -> Exported {
    let (own, sizes) = (operandType(0, op).dims, dims("sizes", op))
    var result = x
    for axis in own.indices where sizes[axis] != own[axis] {
      let start = try clampedStart(starts, axis, own[axis], sizes[axis])
      let places = node("Add", [try count(sizes[axis]), start], .s64)
      result = node("Gather", [result, places], ["axis": .int(axis)], x.element)
    }
    return result
  }

  func dynamicUpdate(_ x: [Exported], _ op: OpID) throws -> Exported {
    let (own, sizes) = (operandType(0, op).dims, operandType(1, op).dims)
    if own == sizes { return x[1] }
    var columns: [Exported] = []
    for axis in own.indices {
      var places = try count(sizes[axis])
      if sizes[axis] != own[axis] {
        places = node("Add", [places, try clampedStart(x[2], axis, own[axis], sizes[axis])], .s64)
      }
      let wide = unsqueeze(places, own.indices.filter { $0 != axis } + [own.count])
      columns.append(try expand(wide, to: sizes + [1]))
    }
    let indices = columns.count == 1 ? columns[0] : node("Concat", columns, ["axis": -1], .s64)
    return node("ScatterND", [x[0], indices, x[1]], x[0].element)
  }

  /// Where a block starts along an axis.
  private func clampedStart(_ starts: Exported, _ axis: Int, _ size: Dim, _ block: Dim) throws -> Exported {
    let start = cast(node("Gather", [starts, integer(axis)], ["axis": 0], starts.element), to: .s64)
    let last = try scalar(Dim.difference(size, block))
    return node("Max", [node("Min", [start, last], .s64), integer(0)], .s64)
  }

  // MARK: Indices

  /// Indices of which none counts from the end.
  func checked(_ indices: Exported, _ value: ValueID, _ size: Dim) throws -> Exported {
    guard !isNeverNegative(value) else { return indices }
    let isNegative = node("Less", [indices, zero(like: indices)], .bool)
    return choose(isNegative, cast(try scalar(size), to: indices.element), indices)
  }

  /// Index vectors, each entry of which is for an axis of its own, in s64: ONNX has no others.
  func checked(_ indices: Exported, vectors value: ValueID, _ axes: [Dim]) throws -> Exported {
    let indices = cast(indices, to: .s64)
    guard !isNeverNegative(value) else { return indices }
    let isNegative = node("Less", [indices, zero(like: indices)], .bool)
    return choose(isNegative, try sizes(axes), indices)
  }

  private func isNeverNegative(_ value: ValueID) -> Bool {
    guard let numbers = constantElements(value) else { return false }
    return numbers.allSatisfy { if case .signed(let number) = $0 { number >= 0 } else { true } }
  }
}
