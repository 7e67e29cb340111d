import ApusTensor

extension InferenceContext {
  /// The result types of ops whose signature does not say their shape.
  mutating func shape(_ function: ShapeFunction) throws -> [TensorType] {
    switch function {
    case .transposeShape: [try transposeShape()]
    case .sliceShape: [try sliceShape()]
    case .padShape: [try padShape()]
    case .concatShape: [try concatShape()]
    case .gatherShape: [try gatherShape()]
    case .gatherNdShape: [try gatherNdShape()]
    case .scatterNdShape: [try scatterNdShape()]
    case .dynamicSliceShape: [try dynamicSliceShape()]
    case .nonZeroShape: [try nonZeroShape()]
    case .reduceShape: [reduceShape(axes: ints("axes"), element: operands[0].element)]
    case .argReduceShape: [try argReduceShape()]
    case .topKShape: try topKShape()
    case .reduceWindowShape: [try reduceWindowShape()]
    case .convShape: [try convShape()]
    case .convTransposeShape: [try convTransposeShape()]
    case .oneHotShape: [try oneHotShape()]
    case .depthToSpaceShape: [try depthToSpaceShape()]
    case .spaceToDepthShape: [try spaceToDepthShape()]
    case .resizeAxisShape: [try resizeAxisShape()]
    case .resizeShape: [try resizeShape()]
    case .forShape: operands.dropFirst(2).map { $0 }
    }
  }

  // MARK: Movement

  private func transposeShape() throws(InferenceError) -> TensorType {
    let x = operands[0]
    let permutation = ints("perm")
    try require(
      "C1", permutation.sorted() == Array(0..<x.rank),
      "`perm` is \(permutation), not a permutation of the \(x.rank) axes of `x`", operands: [0])
    return x.with(dims: permutation.map { x.dims[$0] })
  }

  private func sliceShape() throws -> TensorType {
    let x = operands[0]
    let (starts, limits) = (dims("starts"), dims("limits"))
    let strides = ints("strides").isEmpty ? [Int](repeating: 1, count: x.rank) : ints("strides")
    try require(
      "C1", starts.count == x.rank && limits.count == x.rank && strides.count == x.rank,
      "`starts`, `limits` and `strides` need one entry for each of the \(x.rank) axes of `x`", operands: [0])
    try require("C3", strides.allSatisfy { $0 > 0 }, "`strides` is \(strides), but strides are positive")
    var dims: [Dim] = []
    for axis in 0..<x.rank {
      let message =
        "along axis \(axis), \(text(starts[axis])) ..< \(text(limits[axis])) does not lie within 0 ..< \(text(x.dims[axis]))"
      try requireLessOrEqual("C2", 0, starts[axis], message, operands: [0])
      try requireLessOrEqual("C2", starts[axis], limits[axis], message, operands: [0])
      try requireLessOrEqual("C2", limits[axis], x.dims[axis], message, operands: [0])
      dims.append(try Dim.ceildiv(Dim.difference(limits[axis], starts[axis]), .constant(strides[axis])))
    }
    return x.with(dims: dims)
  }

  private func padShape() throws -> TensorType {
    let x = operands[0]
    let (low, high) = (dims("low"), dims("high"))
    let interior = ints("interior").isEmpty ? [Int](repeating: 0, count: x.rank) : ints("interior")
    try require(
      "C1", low.count == x.rank && high.count == x.rank && interior.count == x.rank,
      "`low`, `high` and `interior` need one entry for each of the \(x.rank) axes of `x`", operands: [0])
    try require("C2", interior.allSatisfy { $0 >= 0 }, "`interior` is \(interior), but padding is not negative")
    var dims: [Dim] = []
    for axis in 0..<x.rank {
      try requireLessOrEqual("C2", 0, low[axis], "`low` is \(text(low[axis])) along axis \(axis)")
      try requireLessOrEqual("C2", 0, high[axis], "`high` is \(text(high[axis])) along axis \(axis)")
      let size = x.dims[axis]
      // n elements have n − 1 gaps, and none has none.
      var inner = size
      if interior[axis] > 0 {
        let gaps = try Dim.maximum(Dim.difference(size, 1), 0)
        let atLeastOne = symbols.lessOrEqual(1, size) == .yes
        inner = try Dim.sum(
          size, Dim.product(atLeastOne ? Dim.difference(size, 1) : gaps, .constant(interior[axis])))
      }
      dims.append(try Dim.sum(Dim.sum(low[axis], inner), high[axis]))
    }
    return x.with(dims: dims)
  }

