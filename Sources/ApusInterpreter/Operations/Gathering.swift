import ApusSupport
import ApusTensor

/// Ops that read or write at indices held in tensors.
enum Indexing: Sendable {
  case gather, gatherElements, gatherND, scatterElements, scatterND, dynamicSlice, dynamicUpdateSlice, nonZero
}

extension Operation {
  func index(_ op: Indexing) throws -> Tensor {
    switch op {
    case .gather: try gather()
    case .gatherElements: try gatherElements()
    case .gatherND: try gatherND()
    case .scatterElements: try scatterElements()
    case .scatterND: try scatterND()
    case .dynamicSlice: try dynamicSlice()
    case .dynamicUpdateSlice: try dynamicUpdateSlice()
    case .nonZero: try nonZero()
    }
  }

  /// Throws `index.range` unless the index lies in an axis of that size.
  func checked(_ index: Int64, size: Int) throws -> Int {
    guard index >= 0, index < Int64(size) else {
      throw DiagnosticError(id: "index.range", "\(code.name): index \(index) is outside an axis of size \(size)")
    }
    return Int(index)
  }

  private func gather() throws -> Tensor {
    let (x, indices) = (operands[0], operands[1])
    let axis = int("axis")
    let inner = elementCount(x.shape[(axis + 1)...])
    var result = try allocate(x.elementType, x.shape[..<axis] + indices.shape + x.shape[(axis + 1)...])
    // S6.2
    if result.count == 0 { return result }
    let positions = try Elements(indices).integers.map { try checked($0, size: x.shape[axis]) }
    let blocks = elementCount(x.shape[..<axis])
    var from: [Int] = []
    from.reserveCapacity(blocks * positions.count)
    for block in 0..<blocks {
      for position in positions { from.append(block * x.shape[axis] + position) }
    }
    copyBlocks(from, of: inner, from: x, to: &result)
    return result
  }

  private func gatherElements() throws -> Tensor {
    let (x, indices) = (operands[0], operands[1])
    var result = try allocate(x.elementType, indices.shape)
    copyBlocks(try elementOffsets(in: x.shape, indices, axis: int("axis")), of: 1, from: x, to: &result)
    return result
  }

  private func gatherND() throws -> Tensor {
    let (x, indices) = (operands[0], operands[1])
    let batch = int("batch_axes")
    let depth = indices.shape[indices.rank - 1]
    for axis in 0..<batch {
      try require(
        x.shape[axis] == indices.shape[axis],
        "batch axis \(axis) is \(x.shape[axis]) in `x` and \(indices.shape[axis]) in `indices`")
    }
    let batches = elementCount(x.shape[..<batch])
    let rows = elementCount(indices.shape.dropLast())
    let rest = x.shape[(batch + depth)...]
    let sizes = Array(x.shape[batch..<(batch + depth)])
    var result = try allocate(x.elementType, indices.shape.dropLast() + rest)
    if result.count == 0 { return result }
    let starts = try blockOffsets(Elements(indices).integers, rows: rows, sizes: sizes)
    let span = elementCount(sizes)
    let perBatch = batches == 0 ? 1 : max(1, rows / batches)
    let from = starts.indices.map { starts[$0] + $0 / perBatch * span }
    copyBlocks(from, of: elementCount(rest), from: x, to: &result)
    return result
  }

  /// For each index of `indices`, the row-major offset in `shape` of that position with `axis` replaced.
  func elementOffsets(in shape: [Int], _ indices: Tensor, axis: Int) throws -> [Int] {
    let positions = Elements(indices).integers
    for other in shape.indices where other != axis {
      try require(
        indices.shape[other] <= shape[other],
        "axis \(other) of `indices` is \(indices.shape[other]), more than \(shape[other])")
    }
    var walk = StridedWalk(rowMajor: shape)
    let stride = walk.strides[axis]
    walk.strides[axis] = 0
    var offsets = Array(repeating: 0, count: positions.count)
    let last = walk.strides.last ?? 0
    let count = indices.shape.last ?? 1
    forEachRow(indices.shape, walk, StridedWalk(rowMajor: indices.shape)) { base, row in
      for index in 0..<count { offsets[row + index] = base + index * last }
    }
    for (index, position) in positions.enumerated() {
      offsets[index] += try checked(position, size: shape[axis]) * stride
    }
    return offsets
  }

  /// For each row of index vectors, its row-major offset in `sizes`.
  func blockOffsets(_ vectors: [Int64], rows: Int, sizes: [Int]) throws -> [Int] {
    try (0..<rows).map { row in
      var offset = 0
      for (axis, size) in sizes.enumerated() {
        offset = offset * size + (try checked(vectors[row * sizes.count + axis], size: size))
      }
      return offset
    }
  }

  /// Block i of the result is block `from[i]` of `x`; blocks have `size` elements.
  private func copyBlocks(_ from: [Int], of size: Int, from x: Tensor, to result: inout Tensor) {
    let bytes = size * x.elementType.byteCount
    if bytes == 0 { return }
    result.withUnsafeMutableBytes { target in
      x.withUnsafeBytes { source in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        for (index, block) in from.enumerated() {
          (target + index * bytes).copyMemory(from: source + block * bytes, byteCount: bytes)
        }
      }
    }
  }

  private func nonZero() throws -> Tensor {
    let x = operands[0]
    let positions: [Int]
    switch Elements(x) {
    case .floats(let values): positions = values.indices.filter { values[$0] != 0 }
    case .integers(let values): positions = values.indices.filter { values[$0] != 0 }
    }
    let strides = rowMajorStrides(x.shape)
    var columns: [Int64] = []
    for axis in x.shape.indices {
      for position in positions { columns.append(Int64(position / strides[axis] % x.shape[axis])) }
    }
    return try tensor(.integers(columns), .s64, [x.rank, positions.count])
  }
}
