import ApusTensor

extension TypeInference {
  func gatherRank() throws(InferenceError) {
    try require(operand("x").rank > 0, "C1", .operand(0), "it is a scalar")
  }

  func gatherShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    let axis = int("axis")
    return [x.with(dims: x.dims[..<axis] + operand("indices").dims + x.dims[(axis + 1)...])]
  }

  func gatherNdShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    let indices = operand("indices")
    let batch = int("batch_axes")
    let depth = try indexDepth(indices, limit: x.rank - batch)
    try require(
      batch >= 0 && batch < indices.rank && batch <= x.rank, "C2", .attribute("batch_axes"),
      "\(batch) of ranks \(x.rank) and \(indices.rank)")
    for axis in 0..<batch {
      try requireEqual(
        x.dims[axis], indices.dims[axis], "C2", subject("indices"),
        "axis \(axis) is \(text(x.dims[axis])) in `x`, \(text(indices.dims[axis])) in `indices`")
    }
    return [x.with(dims: indices.dims.dropLast() + x.dims[(batch + depth)...])]
  }

  func scatterNdShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    let indices = operand("indices")
    let updates = operand("updates")
    let depth = try indexDepth(indices, limit: x.rank)
    let wanted = Array(indices.dims.dropLast() + x.dims[depth...])
    try require(
      updates.rank == wanted.count, "C2", subject("updates"), "\(text(wanted)) is wanted, it is \(text(updates.dims))")
    for (a, b) in zip(wanted, updates.dims) {
      try requireEqual(a, b, "C2", subject("updates"), "\(text(wanted)) is wanted, it is \(text(updates.dims))")
    }
    try checkReductionOfBool()
    return [x]
  }

  func elementIndexRanks() throws(InferenceError) {
    let x = operand("x")
    let indices = operand("indices")
    try require(
      x.rank == indices.rank && x.rank > 0, "C1", subject("indices"), "they are \(x.rank) and \(indices.rank)")
  }

  func elementIndexRules() throws(InferenceError) {
    let x = operand("x")
    let indices = operand("indices")
    for axis in 0..<x.rank where axis != int("axis") {
      try requireAtMost(
        indices.dims[axis], x.dims[axis], "C2", subject("indices"),
        "axis \(axis) is \(text(indices.dims[axis])) in `indices`, \(text(x.dims[axis])) in `x`")
    }
  }

  func scatterElementsRules() throws(InferenceError) {
    try elementIndexRules()
    try checkReductionOfBool()
  }

  func dynamicSliceShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    let sizes = dims("sizes")
    try require(sizes.count == x.rank, "C1", .attribute("sizes"), "\(sizes.count) sizes for rank \(x.rank)")
    try checkStarts(x)
    for axis in 0..<x.rank {
      try requireAtMost(0, sizes[axis], "C2", .attribute("sizes"), "size \(text(sizes[axis])) of axis \(axis)")
      try requireAtMost(
        sizes[axis], x.dims[axis], "C2", .attribute("sizes"),
        "size \(text(sizes[axis])) of axis \(axis), which is \(text(x.dims[axis]))")
    }
    return [x.with(dims: sizes)]
  }

  func dynamicUpdateSliceRules() throws(InferenceError) {
    let x = operand("x")
    let update = operand("update")
    try require(update.rank == x.rank, "C1", subject("update"), "its rank is \(update.rank), that of `x` \(x.rank)")
    try checkStarts(x)
    for axis in 0..<x.rank {
      try requireAtMost(
        update.dims[axis], x.dims[axis], "C2", subject("update"),
        "axis \(axis) is \(text(update.dims[axis])) in `update`, \(text(x.dims[axis])) in `x`")
    }
  }

  mutating func nonZeroShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    if let stated, stated.count == 1, stated[0].rank == 2 {
      let count = stated[0].dims[1]
      guard let symbol = count.symbolID, symbols[symbol].origin == .value else {
        throw InferenceError(
          "type.mismatch", "how many there are depends on the data, \(text(count)) is stated", at: .result(0),
          hint: "write `?` or a new name for the size")
      }
      return [TensorType(.s64, [.constant(x.rank), count], form: x.form)]
    }
    let most = try sized { () throws(DimOverflow) in try x.elementCount() }
    let symbol = Symbol(
      name: "", bounds: DimBounds(lower: 0, upper: symbols.bounds(of: most).upper), origin: .value)
    return [TensorType(.s64, [.constant(x.rank), .symbol(symbols.append(symbol))], form: x.form)]
  }

  func oneHotShape() throws(InferenceError) -> [TensorType] {
    let depth = dims("depth")
    try require(depth.count == 1, "C1", .attribute("depth"), "it has \(depth.count) entries")
    try requireAtMost(0, depth[0], "C1", .attribute("depth"), "it is \(text(depth[0]))")
    let indices = operand("indices")
    return [TensorType(.f32, indices.dims + depth, form: indices.form)]
  }
}

extension TypeInference {
  /// How many axes an index vector selects: the size of the last axis of `indices`.
  private func indexDepth(_ indices: TensorType, limit: Int) throws(InferenceError) -> Int {
    guard let last = indices.dims.last else { throw violation("C1", subject("indices"), "it is a scalar") }
    guard let depth = last.constantValue, depth >= 0, depth <= limit else {
      throw violation("C1", subject("indices"), "it is \(text(last)), at most \(max(limit, 0)) is wanted")
    }
    return depth
  }

  private func checkStarts(_ x: TensorType) throws(InferenceError) {
    let count = operand("starts").dims[0]
    try requireEqual(
      count, .constant(x.rank), "C1", subject("starts"), "`starts` has \(text(count)) entries for rank \(x.rank)")
  }

  private func checkReductionOfBool() throws(InferenceError) {
    try require(
      operand("x").element != .bool || isName("reduction", "none"), "C3", .attribute("reduction"),
      "`x` has elements of type bool")
  }
}