  private func concatShape() throws -> TensorType {
    let first = operands[0]
    let axis = int("axis")
    for (index, type) in operands.enumerated() {
      try require(
        "C1", type.rank == first.rank && type.rank > 0,
        "`inputs[0]` has \(first.rank) axes, `inputs[\(index)]` \(type.rank)", operands: [index, 0])
    }
    var total: Dim = 0
    for (index, type) in operands.enumerated() {
      for other in 0..<first.rank where other != axis {
        try requireEqual(
          "C2", first.dims[other], type.dims[other],
          "axis \(other) is \(text(first.dims[other])) in `inputs[0]`, \(text(type.dims[other])) in `inputs[\(index)]`",
          operands: [index, 0])
      }
      total = try Dim.sum(total, type.dims[axis])
    }
    var dims = first.dims
    dims[axis] = total
    return first.with(dims: dims)
  }

  // MARK: Indexing

  private func gatherShape() throws(InferenceError) -> TensorType {
    let (x, indices) = (operands[0], operands[1])
    try require("C1", x.rank > 0, "`x` has no axes", operands: [0])
    let axis = int("axis")
    return x.with(dims: x.dims[..<axis] + indices.dims + x.dims[(axis + 1)...])
  }

  private func gatherNdShape() throws -> TensorType {
    let (x, indices) = (operands[0], operands[1])
    let batch = int("batch_axes")
    guard batch >= 0, indices.rank > batch, x.rank >= batch, let depth = indices.dims.last?.constantValue,
      depth <= x.rank - batch
    else {
      throw InferenceError(
        "gather_nd.C1", "the last axis of `indices` must be a constant of at most the rank of `x` less `batch_axes`",
        operands: [1, 0])
    }
    for axis in 0..<batch {
      try requireEqual(
        "C2", x.dims[axis], indices.dims[axis],
        "batch axis \(axis) is \(text(x.dims[axis])) in `x`, \(text(indices.dims[axis])) in `indices`", operands: [1, 0])
    }
    return x.with(dims: indices.dims.dropLast() + x.dims[(batch + depth)...])
  }

  private func scatterNdShape() throws -> TensorType {
    let (x, indices, updates) = (operands[0], operands[1], operands[2])
    guard let depth = indices.dims.last?.constantValue, depth <= x.rank else {
      throw InferenceError(
        "scatter_nd.C1", "the last axis of `indices` must be a constant of at most the rank of `x`", operands: [1, 0])
    }
    let wanted = Array(indices.dims.dropLast() + x.dims[depth...])
    let message = "`updates` has shape \(text(updates.dims)), not \(text(wanted))"
    try require("C2", updates.rank == wanted.count, message, operands: [2])
    for (a, b) in zip(updates.dims, wanted) { try requireEqual("C2", a, b, message, operands: [2]) }
    try require("C3", x.element != .bool || name("reduction") == "none", "bool tensors cannot be combined")
    return x
  }

