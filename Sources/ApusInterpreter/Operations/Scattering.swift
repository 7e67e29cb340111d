import ApusTensor

extension Operation {
  func scatterElements() throws -> Tensor {
    let (x, indices, updates) = (operands[0], operands[1], operands[2])
    try require(
      indices.shape == updates.shape, "`indices` has shape \(indices.shape), `updates` \(updates.shape)")
    return try scattering(into: x, try elementOffsets(in: x.shape, indices, axis: int("axis")), updates, block: 1)
  }

  func scatterND() throws -> Tensor {
    let (x, indices, updates) = (operands[0], operands[1], operands[2])
    let depth = indices.shape[indices.rank - 1]
    let rest = x.shape[depth...]
    try require(
      updates.shape == Array(indices.shape.dropLast() + rest),
      "`updates` has shape \(updates.shape), not \(indices.shape.dropLast() + rest)")
    let starts = try blockOffsets(
      Elements(indices).integers, rows: elementCount(indices.shape.dropLast()), sizes: Array(x.shape[..<depth]))
    let block = elementCount(rest)
    return try scattering(into: x, starts.map { $0 * block }, updates, block: block)
  }

  /// Applies blocks of `updates`, in order, to the elements of `x` from each of `starts` on.
  private func scattering(into x: Tensor, _ starts: [Int], _ updates: Tensor, block: Int) throws -> Tensor {
    let type = x.elementType
    let combine: BinaryOp?
    switch name("reduction") {
    case "add": combine = .add
    case "mul": combine = .mul
    case "min": combine = .min
    case "max": combine = .max
    case let other:
      precondition(other == "none", "\(code.name) has no reduction \(other)")
      combine = nil
    }
    let result: Elements
    switch (Elements(x), Elements(updates)) {
    case (.floats(let old), .floats(let new)):
      let (round, step) = (rounding(to: type), combine?.onFloats(type))
      result = .floats(applied(new, to: old, starts, block) { old, new in step.map { round($0(old, new)) } ?? new })
    case (.integers(let old), .integers(let new)):
      let step = combine?.onIntegers(type)
      result = .integers(
        applied(new, to: old, starts, block) { old, new in step.map { wrapped($0(old, new), to: type) } ?? new })
    case (.floats, .integers), (.integers, .floats):
      preconditionFailure("\(code.name): updates have the element type of x")
    }
    return try tensor(result, type, x.shape)
  }

  private func applied<T>(
    _ updates: [T], to values: [T], _ starts: [Int], _ block: Int, _ combine: (T, T) -> T
  ) -> [T] {
    var values = values
    for (row, start) in starts.enumerated() {
      for index in 0..<block {
        values[start + index] = combine(values[start + index], updates[row * block + index])
      }
    }
    return values
  }

  func dynamicSlice() throws -> Tensor {
    let x = operands[0]
    let sizes = ints("sizes")
    return try picking(x, sizes, StridedWalk(start: try clampedStart(operands[1], sizes), rowMajorStrides(x.shape)))
  }

  func dynamicUpdateSlice() throws -> Tensor {
    let (x, update) = (operands[0], operands[1])
    let start = try clampedStart(operands[2], update.shape)
    var result = try picking(x, x.shape, StridedWalk(rowMajor: x.shape))
    result.withUnsafeMutableBytes { target in
      update.withUnsafeBytes { source in
        copyElements(
          update.shape, size: x.elementType.byteCount, from: source, StridedWalk(rowMajor: update.shape), to: target,
          StridedWalk(start: start, rowMajorStrides(x.shape)))
      }
    }
    return result
  }

  /// The offset of a block of `sizes` in the first operand, moved so that the block lies within it.
  private func clampedStart(_ starts: Tensor, _ sizes: [Int]) throws -> Int {
    let shape = operands[0].shape
    let positions = Elements(starts).integers
    let strides = rowMajorStrides(shape)
    try require(
      positions.count == shape.count, "\(positions.count) start indices for a tensor of rank \(shape.count)")
    var offset = 0
    for axis in shape.indices {
      try require(
        0 <= sizes[axis] && sizes[axis] <= shape[axis],
        "a block of \(sizes[axis]) is larger than axis \(axis) of size \(shape[axis])")
      offset += min(max(Int(positions[axis]), 0), shape[axis] - sizes[axis]) * strides[axis]
    }
    return offset
  }
}
