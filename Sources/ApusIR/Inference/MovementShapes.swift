import ApusSupport
import ApusTensor

extension TypeInference {
  func transposeShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    let perm = ints("perm")
    try require(perm.sorted() == Array(0..<x.rank), "C1", .attribute("perm"), "\(perm) is none for rank \(x.rank)")
    return [x.with(dims: perm.map { x.dims[$0] })]
  }

  func sliceShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    let starts = dims("starts")
    let limits = dims("limits")
    let strides = try perAxis("strides", count: x.rank, default: 1, "C1")
    try require(starts.count == x.rank, "C1", .attribute("starts"), "\(starts.count) starts for rank \(x.rank)")
    try require(limits.count == x.rank, "C1", .attribute("limits"), "\(limits.count) limits for rank \(x.rank)")
    var shape: [Dim] = []
    for axis in 0..<x.rank {
      let (start, limit, size) = (starts[axis], limits[axis], x.dims[axis])
      try requireAtMost(0, start, "C2", .attribute("starts"), "start \(text(start)) of axis \(axis)")
      try requireAtMost(
        start, limit, "C2", .attribute("limits"), "axis \(axis) starts at \(text(start)), ends at \(text(limit))")
      try requireAtMost(
        limit, size, "C2", .attribute("limits"), "axis \(axis) ends at \(text(limit)) of \(text(size))")
      try require(
        strides[axis] > (isPlanted(.slicesMayStandStill) ? -1 : 0), "C3", .attribute("strides"),
        "stride \(strides[axis]) of axis \(axis)")
      shape.append(
        try sized { () throws(DimOverflow) in
          try Dim.ceildiv(Dim.difference(limit, start), .constant(strides[axis]))
        })
    }
    return [x.with(dims: shape)]
  }

  func padShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    let low = dims("low")
    let high = dims("high")
    let interior = try perAxis("interior", count: x.rank, default: 0, "C1")
    try require(low.count == x.rank, "C1", .attribute("low"), "\(low.count) entries for rank \(x.rank)")
    try require(high.count == x.rank, "C1", .attribute("high"), "\(high.count) entries for rank \(x.rank)")
    var shape: [Dim] = []
    for axis in 0..<x.rank {
      try requireAtMost(0, low[axis], "C2", .attribute("low"), "\(text(low[axis])) before axis \(axis)")
      try requireAtMost(0, high[axis], "C2", .attribute("high"), "\(text(high[axis])) after axis \(axis)")
      try require(interior[axis] >= 0, "C2", .attribute("interior"), "\(interior[axis]) within axis \(axis)")
      let spread = try spread(x.dims[axis], interior: interior[axis])
      shape.append(
        try sized { () throws(DimOverflow) in try Dim.sum(Dim.sum(low[axis], spread), high[axis]) })
    }
    return [x.with(dims: shape)]
  }

  func concatRanks() throws(InferenceError) {
    let inputs = operandList("inputs")
    let rank = inputs.first?.rank ?? 0
    try require(rank > 0, "C1", .operand(0), "`inputs[0]` is a scalar")
    for (index, input) in inputs.enumerated() where input.rank != rank {
      throw violation(
        "C1", .operand(index), related: [0], "`inputs[0]` has rank \(rank), `inputs[\(index)]` \(input.rank)")
    }
  }

  func concatShape() throws(InferenceError) -> [TensorType] {
    let inputs = Array(operandList("inputs"))
    let along = int("axis")
    var shape = inputs[0].dims
    for (index, input) in inputs.enumerated().dropFirst() {
      for axis in shape.indices {
        if axis == along {
          shape[axis] = try sized { () throws(DimOverflow) in try Dim.sum(shape[axis], input.dims[axis]) }
          continue
        }
        if index > 1, isPlanted(.concatsCompareTwo) { continue }
        try requireEqual(
          shape[axis], input.dims[axis], "C2", .operand(index),
          "axis \(axis) is \(text(shape[axis])) in `inputs[0]`, \(text(input.dims[axis])) in `inputs[\(index)]`")
        if input.dims[axis].constantValue != nil { shape[axis] = input.dims[axis] }
      }
    }
    return [inputs[0].with(dims: shape)]
  }

  func broadcastRules() throws(InferenceError) {
    let x = operand("x")
    let axes = ints("axes")
    let shape = results[0].dims
    try require(axes.count == x.rank, "C1", .attribute("axes"), "\(axes.count) entries for rank \(x.rank)")
    for (index, axis) in axes.enumerated() {
      let isIncreasing = index == 0 || axes[index - 1] < axis + (isPlanted(.axesOfABroadcastMayRepeat) ? 1 : 0)
      try require(
        isIncreasing && axis >= 0 && axis < shape.count, "C2", .attribute("axes"),
        "\(axes) for a result of rank \(shape.count)")
    }
    for (index, axis) in axes.enumerated() {
      let (size, target) = (x.dims[index], shape[axis])
      try requireRepeats(
        size, target, "C3", .operand(0),
        "axis \(index) of `x` is \(text(size)), axis \(axis) of the result \(text(target))")
    }
  }

  func reshapeRules() throws(InferenceError) {
    let x = operand("x")
    let result = results[0]
    if x.dims == result.dims { return }
    let before = try sized { () throws(DimOverflow) in try x.elementCount() }
    let after = try sized { () throws(DimOverflow) in try result.elementCount() }
    try requireEqual(
      before, after, "C1", .operand(0),
      "\(text(x.dims)) holds \(text(before)), \(text(result.dims)) \(text(after))")
  }
}

extension TypeInference {
  /// `size` is `target`, or 1 and is repeated.
  func requireRepeats(
    _ size: Dim, _ target: Dim, _ constraint: String, _ subject: RuleSubject, _ detail: @autoclosure () -> String
  ) throws(InferenceError) {
    if size == 1 || size == target { return }
    switch symbols.equal(size, 1) {
    case .yes: return
    case .no: try requireEqual(size, target, constraint, subject, detail())
    case .unknown where symbols.equal(size, target) == .yes: return
    case .unknown:
      // (size − 1) · (size − target) = 0
      let product = try sized { () throws(DimOverflow) in
        try Dim.product(Dim.difference(size, 1), Dim.difference(size, target))
      }
      try requireEqual(product, 0, constraint, subject, detail())
    }
  }

  /// An attribute with one entry for each of `count` axes; the empty list stands for the default.
  func perAxis(
    _ name: String, count: Int, default value: Int, _ constraint: String
  ) throws(InferenceError) -> [Int] {
    let list = ints(name)
    if list.isEmpty { return Array(repeating: value, count: count) }
    try require(
      list.count == count, constraint, .attribute(name), "\(list.count) entries for \(count) axes")
    return list
  }

  /// An axis after `interior` elements have been put between its own.
  func spread(_ size: Dim, interior: Int) throws(InferenceError) -> Dim {
    if interior == 0 { return size }
    return try sized { () throws(DimOverflow) in
      let gaps =
        switch symbols.lessOrEqual(1, size) {
        case .yes: try Dim.difference(size, 1)
        case .no: Dim.constant(0)
        case .unknown: try Dim.maximum(Dim.difference(size, 1), 0)
        }
      return try Dim.sum(size, Dim.product(gaps, .constant(interior)))
    }
  }
}
