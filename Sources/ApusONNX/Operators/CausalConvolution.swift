import ApusIR
import ApusTensor

extension Operators {
  /// Convolution of each channel with what came before, of which the last part is carried from call to call.
  static var causalConvolution: [OperatorRule] { [OperatorRule("CausalConvWithState", causalConvolved)] }

  private static func causalConvolved(_ n: NodeTranslation) throws -> [Imported] {
    let (x, w) = (try n.value(0), try n.value(1))
    guard n.rank(x) == 3, n.rank(w) == 3 else {
      throw n.error("onnx.shape", "the input has the axes batch, channel and position, and the kernel channel, 1 and position")
    }
    let (dims, element) = (n.dims(x), n.element(x))
    let size = try n.known(n.dims(w)[2], "the kernel's size")
    guard size > 0 else { throw n.error("onnx.shape", "the kernel is empty") }
    try n.context.emitter.require(n.dims(w)[1], equals: 1)
    try n.context.emitter.require(n.dims(w)[0], equals: dims[1])
    let isSmooth: Bool
    switch try n.string("activation", "none") {
    case "none": isSmooth = false
    case "silu", "swish": isSmooth = true
    case let other: throw n.error("onnx.attribute", "there is no activation '\(other)'")
    }
    let before = [dims[0], dims[1], .constant(size - 1)]
    let past = try n.optionalValue(3) ?? n.filled(0, element, before)
    guard n.rank(past) == 3 else { throw n.error("onnx.shape", "the state has \(n.rank(past)) axes, not 3") }
    for (a, b) in zip(n.dims(past), before) { try n.context.emitter.require(a, equals: b) }
    let line = try n.concat([n.reshape(past, before), x], axis: 2)
    let wide = n.convert(line, to: .f32)
    var sum = try convolved(n, wide, n.convert(w, to: .f32), size, dims)
    if let bias = try n.optionalValue(2) {
      sum = try n.call(.add, sum, n.reshape(n.convert(bias, to: .f32), [dims[1], 1]))
    }
    var y = n.convert(sum, to: element)
    if isSmooth { y = n.convert(try n.call(.silu, n.convert(y, to: .f32)), to: element) }
    let end = try n.sum(dims[2], .constant(size - 1))
    return [.value(y), .value(try n.slice(line, axis: 2, dims[2], end))]
  }

  /// Kernels unrolled at most: then how many channels there are need not be known.
  private static let unrolledSize = 16

  private static func convolved(
    _ n: NodeTranslation, _ line: ValueID, _ kernel: ValueID, _ size: Int, _ dims: [Dim]
  ) throws -> ValueID {
    guard size <= unrolledSize else {
      let channels = try n.known(dims[1], "the number of channels")
      guard channels > 0 else { return try n.filled(0, .f32, dims) }
      return try n.call(.conv, [.value(line), .value(kernel)], ["groups": .integer(channels)])
    }
    let taps = try n.reshape(kernel, [dims[1], .constant(size)])
    let parts = try (0..<size).map { step in
      let tap = try n.slice(taps, axis: 1, .constant(step), .constant(step + 1))
      let moved = try n.slice(line, axis: 2, .constant(step), n.sum(dims[2], .constant(step)))
      return try n.call(.mul, moved, tap)
    }
    return try parts.dropFirst().reduce(parts[0]) { try n.call(.add, $0, $1) }
  }
}