  private func dynamicSliceShape() throws -> TensorType {
    let x = operands[0]
    let sizes = dims("sizes")
    let starts = operands[1].dims[0]
    try require(
      "C1", sizes.count == x.rank, "`sizes` has \(sizes.count) entries for the \(x.rank) axes of `x`", operands: [0])
    try requireEqual(
      "C1", starts, .constant(x.rank), "`starts` has \(text(starts)) entries for the \(x.rank) axes of `x`",
      operands: [1])
    for axis in 0..<x.rank {
      let message = "size \(text(sizes[axis])) along axis \(axis) of size \(text(x.dims[axis]))"
      try requireLessOrEqual("C2", 0, sizes[axis], message, operands: [0])
      try requireLessOrEqual("C2", sizes[axis], x.dims[axis], message, operands: [0])
    }
    return x.with(dims: sizes)
  }

  private mutating func nonZeroShape() throws -> TensorType {
    let x = operands[0]
    if let stated, stated.count == 1, stated[0].rank == 2 { return TensorType(.s64, stated[0].dims) }
    let most = symbols.bounds(of: try x.elementCount()).upper
    let count = symbols.append(Symbol(name: "", bounds: DimBounds(lower: 0, upper: most), origin: .value))
    return TensorType(.s64, [.constant(x.rank), .symbol(count)])
  }

  // MARK: Reductions

  func reduceShape(axes: [Int], element: ElementType) -> TensorType {
    let x = operands[0]
    let keep = bool("keep_dims")
    var dims: [Dim] = []
    for axis in 0..<x.rank {
      if !axes.contains(axis) { dims.append(x.dims[axis]) } else if keep { dims.append(1) }
    }
    return TensorType(element, dims, form: x.form)
  }

  private func argReduceShape() throws -> TensorType {
    let axis = int("axis")
    try requireLessOrEqual("C1", 1, operands[0].dims[axis], "axis \(axis) may be empty", operands: [0])
    return reduceShape(axes: [axis], element: .s64)
  }

  private func topKShape() throws -> [TensorType] {
    let x = operands[0]
    let axis = int("axis")
    try require("C1", dims("k").count == 1, "`k` is one size")
    let k = dims("k")[0]
    let message = "`k` is \(text(k)), axis \(axis) has size \(text(x.dims[axis]))"
    try requireLessOrEqual("C1", 0, k, message, operands: [0])
    try requireLessOrEqual("C1", k, x.dims[axis], message, operands: [0])
    var dims = x.dims
    dims[axis] = k
    return [x.with(dims: dims), TensorType(.s64, dims)]
  }

  private func reduceWindowShape() throws -> TensorType {
    // Composites over [n, c, …] share this rule; their window covers the spatial axes.
    let x = operands[0]
    let window = ints("window")
    let first = x.rank - window.count
    let least = code == .reduceWindow ? 0 : 2
    try require(
      "C1", !window.isEmpty && first >= least,
      "`window` has \(window.count) entries, `x` \(x.rank) axes", operands: [0])
    if code != .reduceWindow {
      try require("C1", first == 2, "`window` needs one entry for each of the \(x.rank - 2) spatial axes", operands: [0])
    }
    let geometry = try WindowGeometry(self, window: window, constraints: ("C2", "C3"))
    var dims = x.dims
    for axis in window.indices {
      dims[first + axis] = try windowed(
        x.dims[first + axis], window[axis], geometry, axis, constraint: "C4", operand: 0)
    }
    return x.with(dims: dims)
  }

  /// The positions of a window that slides over a padded axis.
  private func windowed(
    _ size: Dim, _ window: Int, _ geometry: WindowGeometry, _ axis: Int, constraint: String, operand: Int
  ) throws -> Dim {
    let reach = try geometry.reach(of: window, axis)
    let padded = try Dim.sum(size, .constant(geometry.padding(axis)))
    try requireLessOrEqual(
      constraint, .constant(reach), padded,
      "a window that reaches over \(reach) elements is larger than the padded axis of \(text(padded))", operands: [operand])
    let slack = try Dim.difference(padded, .constant(reach))
    return try Dim.sum(Dim.floordiv(slack, .constant(geometry.strides[axis])), 1)
  }

