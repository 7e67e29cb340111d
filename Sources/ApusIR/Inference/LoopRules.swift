import ApusTensor

extension TypeInference {
  func forShape() throws(InferenceError) -> [TensorType] {
    let step = int("step")
    let grain = int("grain")
    try require(step > 0, "C1", .attribute("step"), "the step is \(step)")
    try require(grain > 0, "C1", .attribute("grain"), "the grain is \(grain)")
    let carried = Array(operandList("inits"))
    try require(
      carried.isEmpty || !isName("kind", "parallel"), "C3", .attribute("kind"), "it carries \(carried.count) values")
    return carried
  }

  func packRules() throws(InferenceError) {
    let x = operand("x")
    try requireOneResult()
    let result = results[0]
    try require(
      x.element == result.element && x.dims == result.dims && result.form == .tensor, "C1", .result(0),
      "\(symbols.text(x)) becomes \(symbols.text(result))")
  }

  /// Rules of `load`, `store` and their masked forms.
  func accessRules() throws(InferenceError) {
    let buffer = operand("buffer")
    let count = operandList("indices").count
    try require(count == buffer.rank, "C1", subject("buffer"), "\(count) for rank \(buffer.rank)")
    if case .int(let along)? = attribute("along") {
      try require(
        along >= 0 && along < buffer.rank, "C1", .attribute("along"), "axis \(along) of rank \(buffer.rank)")
    }
    guard info.results == .stated else { return }
    try requireOneResult()
    let result = results[0]
    try require(
      result.element == buffer.element && result.form == .register, "C2", .result(0),
      "\(symbols.text(result)) from \(symbols.text(buffer))")
  }

  func extractLaneRules() throws(InferenceError) {
    let lane = int("lane")
    let lanes = operand("x").lanes
    try require(lane >= 0 && lane < lanes, "C1", .attribute("lane"), "lane \(lane) of \(lanes)")
  }

  func shuffleShape() throws(InferenceError) -> [TensorType] {
    let order = ints("order")
    let lanes = 2 * operand("lhs").lanes
    try require(
      !order.isEmpty && order.allSatisfy { $0 >= 0 && $0 < lanes }, "C1", .attribute("order"), "\(order) of \(lanes) lanes")
    return [.register(operand("lhs").element, lanes: order.count)]
  }

  func scratchRules() throws(InferenceError) {
    try requireOneResult()
    let result = results[0]
    try require(
      result.form == .buffer && result.dims.allSatisfy { symbols.bounds(of: $0).upper != nil }, "C1", .result(0),
      "it is \(symbols.text(result))")
  }

  func allocRules() throws(InferenceError) {
    try requireOneResult()
    let count = operandList("sizes").count
    if count == 0 { return }
    let open = results[0].dims.count { dim in dim.symbolID.map { symbols[$0].origin == .value } ?? false }
    try require(count == open, "C1", .op, "\(count) for \(symbols.text(results[0]))")
  }

  func viewRules() throws(InferenceError) {
    let buffer = operand("buffer")
    try requireOneResult()
    let result = results[0]
    let before = try byteCount(buffer)
    let after = try byteCount(result)
    let offsets = dims("offset")
    guard let offset = offsets.first else {
      try requireEqual(before, after, "C1", .result(0), "\(text(before)) bytes become \(text(after))")
      return
    }
    let end = try sized { () throws(DimOverflow) in
      try Dim.sum(Dim.product(offset, .constant(buffer.element.byteCount)), after)
    }
    // What depends on sizes was checked where the part was found.
    let isWithin = symbols.lessOrEqual(0, offset) != .no && symbols.lessOrEqual(end, before) != .no
    try require(
      offsets.count == 1 && buffer.element == result.element && buffer.layout == nil && result.layout == nil && isWithin,
      "C2", .attribute("offset"), "\(symbols.text(result)) at \(text(offsets)) of \(symbols.text(buffer))")
  }

  func contractRules() throws(InferenceError) {
    var total = 0
    for (name, axes) in [("lhs", "lhs_axes"), ("rhs", "rhs_axes"), ("out", "out_axes")] {
      let rank = operand(name).rank
      let list = ints(axes)
      total += rank
      try require(
        list.count == 2 && list[0] != list[1] && list.allSatisfy { $0 >= 0 && $0 < rank }, "C1", .attribute(axes),
        "\(list) of rank \(rank)")
    }
    let (left, right) = (operand("lhs").element, operand("rhs").element)
    try require(
      left != .bool && right != .bool && left.isFloat == right.isFloat, "C5", .operand(1), "they are \(left) and \(right)")
    let count = operandList("indices").count
    try require(count == total, "C2", .op, "\(count) for \(total) axes")
    let block = ints("block")
    try require(block.count == 2 && block.allSatisfy { $0 > 0 }, "C3", .attribute("block"), "it is \(block)")
    let taps = ints("taps")
    try require(taps.allSatisfy { $0 >= 0 }, "C4", .attribute("taps"), "they are \(taps)")
  }
}

extension TypeInference {
  private func requireOneResult() throws(InferenceError) {
    if results.count != 1 {
      throw InferenceError("op.results", "`\(info.name)` has 1 result, \(results.count) stated")
    }
  }

  private func byteCount(_ type: TensorType) throws(InferenceError) -> Dim {
    try sized { () throws(DimOverflow) in try type.byteCount() }
  }
}
