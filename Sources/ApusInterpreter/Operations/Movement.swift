import ApusTensor

/// Ops that place elements elsewhere without changing them.
enum Movement: Sendable {
  case broadcast, reshape, transpose, slice, pad, concat, reverse, pack
}

extension Operation {
  func move(_ movement: Movement) throws -> Tensor {
    switch movement {
    case .broadcast: try broadcast()
    case .reshape: try reshape()
    case .transpose: try permuted(operands[0], ints("perm"))
    case .slice: try slice()
    case .pad: try pad()
    case .concat: try concat()
    case .reverse: try reverse()
    case .pack: operands[0]
    }
  }

  private func broadcast() throws -> Tensor {
    let x = operands[0]
    let shape = statedShape()
    let axes = ints("axes")
    let strides = rowMajorStrides(x.shape)
    var walk = StridedWalk(Array(repeating: 0, count: shape.count))
    for (axis, target) in axes.enumerated() {
      try require(
        x.shape[axis] == 1 || x.shape[axis] == shape[target],
        "axis \(axis) of size \(x.shape[axis]) cannot be repeated to \(shape[target])")
      if x.shape[axis] != 1 { walk.strides[target] = strides[axis] }
    }
    return try picking(x, shape, walk)
  }

  private func reshape() throws -> Tensor {
    let shape = statedShape()
    try require(
      elementCount(shape) == operands[0].count, "\(operands[0].shape) and \(shape) hold different numbers of elements")
    return try operands[0].reshaped(shape)
  }

  private func slice() throws -> Tensor {
    let x = operands[0]
    let (starts, limits) = (ints("starts"), ints("limits"))
    let steps = ints("strides", orRepeating: 1, count: x.rank)
    let strides = rowMajorStrides(x.shape)
    var walk = StridedWalk(strides)
    var shape = x.shape
    for axis in x.shape.indices {
      let (start, limit, step) = (starts[axis], limits[axis], steps[axis])
      try require(
        0 <= start && start <= limit && limit <= x.shape[axis] && step > 0,
        "\(start) ..< \(limit) is not within axis \(axis) of size \(x.shape[axis])")
      shape[axis] = (limit - start + step - 1) / step
      walk.start += start * strides[axis]
      walk.strides[axis] = step * strides[axis]
    }
    return try picking(x, shape, walk)
  }

  private func pad() throws -> Tensor {
    let (x, value) = (operands[0], operands[1])
    let (low, high) = (ints("low"), ints("high"))
    let interior = ints("interior", orRepeating: 0, count: x.rank)
    var shape = x.shape
    for axis in x.shape.indices {
      let (before, after, between) = (low[axis], high[axis], interior[axis])
      try require(before >= 0 && after >= 0 && between >= 0, "negative padding of axis \(axis)")
      shape[axis] = before + x.shape[axis] + max(0, x.shape[axis] - 1) * between + after
    }
    var result = try picking(value, shape, StridedWalk(Array(repeating: 0, count: shape.count)))
    let strides = rowMajorStrides(shape)
    let inner = StridedWalk(
      start: zip(low, strides).reduce(0) { $0 + $1.0 * $1.1 }, zip(interior, strides).map { ($0 + 1) * $1 })
    result.withUnsafeMutableBytes { target in
      x.withUnsafeBytes { source in
        copyElements(
          x.shape, size: x.elementType.byteCount, from: source, StridedWalk(rowMajor: x.shape), to: target, inner)
      }
    }
    return result
  }

  private func concat() throws -> Tensor {
    let axis = int("axis")
    var shape = operands[0].shape
    shape[axis] = 0
    for (index, x) in operands.enumerated() {
      for other in shape.indices where other != axis {
        try require(
          x.shape[other] == shape[other], "axis \(other) of input \(index) is \(x.shape[other]), not \(shape[other])")
      }
      shape[axis] += x.shape[axis]
    }
    var result = try allocate(operands[0].elementType, shape)
    let strides = rowMajorStrides(shape)
    result.withUnsafeMutableBytes { target in
      var start = 0
      for x in operands {
        x.withUnsafeBytes { source in
          copyElements(
            x.shape, size: x.elementType.byteCount, from: source, StridedWalk(rowMajor: x.shape), to: target,
            StridedWalk(start: start * strides[axis], strides))
        }
        start += x.shape[axis]
      }
    }
    return result
  }

  private func reverse() throws -> Tensor {
    let x = operands[0]
    var walk = StridedWalk(rowMajor: x.shape)
    for axis in ints("axes") where x.shape[axis] > 0 {
      walk.start += (x.shape[axis] - 1) * walk.strides[axis]
      walk.strides[axis] = -walk.strides[axis]
    }
    return try picking(x, x.shape, walk)
  }
}