  // MARK: Contractions

  private func convShape() throws -> TensorType {
    let (x, w) = (operands[0], operands[1])
    try require("C1", x.rank == w.rank && x.rank >= 3, "`x` has \(x.rank) axes, `w` \(w.rank)", operands: [0, 1])
    let groups = int("groups")
    try require("C3", groups > 0, "`groups` is \(groups)")
    let channels = try Dim.product(w.dims[1], .constant(groups))
    try requireEqual(
      "C2", x.dims[1], channels,
      "`x` has \(text(x.dims[1])) channels, `w` \(text(w.dims[1])) in \(groups) group\(groups == 1 ? "" : "s")",
      operands: [1, 0])
    try requireEqual(
      "C3", try Dim.mod(w.dims[0], .constant(groups)), 0,
      "\(groups) groups do not divide \(text(w.dims[0])) output channels", operands: [1])
    guard let kernel = w.with(dims: Array(w.dims[2...])).constantShape else {
      throw InferenceError("conv.C6", "the kernel's sizes must be constants", operands: [1])
    }
    let geometry = try WindowGeometry(self, window: kernel, constraints: ("C4", "C5"))
    var dims = [x.dims[0], w.dims[0]]
    for axis in kernel.indices {
      try require("C6", kernel[axis] > 0, "the kernel is empty along spatial axis \(axis)", operands: [1])
      dims.append(try windowed(x.dims[2 + axis], kernel[axis], geometry, axis, constraint: "C6", operand: 1))
    }
    return TensorType(code == .convInteger ? .s32 : x.element, dims)
  }

  private func convTransposeShape() throws -> TensorType {
    let (x, w) = (operands[0], operands[1])
    try require("C1", x.rank == w.rank && x.rank >= 3, "`x` has \(x.rank) axes, `w` \(w.rank)", operands: [0, 1])
    let groups = int("groups")
    try require("C2", groups > 0, "`groups` is \(groups)")
    try requireEqual(
      "C2", x.dims[1], w.dims[0], "`x` has \(text(x.dims[1])) channels, `w` \(text(w.dims[0]))", operands: [1, 0])
    try requireEqual(
      "C2", try Dim.mod(w.dims[0], .constant(groups)), 0,
      "\(groups) groups do not divide \(text(w.dims[0])) channels", operands: [1])
    guard let kernel = w.with(dims: Array(w.dims[2...])).constantShape else {
      throw InferenceError("conv_transpose.C1", "the kernel's sizes must be constants", operands: [1])
    }
    let geometry = try WindowGeometry(self, window: kernel, constraints: ("C3", "C4"))
    let extra = ints("output_pads").isEmpty ? [Int](repeating: 0, count: kernel.count) : ints("output_pads")
    try require("C3", extra.count == kernel.count, "`output_pads` has \(extra.count) entries for \(kernel.count) axes")
    var dims = [x.dims[0], try Dim.product(w.dims[1], .constant(groups))]
    for axis in kernel.indices {
      let spread = try Dim.product(Dim.difference(x.dims[2 + axis], 1), .constant(geometry.strides[axis]))
      let reach = try geometry.reach(of: kernel[axis], axis)
      let full = try Dim.sum(spread, .constant(reach + extra[axis]))
      dims.append(try Dim.difference(full, .constant(geometry.padding(axis))))
    }
    return x.with(dims: dims)
  }

  // MARK: Composites

  private func oneHotShape() throws(InferenceError) -> TensorType {
    try require("C1", dims("depth").count == 1, "`depth` is one size")
    return TensorType(.f32, operands[0].dims + dims("depth"))
  }

