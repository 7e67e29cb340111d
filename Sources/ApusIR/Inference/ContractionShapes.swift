import ApusTensor

extension TypeInference {
  func convShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    let w = operand("w")
    let groups = int("groups")
    try checkImageRanks(x, w)
    try require(groups > 0, "C3", .attribute("groups"), "groups are \(groups)")
    let channels = try sized { () throws(DimOverflow) in try Dim.product(w.dims[1], .constant(groups)) }
    try requireEqual(
      x.dims[1], channels, "C2", subject("w"),
      "`x` has \(text(x.dims[1])) channels, `w` \(text(w.dims[1])) in \(groups) group\(groups == 1 ? "" : "s")")
    try requireDivides(
      .constant(groups), w.dims[0], "C3", .attribute("groups"),
      "\(groups) groups of \(text(w.dims[0])) output channels")
    for (axis, size) in w.dims.enumerated().dropFirst(2) {
      try require(
        (size.constantValue ?? 0) > 0, "C7", subject("w"), "axis \(axis) of `w` is \(text(size))")
    }
    let sliding = try sliding(x.rank - 2, "C4", "C5")
    var shape = [x.dims[0], w.dims[0]]
    for index in 0..<(x.rank - 2) {
      shape.append(try windows(x.dims[index + 2], w.dims[index + 2], sliding, index, "C6"))
    }
    return [TensorType(info.code == .convInteger ? .s32 : x.element, shape, form: x.form)]
  }

  func convTransposeShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    let w = operand("w")
    let groups = int("groups")
    try checkImageRanks(x, w)
    try requireEqual(
      x.dims[1], w.dims[0], "C2", subject("w"),
      "`x` has \(text(x.dims[1])) channels, `w` \(text(w.dims[0]))")
    try requireDivides(
      .constant(groups), x.dims[1], "C2", .attribute("groups"), "\(groups) groups of \(text(x.dims[1])) channels")
    for (axis, size) in w.dims.enumerated().dropFirst(2) {
      try require(
        (size.constantValue ?? 0) > 0, "C5", subject("w"), "axis \(axis) of `w` is \(text(size))")
    }
    let count = x.rank - 2
    let extra = try perAxis("output_pads", count: count, default: 0, "C3")
    let sliding = try sliding(count, "C3", "C4")
    try require(extra.allSatisfy { $0 >= 0 }, "C4", .attribute("output_pads"), "output pads are \(extra)")
    var shape = [x.dims[0]]
    shape.append(try sized { () throws(DimOverflow) in try Dim.product(w.dims[1], .constant(groups)) })
    for index in 0..<count {
      let spread = try spread(x.dims[index + 2], interior: sliding.strides[index] - 1)
      let full = try sized { () throws(DimOverflow) in
        let reach = try Dim.product(.constant(sliding.dilations[index]), Dim.difference(w.dims[index + 2], 1))
        return try Dim.sum(Dim.sum(spread, reach), .constant(extra[index]))
      }
      try requireAtMost(1, full, "C6", .operand(0), "axis \(index + 2) makes \(text(full)) elements")
      let size = try sized { () throws(DimOverflow) in
        try Dim.difference(full, Dim.sum(.constant(sliding.before[index]), .constant(sliding.after[index])))
      }
      try requireNotNegative(size, .attribute("pads"))
      shape.append(size)
    }
    return [TensorType(x.element, shape, form: x.form)]
  }

  func depthToSpaceShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    let block = int("block")
    let area = try sized { () throws(DimOverflow) in try Dim.product(.constant(block), .constant(block)) }
    try require(block > 0, "C1", .attribute("block"), "it is \(block)")
    try requireDivides(area, x.dims[1], "C1", .operand(0), "there are \(text(x.dims[1])) channels")
    let shape = try sized { () throws(DimOverflow) in
      [
        x.dims[0], try Dim.floordiv(x.dims[1], area), try Dim.product(x.dims[2], .constant(block)),
        try Dim.product(x.dims[3], .constant(block)),
      ]
    }
    return [x.with(dims: shape)]
  }

  func spaceToDepthShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    let block = int("block")
    try require(block > 0, "C1", .attribute("block"), "it is \(block)")
    for axis in 2..<4 {
      try requireDivides(
        .constant(block), x.dims[axis], "C1", .operand(0), "axis \(axis) is \(text(x.dims[axis]))")
    }
    let shape = try sized { () throws(DimOverflow) in
      let divisor = Dim.constant(block)
      return [
        x.dims[0], try Dim.product(Dim.product(x.dims[1], divisor), divisor),
        try Dim.floordiv(x.dims[2], divisor), try Dim.floordiv(x.dims[3], divisor),
      ]
    }
    return [x.with(dims: shape)]
  }

  func resizeAxisShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    let size = dims("size")
    try require(size.count == 1, "C1", .attribute("size"), "it has \(size.count) entries")
    try requireAtMost(0, size[0], "C1", .attribute("size"), "it is \(text(size[0]))")
    var shape = x.dims
    shape[int("axis")] = size[0]
    return [x.with(dims: shape)]
  }

  func resizeShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    let sizes = dims("sizes")
    guard case .floats(let scales)? = attribute("scales") else { preconditionFailure("`scales` is a list") }
    try require(sizes.count == x.rank - 2, "C1", .attribute("sizes"), "\(sizes.count) for rank \(x.rank)")
    try require(
      scales.isEmpty || scales.count == x.rank - 2, "C1", .attribute("scales"), "\(scales.count) for rank \(x.rank)")
    for size in sizes { try requireAtMost(0, size, "C2", .attribute("sizes"), "one is \(text(size))") }
    return [x.with(dims: x.dims[..<2] + sizes)]
  }
}

extension TypeInference {
  private func checkImageRanks(_ x: TensorType, _ w: TensorType) throws(InferenceError) {
    try require(x.rank == w.rank && x.rank >= 3, "C1", subject("w"), "they are \(x.rank) and \(w.rank)")
  }
}
