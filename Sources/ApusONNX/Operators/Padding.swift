import ApusIR
import ApusTensor

extension Operators {
  /// Tensors with a margin.
  static var padding: [OperatorRule] {
    [OperatorRule("Pad", value: pad), OperatorRule("CenterCropPad", value: centerCropPad)]
  }

  private static func pad(_ n: NodeTranslation) throws -> ValueID {
    var x = try n.value(0)
    let rank = n.rank(x)
    let amounts = try n.optionalInts("pads")?.map { .constant($0) } ?? n.sizes(1, "the padding")
    let axes = try n.axes(n.has(3) ? n.integers(3, "the list of axes") : Array(0..<rank), rank: rank)
    guard amounts.count == 2 * axes.count else {
      throw n.error("onnx.operand", "there are \(amounts.count) amounts of padding for \(axes.count) axes")
    }
    var low = Array(repeating: Dim.constant(0), count: rank)
    var high = low
    for (index, axis) in axes.enumerated() { (low[axis], high[axis]) = (amounts[index], amounts[index + axes.count]) }
    // What is negative crops, and comes first.
    func negative(_ amount: Dim) throws -> Dim { n.isAtMost(0, amount) == .yes ? 0 : try n.larger(0, n.difference(0, amount)) }
    func positive(_ amount: Dim) throws -> Dim { n.isAtMost(0, amount) == .yes ? amount : try n.larger(0, amount) }
    x = try n.slice(x, low.map(negative), zip(n.dims(x), high).map { try n.difference($0, negative($1)) })
    (low, high) = (try low.map(positive), try high.map(positive))
    switch try n.string("mode", "constant") {
    case "constant": return try margin(n, x, low, high)
    case "reflect": return try alongAxes(n, x, low, high, reflected)
    case "edge": return try alongAxes(n, x, low, high, edged)
    case "wrap": return try alongAxes(n, x, low, high, wrapped)
    case let mode: throw n.error("onnx.attribute", "there is no mode '\(mode)'")
    }
  }

  /// Padding with one number.
  private static func margin(_ n: NodeTranslation, _ x: ValueID, _ low: [Dim], _ high: [Dim]) throws -> ValueID {
    guard (low + high).contains(where: { $0 != 0 }) else { return x }
    let value: ValueID =
      if let given = try n.optionalValue(2) {
        try n.reshape(given, [])
      } else {
        try n.scalar(n.float("value", 0), n.element(x))
      }
    return try n.call(.pad, [.value(x), .value(value)], ["low": .sizes(low), "high": .sizes(high)])
  }

  private static func alongAxes(
    _ n: NodeTranslation, _ x: ValueID, _ low: [Dim], _ high: [Dim],
    _ extended: (NodeTranslation, ValueID, Int, Dim, Dim) throws -> ValueID
  ) throws -> ValueID {
    try low.indices.reduce(x) { x, axis in
      low[axis] == 0 && high[axis] == 0 ? x : try extended(n, x, axis, low[axis], high[axis])
    }
  }

  private static func edged(_ n: NodeTranslation, _ x: ValueID, _ axis: Int, _ low: Dim, _ high: Dim) throws -> ValueID {
    let dims = n.dims(x)
    func repeated(_ start: Dim, _ count: Dim) throws -> ValueID {
      var wide = dims
      wide[axis] = count
      return try n.expand(n.slice(x, axis: axis, start, n.sum(start, 1)), to: wide)
    }
    var parts = [x]
    if low != 0 { parts.insert(try repeated(0, low), at: 0) }
    if high != 0 { parts.append(try repeated(n.difference(dims[axis], 1), high)) }
    return try n.concat(parts, axis: axis)
  }

  private static func reflected(_ n: NodeTranslation, _ x: ValueID, _ axis: Int, _ low: Dim, _ high: Dim) throws -> ValueID {
    let size = n.dims(x)[axis]
    if let known = size.constantValue, let low = low.constantValue, let high = high.constantValue,
      low >= known || high >= known
    {
      throw n.error("onnx.operand", "axis \(axis) of size \(known) has no \(max(low, high)) elements beside its edge to reflect")
    }
    func mirrored(_ start: Dim, _ end: Dim) throws -> ValueID {
      try n.call(.reverse, [.value(n.slice(x, axis: axis, start, end))], ["axes": .ints([axis])])
    }
    var parts = [x]
    if low != 0 { parts.insert(try mirrored(1, n.sum(low, 1)), at: 0) }
    if high != 0 {
      let last = try n.difference(size, 1)
      parts.append(try mirrored(n.difference(last, high), last))
    }
    return try n.concat(parts, axis: axis)
  }

  private static func wrapped(_ n: NodeTranslation, _ x: ValueID, _ axis: Int, _ low: Dim, _ high: Dim) throws -> ValueID {
    let size = n.dims(x)[axis]
    if let known = size.constantValue, let low = low.constantValue, let high = high.constantValue, low > known || high > known {
      return try picked(n, x, axis, known, low, high) { ($0 % known + known) % known }
    }
    var parts = [x]
    if low != 0 { parts.insert(try n.slice(x, axis: axis, n.difference(size, low), size), at: 0) }
    if high != 0 { parts.append(try n.slice(x, axis: axis, 0, high)) }
    return try n.concat(parts, axis: axis)
  }

  /// Elements of an axis that are named one by one, at most.
  private static let maximumPicked = 1 << 24

  /// A margin wider than the tensor: each element along the axis is named.
  private static func picked(
    _ n: NodeTranslation, _ x: ValueID, _ axis: Int, _ size: Int, _ low: Int, _ high: Int, _ source: (Int) -> Int
  ) throws -> ValueID {
    guard size > 0 else { throw n.error("onnx.shape", "an empty axis has no elements to pad with") }
    guard let count = try n.sum(n.sum(.constant(low), .constant(size)), .constant(high)).constantValue, count <= maximumPicked
    else { throw n.error("limit.padding", "a margin of \(low) and \(high) is wider than can be filled with other elements") }
    let indices = (0..<count).map { Int64(source($0 - low)) }
    return try n.call(.gather, [.value(x), .value(n.constant(Tensor(indices)))], ["axis": .integer(axis)])
  }

  private static func centerCropPad(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let dims = n.dims(x)
    let targets = try n.sizes(1, "the shape")
    let axes = try n.axes(n.optionalInts("axes") ?? Array(dims.indices), rank: dims.count)
    guard targets.count == axes.count else {
      throw n.error("onnx.operand", "there are \(targets.count) sizes for \(axes.count) axes")
    }
    var (starts, limits) = (dims.map { _ in Dim.constant(0) }, dims)
    var (low, high) = (starts, starts)
    for (axis, target) in zip(axes, targets) {
      let size = dims[axis]
      let cropped = try n.clamped(n.difference(size, target), 0, size)
      starts[axis] = try n.quotient(cropped, 2)
      limits[axis] = try n.difference(size, n.difference(cropped, starts[axis]))
      let added = n.isAtMost(target, size) == .yes ? 0 : try n.larger(0, n.difference(target, size))
      low[axis] = try n.quotient(added, 2)
      high[axis] = try n.difference(added, low[axis])
    }
    let kept = try n.slice(x, starts, limits)
    guard (low + high).contains(where: { $0 != 0 }) else { return kept }
    let zero = try n.scalar(0, n.element(x))
    return try n.call(.pad, [.value(kept), .value(zero)], ["low": .sizes(low), "high": .sizes(high)])
  }
}
