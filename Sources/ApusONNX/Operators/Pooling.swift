import ApusIR
import ApusTensor

extension Operators {
  static var pooling: [OperatorRule] {
    [
      OperatorRule("MaxPool", maxPool), OperatorRule("AveragePool", value: averagePool), OperatorRule("LpPool", value: lpPool),
      OperatorRule("GlobalAveragePool", value: { try $0.overSpace(.mean) }),
      OperatorRule("GlobalMaxPool", value: { try $0.overSpace(.reduceMax) }),
      OperatorRule("GlobalLpPool", value: globalLpPool),
    ]
  }

  private static func maxPool(_ n: NodeTranslation) throws -> [Imported] {
    let x = try n.value(0)
    let windows = try n.windows(over: x)
    let y = try windows.folded(n, x, "max", neutral: n.lowest(n.element(x)))
    guard n.wants(1) else { return [.value(y)] }
    return [.value(y), .value(try windows.positions(n, of: y, in: x, columnMajor: n.int("storage_order", 0) == 1))]
  }

  private static func averagePool(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let windows = try n.windows(over: x)
    let countsPadding = try n.flag("count_include_pad")
    if let pads = windows.constantPads, !countsPadding || !windows.hasExcess {
      return try n.call(
        .averagePool, [.value(x)],
        ["window": .ints(windows.kernel), "strides": .ints(windows.strides), "dilations": .ints(windows.dilations),
          "pads": .ints(pads), "count_padding": .bool(countsPadding)])
    }
    let total = try windows.folded(n, x, "sum", neutral: .integer(0))
    // The elements of each window: those of the operand, those of padding too if it counts, never those beyond it.
    var ones = try n.filled(1, n.element(x), [1, 1] + n.spatial(x))
    let fold: KeyValuePairs<String, Meaning> = [
      "kind": .name("sum"), "window": .ints(windows.kernel), "strides": .ints(windows.strides),
      "dilations": .ints(windows.dilations),
    ]
    if countsPadding { ones = try windows.padded(n, ones, with: .integer(1), excess: false) }
    ones = try countsPadding ? windows.exceeding(n, ones, with: .integer(0)) : windows.padded(n, ones, with: .integer(0))
    return try n.call(.div, total, n.call(.reduceWindow, [.value(ones)], fold))
  }

  private static func lpPool(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let windows = try n.windows(over: x)
    return try n.norm(n.int("p", 2), x) { try windows.folded(n, $0, "sum", neutral: .integer(0)) }
  }

  private static func globalLpPool(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let axes = Array(2..<max(2, n.rank(x)))
    return try n.norm(n.int("p", 2), x) {
      try n.call(.reduceSum, [.value($0)], ["axes": .ints(axes), "keep_dims": .bool(true)])
    }
  }
}

extension NodeTranslation {
  /// The windows of a pooling operator.
  fileprivate func windows(over x: ValueID) throws -> Windows {
    guard let kernel = try optionalInts("kernel_shape") else { throw error("onnx.attribute", "'kernel_shape' is missing") }
    return try Windows(self, over: spatial(x), kernel: kernel)
  }

  /// The smallest value there is.
  fileprivate func lowest(_ element: ElementType) -> Meaning {
    if element.isFloat { return .number(-.infinity) }
    return .integer(element.isSignedInteger ? -1 << (8 * element.byteCount - 1) : 0)
  }

  fileprivate func overSpace(_ fold: OpCode) throws -> ValueID {
    let x = try value(0)
    guard rank(x) >= 2 else { throw error("onnx.shape", "the operand has \(rank(x)) axes, and needs 2 at least") }
    return try call(fold, [.value(x)], ["axes": .ints(Array(2..<rank(x))), "keep_dims": .bool(true)])
  }

  /// (Σ |x|ᵖ)^(1/p), with the sum that is given.
  func norm(_ p: Int, _ x: ValueID, sum: (ValueID) throws -> ValueID) throws -> ValueID {
    switch p {
    case 1: return try sum(call(.abs, x))
    case 2: return try call(.sqrt, sum(call(.mul, x, x)))
    default:
      let total = try sum(call(.pow, [.value(call(.abs, x)), .number(Double(p))]))
      return try call(.pow, [.value(total), .number(1 / Double(p))])
    }
  }
}

