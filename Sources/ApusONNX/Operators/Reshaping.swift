import ApusIR
import ApusTensor

extension Operators {
  /// The same elements under another shape, repeated or in another order of axes.
  static var reshaping: [OperatorRule] {
    [
      OperatorRule("Reshape", value: reshape),
      OperatorRule("Flatten", value: { n in
        let x = try n.value(0)
        let dims = n.dims(x)
        let axis = try n.int("axis", 1)
        guard axis >= -dims.count, axis <= dims.count else {
          throw n.error("onnx.axis", "there is no axis \(axis) of \(dims.count)")
        }
        let split = axis < 0 ? axis + dims.count : axis
        return try n.reshape(x, [n.product(dims[..<split]), n.product(dims[split...])])
      }),
      OperatorRule("Squeeze", value: squeeze),
      OperatorRule("Unsqueeze", value: { n in
        let x = try n.value(0)
        guard let axes = try axes(n) else { throw n.error("onnx.operand", "the axes are left out") }
        var dims = n.dims(x)
        for axis in try n.axes(axes, rank: dims.count + axes.count).sorted() { dims.insert(1, at: axis) }
        return try n.reshape(x, dims)
      }),
      OperatorRule("Transpose", value: { n in
        let x = try n.value(0)
        let perm = try n.optionalInts("perm") ?? Array((0..<n.rank(x)).reversed())
        return try n.transpose(x, n.axes(perm, rank: n.rank(x)))
      }),
      OperatorRule("Expand", value: { n in
        let x = try n.value(0)
        return try n.expand(x, to: bidirectional(n, n.dims(x), n.sizes(1, "the shape")))
      }),
      OperatorRule("Tile", value: tile),
      OperatorRule("DepthToSpace", value: { n in
        try n.call(
          .depthToSpace, [.value(n.value(0))],
          ["block": .integer(n.int("blocksize", 1)), "mode": .name(isDepthFirst(n) ? "dcr" : "crd")])
      }),
      OperatorRule("SpaceToDepth", value: spaceToDepth),
    ]
  }

  /// The attribute, or the operand that it became.
  private static func axes(_ n: NodeTranslation) throws -> [Int]? {
    if let axes = try n.optionalInts("axes") { return axes }
    return n.has(1) ? try n.integers(1, "the list of axes") : nil
  }

  // MARK: Reshape

  private static func reshape(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let own = n.dims(x)
    let copiesZeros = try !n.flag("allowzero")
    var dims = try n.optionalInts("shape")?.map { .constant($0) } ?? n.sizes(1, "the shape")
    var open: Int?
    for (axis, dim) in dims.enumerated() {
      if dim == 0, copiesZeros {
        guard axis < own.count else { throw n.error("onnx.shape", "there is no axis \(axis) whose size could be kept") }
        dims[axis] = own[axis]
      } else if let size = dim.constantValue, size < 0 {
        guard size == -1, open == nil else { throw n.error("onnx.shape", "more than one size of the shape is left open") }
        open = axis
      }
    }
    guard let open else { return try n.reshape(x, dims) }
    // Factors that both have leave first: what is left divides more often.
    var (all, others) = (own, dims)
    others.remove(at: open)
    for dim in others {
      guard dim != 0, let same = all.firstIndex(of: dim), let mine = others.firstIndex(of: dim) else { continue }
      all.remove(at: same)
      others.remove(at: mine)
    }
    let rest = try n.product(others)
    guard rest != 0 else { throw n.error("onnx.shape", "no size can be worked out beside one of 0") }
    let total = try n.product(all)
    if let count = total.constantValue, let step = rest.constantValue, count % step != 0 {
      throw n.error("onnx.shape", "\(count) elements cannot be divided into parts of \(step)")
    }
    dims[open] = try n.quotient(total, rest)
    return try n.reshape(x, dims)
  }

  private static func squeeze(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    var dims = n.dims(x)
    if let axes = try axes(n) {
      for axis in try n.axes(axes, rank: dims.count).sorted(by: >) {
        if let size = dims[axis].constantValue, size != 1 {
          throw n.error("onnx.shape", "axis \(axis) has the size \(size), not 1")
        }
        dims.remove(at: axis)
      }
      return try n.reshape(x, dims)
    }
    guard dims.allSatisfy({ $0 == 1 || n.areEqual($0, 1) == .no }) else {
      throw n.unsupported("which axes have the size 1 is not known before the model runs")
    }
    dims.removeAll { $0 == 1 }
    return try n.reshape(x, dims)
  }

  // MARK: Depth and space

  /// Whether the place within a block is the outer one of the channels' axes.
  private static func isDepthFirst(_ n: NodeTranslation) throws -> Bool {
    let mode = try n.string("mode", "DCR")
    guard mode == "DCR" || mode == "CRD" else { throw n.error("onnx.attribute", "there is no mode '\(mode)'") }
    return mode == "DCR"
  }

  private static func spaceToDepth(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let block = try n.int("blocksize", 1)
    let moved = try n.call(.spaceToDepth, [.value(x)], ["block": .integer(block)])
    guard try !isDepthFirst(n) else { return moved }
    let (dims, result) = (n.dims(x), n.dims(moved))
    let split = try n.reshape(moved, [dims[0], n.product(.constant(block), .constant(block)), dims[1], result[2], result[3]])
    return try n.reshape(n.transpose(split, [0, 2, 1, 3, 4]), result)
  }

  // MARK: Repeating

  /// The shape in which two go together, sizes of 1 of either being repeated.
  private static func bidirectional(_ n: NodeTranslation, _ x: [Dim], _ target: [Dim]) throws -> [Dim] {
    let rank = max(x.count, target.count)
    let own = Array(repeating: 1, count: rank - x.count) + x
    let wanted = Array(repeating: 1, count: rank - target.count) + target
    return try zip(own, wanted).map { size, wish in
      if size == wish || wish == 1 { return size }
      if size == 1 || n.areEqual(size, wish) == .yes { return wish }
      switch (size.constantValue, wish.constantValue) {
      case (let size?, let wish?): throw n.error("onnx.shape", "the size \(size) cannot be repeated to \(wish)")
      // A size that is not 1 is what the other one repeats to.
      case (_?, nil): return size
      case (nil, _): return wish
      }
    }
  }

  private static func tile(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let dims = n.dims(x)
    let repeats = try n.sizes(1, "the list of repeats")
    guard repeats.count == dims.count else {
      throw n.error("onnx.operand", "there are \(repeats.count) repeats for \(dims.count) axes")
    }
    var wide: [Dim] = []
    var axes: [Int] = []
    for (size, count) in zip(dims, repeats) {
      if count != 1 { wide.append(count) }
      axes.append(wide.count)
      wide.append(size)
    }
    let repeated = try n.call(
      .broadcast, [.value(x)], ["axes": .ints(axes), "shape": .sizes(wide)])
    return try n.reshape(repeated, zip(dims, repeats).map { try n.product($0, $1) })
  }
}
