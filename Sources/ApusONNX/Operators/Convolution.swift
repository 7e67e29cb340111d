import ApusIR
import ApusTensor

extension Operators {
  static var convolutions: [OperatorRule] {
    [OperatorRule("Conv", value: convolution), OperatorRule("ConvTranspose", value: transposedConvolution)]
  }

  private static func convolution(_ n: NodeTranslation) throws -> ValueID {
    var (x, w) = (try n.value(0), try n.value(1))
    let windows = try Windows(n, over: n.spatial(x), kernel: n.kernel(w))
    if windows.constantPads == nil { x = try windows.padded(n, x, with: .integer(0)) }
    let y = try n.call(
      .conv, [.value(x), .value(w)],
      ["strides": .ints(windows.strides), "dilations": .ints(windows.dilations), "groups": .integer(n.int("group", 1)),
        "pads": .ints(windows.constantPads ?? [])])
    return try n.biased(y)
  }

  /// What is left of the whole result once `pads`, or what `output_shape` or `auto_pad` make of them, are cut off.
  private static func transposedConvolution(_ n: NodeTranslation) throws -> ValueID {
    let (x, w) = (try n.value(0), try n.value(1))
    let spatial = n.spatial(x)
    // Only what it refuses is asked for.
    _ = try n.kernel(w)
    let rank = spatial.count
    let strides = try n.perAxis("strides", 1, rank)
    let dilations = try n.perAxis("dilations", 1, rank)
    let outputPads = try n.perAxis("output_padding", 0, rank)
    let mode = try n.string("auto_pad", "NOTSET")
    var shape = try n.optionalInts("output_shape").map { $0.map { Dim.constant($0) } }
    if let given = shape, given.count == rank + 2 { shape = Array(given.dropFirst(2)) }
    if mode.hasPrefix("SAME"), shape == nil {
      shape = try zip(spatial, strides).map { try n.product($0, .constant($1)) }
    }
    guard ["NOTSET", "", "VALID", "SAME_UPPER", "SAME_LOWER"].contains(mode) else {
      throw n.error("onnx.attribute", "there is no auto_pad '\(mode)'")
    }
    var pads = mode == "VALID" ? Array(repeating: 0, count: 2 * rank) : try n.perAxis("pads", 0, 2 * rank)
    if shape != nil { pads = Array(repeating: 0, count: 2 * rank) }
    var y = try n.call(
      .convTranspose, [.value(x), .value(w)],
      ["strides": .ints(strides), "dilations": .ints(dilations), "groups": .integer(n.int("group", 1)),
        "output_pads": .ints(outputPads), "pads": .ints(pads)])
    if let shape {
      guard shape.count == rank else { throw n.error("onnx.attribute", "'output_shape' has \(shape.count) entries, not \(rank)") }
      y = try n.cut(y, to: shape, startsSmall: mode == "SAME_UPPER")
    }
    return try n.biased(y)
  }
}

extension NodeTranslation {
  /// The sizes of a kernel's spatial axes, those that `kernel_shape` states. Throws `onnx.attribute` where they differ.
  func kernel(_ w: ValueID) throws -> [Int] {
    let stated = try ints("kernel_shape")
    let sizes = spatial(w).compactMap(\.constantValue)
    guard sizes.count == rank(w) - 2 else { throw unsupported("the sizes of the kernel are not known before the model runs") }
    guard stated.isEmpty || stated == sizes else {
      throw error("onnx.attribute", "'kernel_shape' is \(stated), but the kernel's axes have the sizes \(sizes)")
    }
    return sizes
  }

  /// Adds the third operand along the channels.
  fileprivate func biased(_ y: ValueID) throws -> ValueID {
    guard let bias = try optionalValue(2) else { return y }
    guard rank(bias) == 1 else { throw error("onnx.shape", "the bias has \(rank(bias)) axes, not 1") }
    return try call(.add, y, reshape(bias, dims(bias) + Array(repeating: 1, count: rank(y) - 2)))
  }

  /// The spatial axes cut to sizes, or filled up with zeros; an odd one goes to the end if it starts with the smaller part.
  fileprivate func cut(_ y: ValueID, to shape: [Dim], startsSmall: Bool) throws -> ValueID {
    let own = spatial(y)
    let none: [Dim] = [0, 0]
    var (low, high, starts) = (none, none, none)
    for (size, wanted) in zip(own, shape) {
      let surplus = try difference(size, wanted)
      let half = try quotient(surplus, 2)
      let start = startsSmall ? half : try difference(surplus, half)
      let end = try difference(surplus, start)
      low.append(try larger(difference(0, start), 0))
      high.append(try larger(difference(0, end), 0))
      starts.append(try larger(start, 0))
    }
    var result = y
    if (low + high).contains(where: { $0 != 0 }) {
      result = try call(.pad, [.value(y), .integer(0)], ["low": .sizes(low), "high": .sizes(high)])
    }
    let limits = try zip(starts, Array(dims(y).prefix(2)) + shape).map { try sum($0, $1) }
    return try call(.slice, [.value(result)], ["starts": .sizes(starts), "limits": .sizes(limits)])
  }
}