extension Windows {
  /// Where in the operand the largest element of each window stands, counted through the whole of it: the first one, in
  /// row-major order; the spatial axes are counted in column-major order if asked for.
  fileprivate func positions(
    _ n: NodeTranslation, of y: ValueID, in x: ValueID, columnMajor: Bool
  ) throws -> ValueID {
    let (dims, outer) = (n.dims(x), n.dims(y))
    let space = kernel.count
    let values = try spread(n, padded(n, x, with: n.lowest(n.element(x))), outer)
    // A number for each spatial position, and one that is larger than all for padding.
    let beyond = try n.product(dims.dropFirst(2))
    let flat = try n.counted(Array(dims.dropFirst(2)))
    let numbers = try spread(
      n, padded(n, n.reshape(flat, [1, 1] + dims.dropFirst(2)), with: .value(n.size(beyond))), [1, 1] + outer.dropFirst(2))
    let first = try n.result(Self.firstMaximum, [
      "values": .value(values), "numbers": .value(numbers), "y": .value(y), "beyond": .size(beyond),
      "inner": .ints(Array(2 + space..<2 + 2 * space)), "ones": .ints(Array(repeating: 1, count: space)),
    ])
    var position = first
    if columnMajor {
      // The number of each position in the other order, looked up.
      let table = try n.transpose(
        n.reshape(flat, Array(dims.dropFirst(2).reversed())), Array((0..<space).reversed()))
      position = try n.call(.gather, [.value(n.reshape(table, [beyond])), .value(first)], ["axis": .integer(0)])
    }
    let planes = try n.reshape(
      n.counted([dims[0], dims[1]]), [dims[0], dims[1]] + Array(repeating: 1, count: space))
    return try n.call(.add, position, n.call(.mul, [.value(planes), .size(beyond)]))
  }

  private static let firstMaximum = Formula(
    "MaxPool's indices",
    """
    top = reshape(y, shape: shape(y) ++ ones)
    found = select((values == top || values != values) && numbers < beyond, numbers, beyond)
    min(reduce_min(found, axes: inner), beyond - 1)
    """)

  /// The elements of all windows: `[batch, channels, windows …, kernel …]`.
  private func spread(_ n: NodeTranslation, _ padded: ValueID, _ outer: [Dim]) throws -> ValueID {
    var result = padded
    let space = kernel.count
    for axis in 0..<space {
      let starts = try n.call(
        .mul, [.value(n.call(.iota, [], ["axis": .integer(0), "shape": .sizes([outer[2 + axis], 1]), "to": .elementType(.s64)])),
          .integer(strides[axis])])
      let steps = try n.call(
        .mul, [.value(n.call(.iota, [], ["axis": .integer(0), "shape": .sizes([.constant(kernel[axis])]), "to": .elementType(.s64)])),
          .integer(dilations[axis])])
      result = try n.call(
        .gather, [.value(result), .value(n.call(.add, starts, steps))], ["axis": .integer(2 + 2 * axis)])
    }
    return try n.transpose(result, [0, 1] + (0..<space).map { 2 + 2 * $0 } + (0..<space).map { 3 + 2 * $0 })
  }
}

extension NodeTranslation {
  /// 0, 1, 2 … in row-major order, of s64.
  fileprivate func counted(_ dims: [Dim]) throws -> ValueID {
    let count = try product(dims)
    let line = try call(.iota, [], ["axis": .integer(0), "shape": .sizes([count]), "to": .elementType(.s64)])
    return try reshape(line, dims)
  }

  /// A size as a scalar of s64.
  fileprivate func size(_ dim: Dim) throws -> ValueID {
    if let known = dim.constantValue { return try scalar(Double(known), .s64) }
    return try call(.size, [], ["of": .sizes([dim])])
  }
}