  private func depthToSpaceShape() throws -> TensorType {
    let x = operands[0]
    let block = int("block")
    try require("C1", block > 0 && block < 1 << 15, "`block` is \(block)")
    let square = Dim.constant(block * block)
    try requireEqual(
      "C1", try Dim.mod(x.dims[1], square), 0, "\(block)² does not divide \(text(x.dims[1])) channels", operands: [0])
    return x.with(dims: [
      x.dims[0], try Dim.floordiv(x.dims[1], square), try Dim.product(x.dims[2], .constant(block)),
      try Dim.product(x.dims[3], .constant(block)),
    ])
  }

  private func spaceToDepthShape() throws -> TensorType {
    let x = operands[0]
    let block = int("block")
    try require("C1", block > 0 && block < 1 << 15, "`block` is \(block)")
    for axis in 2...3 {
      try requireEqual(
        "C1", try Dim.mod(x.dims[axis], .constant(block)), 0, "\(block) does not divide \(text(x.dims[axis]))",
        operands: [0])
    }
    return x.with(dims: [
      x.dims[0], try Dim.product(x.dims[1], .constant(block * block)),
      try Dim.floordiv(x.dims[2], .constant(block)), try Dim.floordiv(x.dims[3], .constant(block)),
    ])
  }

  private func resizeAxisShape() throws(InferenceError) -> TensorType {
    try require("C1", dims("size").count == 1, "`size` is one size")
    var dims = operands[0].dims
    dims[int("axis")] = self.dims("size")[0]
    return operands[0].with(dims: dims)
  }

  private func resizeShape() throws(InferenceError) -> TensorType {
    let x = operands[0]
    let sizes = dims("sizes")
    guard case .floats(let scales)? = attribute("scales") else {
      throw InferenceError("op.attribute", "`scales` is a list of numbers", attribute: "scales")
    }
    try require(
      "C1", sizes.count == x.rank - 2 && (scales.isEmpty || scales.count == sizes.count),
      "`sizes` and `scales` need one entry for each of the \(x.rank - 2) spatial axes", operands: [0])
    return x.with(dims: Array(x.dims[..<2]) + sizes)
  }
}

/// Strides, dilations and padding of a sliding window, with defaults filled in.
struct WindowGeometry {
  let strides: [Int]
  let dilations: [Int]
  /// Before each axis, then after each.
  let pads: [Int]

  /// - Parameter constraints: those that speak of the lists' lengths and of their values.
  init(_ context: InferenceContext, window: [Int], constraints: (length: String, value: String)) throws(InferenceError) {
    func list(_ name: String, _ count: Int, _ filler: Int) -> [Int] {
      context.ints(name).isEmpty ? [Int](repeating: filler, count: count) : context.ints(name)
    }
    strides = list("strides", window.count, 1)
    dilations = list("dilations", window.count, 1)
    pads = list("pads", 2 * window.count, 0)
    try context.require(
      constraints.length,
      strides.count == window.count && dilations.count == window.count && pads.count == 2 * window.count,
      "for \(window.count) axes, `strides` has \(strides.count), `dilations` \(dilations.count) and `pads` \(pads.count) entries")
    let positive = (strides + dilations).allSatisfy { $0 > 0 } && window.allSatisfy { $0 >= 0 }
    try context.require(
      constraints.value, positive && pads.allSatisfy { $0 >= 0 } && (context.code != .reduceWindow || !window.contains(0)),
      "windows, strides and dilations are positive, pads not negative")
  }

  func padding(_ axis: Int) throws(DimOverflow) -> Int {
    let (sum, overflow) = pads[axis].addingReportingOverflow(pads[axis + strides.count])
    if overflow { throw DimOverflow() }
    return sum
  }

  /// The elements from the first to the last of a dilated window.
  func reach(of window: Int, _ axis: Int) throws(DimOverflow) -> Int {
    let (product, overflow) = max(window - 1, 0).multipliedReportingOverflow(by: dilations[axis])
    let (sum, more) = product.addingReportingOverflow(min(window, 1))
    if overflow || more { throw DimOverflow() }
    return sum
  }
}
