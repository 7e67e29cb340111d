import ApusIR

/// Windows that slide over the spatial axes of `[batch, channels, spatial …]`, as convolution and pooling have them.
struct Windows {
  let kernel: [Int]
  let strides: [Int]
  let dilations: [Int]
  /// Padding before and after each axis that the node asks for. It depends on the sizes under `auto_pad`.
  private(set) var before: [Dim]
  private(set) var after: [Dim]
  /// What `ceil_mode` adds at the end of each axis, so that a last window fits that is cut off.
  private(set) var excess: [Dim]

  /// Reads `strides`, `dilations`, `pads`, `auto_pad` and `ceil_mode`.
  ///
  /// Throws `onnx.attribute` for those that do not fit `spatial`, the sizes of the spatial axes.
  init(_ n: NodeTranslation, over spatial: [Dim], kernel: [Int]) throws {
    let rank = spatial.count
    guard rank > 0 else { throw n.error("onnx.shape", "the operand has no spatial axis") }
    strides = try n.perAxis("strides", 1, rank)
    dilations = try n.perAxis("dilations", 1, rank)
    guard kernel.count == rank else {
      throw n.error("onnx.attribute", "the kernel has \(kernel.count) axes where the operand has \(rank)")
    }
    guard (kernel + strides + dilations).allSatisfy({ $0 > 0 && $0 < 1 << 31 }) else {
      throw n.error("onnx.attribute", "kernel sizes, strides and dilations are positive")
    }
    self.kernel = kernel
    excess = Array(repeating: 0, count: rank)
    switch try n.string("auto_pad", "NOTSET") {
    case "NOTSET", "":
      let pads = try n.perAxis("pads", 0, 2 * rank)
      before = pads[..<rank].map { .constant($0) }
      after = pads[rank...].map { .constant($0) }
    case "VALID":
      before = excess
      after = excess
    case "SAME_UPPER": (before, after) = try Self.same(n, spatial, kernel, strides, dilations)
    case "SAME_LOWER": (after, before) = try Self.same(n, spatial, kernel, strides, dilations)
    case let other: throw n.error("onnx.attribute", "there is no auto_pad '\(other)'")
    }
    if try n.flag("ceil_mode") { try addExcess(n, spatial) }
  }

  /// From the first to behind the last element of a window.
  func reach(_ axis: Int) -> Int { (kernel[axis] - 1) * dilations[axis] + 1 }

  /// `pads` of an op if no size has to be known for them.
  var constantPads: [Int]? {
    let known = zip(before, after).map { ($0.constantValue, $1.constantValue) }
    let low = known.compactMap(\.0)
    let sums = zip(known.compactMap(\.1), excess.compactMap(\.constantValue)).map { $0.addingReportingOverflow($1) }
    let high = sums.filter { !$0.overflow }.map(\.partialValue)
    return low.count == kernel.count && high.count == kernel.count ? low + high : nil
  }

  var isPadded: Bool { constantPads.map { $0.contains { $0 != 0 } } ?? true }
  var hasExcess: Bool { excess.contains { $0 != 0 } }

  /// Padding of a smaller part before an axis, and a larger one behind it, for as many windows as strides fit.
  private static func same(
    _ n: NodeTranslation, _ spatial: [Dim], _ kernel: [Int], _ strides: [Int], _ dilations: [Int]
  ) throws -> ([Dim], [Dim]) {
    var parts: ([Dim], [Dim]) = ([], [])
    for (axis, size) in spatial.enumerated() {
      let stride = Dim.constant(strides[axis])
      let count = try n.quotient(n.sum(size, .constant(strides[axis] - 1)), stride)
      let end = try n.sum(n.product(n.difference(count, 1), stride), .constant((kernel[axis] - 1) * dilations[axis] + 1))
      let total = try n.larger(n.difference(end, size), 0)
      let smaller = try n.quotient(total, 2)
      parts.0.append(smaller)
      parts.1.append(try n.difference(total, smaller))
    }
    return parts
  }

  /// A window that starts behind the operand and the padding before it is left out.
  private mutating func addExcess(_ n: NodeTranslation, _ spatial: [Dim]) throws {
    for axis in spatial.indices {
      let stride = Dim.constant(strides[axis])
      let inner = try n.sum(spatial[axis], before[axis])
      let padded = try n.sum(inner, after[axis])
      let rounded = try n.sum(n.difference(padded, .constant(reach(axis))), .constant(strides[axis] - 1))
      let fitting = try n.sum(n.quotient(rounded, stride), 1)
      let starting = try n.quotient(n.sum(inner, .constant(strides[axis] - 1)), stride)
      let count = try n.smaller(fitting, starting)
      let end = try n.sum(n.product(n.difference(count, 1), stride), .constant(reach(axis)))
      // Negative where a window is left out: what remains behind the others must not make room for it.
      let spare = try n.difference(n.sum(end, .constant(strides[axis] - 1)), padded)
      excess[axis] = try n.larger(n.difference(end, padded), n.smaller(0, spare))
    }
  }
}

extension Windows {
  /// The operand with all padding of a value in it, and none left to ask of an op.
  func padded(_ n: NodeTranslation, _ x: ValueID, with value: Meaning, excess isIncluded: Bool = true) throws -> ValueID {
    var high = after
    if isIncluded { high = try zip(after, excess).map { try n.sum($0, $1) } }
    return try n.call(
      .pad, [.value(x), value],
      ["low": .sizes(Array(repeating: 0, count: n.rank(x) - kernel.count) + before),
        "high": .sizes(Array(repeating: 0, count: n.rank(x) - kernel.count) + high)])
  }

  /// The operand with only the padding of `ceil_mode`.
  func exceeding(_ n: NodeTranslation, _ x: ValueID, with value: Meaning) throws -> ValueID {
    try n.call(
      .pad, [.value(x), value],
      ["low": .sizes(Array(repeating: 0, count: n.rank(x))),
        "high": .sizes(Array(repeating: 0, count: n.rank(x) - kernel.count) + excess)])
  }

  /// Each window folded into one element. Padding is the fold's neutral element.
  func folded(_ n: NodeTranslation, _ x: ValueID, _ kind: String, neutral: Meaning) throws -> ValueID {
    var operand = x
    if constantPads == nil { operand = try padded(n, x, with: neutral) }
    return try n.call(
      .reduceWindow, [.value(operand)],
      ["kind": .name(kind), "window": .ints(kernel), "strides": .ints(strides), "dilations": .ints(dilations),
        "pads": .ints(constantPads ?? Array(repeating: 0, count: 2 * kernel.count))])
  }
}

extension NodeTranslation {
  /// An attribute with one entry for each spatial axis. Throws `onnx.attribute` for another count.
  func perAxis(_ name: String, _ standard: Int, _ count: Int) throws -> [Int] {
    let entries = try ints(name)
    if entries.isEmpty { return Array(repeating: standard, count: count) }
    guard entries.count == count else {
      throw error("onnx.attribute", "'\(name)' has \(entries.count) entries where \(count) are needed")
    }
    return entries
  }

  /// The sizes of the spatial axes of `[batch, channels, spatial …]`.
  func spatial(_ value: ValueID) -> [Dim] { Array(dims(value).dropFirst(2)) }
}
