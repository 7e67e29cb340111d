import ApusMemory

/// Feature maps of a network: `channels` × `height` × `width` values of four bytes, batch 1.
struct FeatureMap {
  var buffer: Int
  var channels: Int
  var height: Int
  var width: Int
}

/// Writes down the ops of a network by the sizes of what they read and write.
///
/// Activation functions and normalizations are part of the ops before them, as a compiler fuses them.
struct NetworkBuilder {
  private var buffers: [Dataflow.Buffer] = []
  private var ops: [Dataflow.Op] = []
  private let hasWeights: Bool

  /// Without weights they count as streamed: they take no room.
  init(hasWeights: Bool) { self.hasWeights = hasWeights }

  private static let bytes = 4

  private mutating func addBuffer(_ count: Int) -> Int {
    buffers.append(.init(size: Self.bytes * count))
    return buffers.count - 1
  }

  mutating func input(_ channels: Int, _ height: Int, _ width: Int) -> FeatureMap {
    FeatureMap(buffer: addBuffer(channels * height * width), channels: channels, height: height, width: width)
  }

  /// An op whose first input may be overwritten if `isInPlace`.
  private mutating func add(
    _ inputs: [Int], weights: Int = 0, _ channels: Int, _ height: Int, _ width: Int, isInPlace: Bool = false
  ) -> FeatureMap {
    var all = inputs
    if weights > 0, hasWeights { all.append(addBuffer(weights)) }
    let output = addBuffer(channels * height * width)
    let pairs = isInPlace ? inputs.map { Dataflow.InPlace(output: output, input: $0) } : []
    ops.append(.init(inputs: all, outputs: [output], inPlace: pairs))
    return FeatureMap(buffer: output, channels: channels, height: height, width: width)
  }

  mutating func conv(_ x: FeatureMap, _ channels: Int, kernel: Int, stride: Int = 1, groups: Int = 1) -> FeatureMap {
    add(
      [x.buffer], weights: x.channels / groups * channels * kernel * kernel + channels, channels,
      (x.height + stride - 1) / stride, (x.width + stride - 1) / stride)
  }

  mutating func pool(_ x: FeatureMap, stride: Int) -> FeatureMap {
    add([x.buffer], x.channels, (x.height + stride - 1) / stride, (x.width + stride - 1) / stride)
  }

  mutating func poolAll(_ x: FeatureMap) -> FeatureMap { add([x.buffer], x.channels, 1, 1) }

  /// A transposed convolution that doubles height and width.
  mutating func enlarge(_ x: FeatureMap, _ channels: Int) -> FeatureMap {
    add([x.buffer], weights: 4 * x.channels * channels, channels, 2 * x.height, 2 * x.width)
  }

  mutating func sum(_ a: FeatureMap, _ b: FeatureMap) -> FeatureMap {
    add([a.buffer, b.buffer], a.channels, a.height, a.width, isInPlace: true)
  }

  mutating func scale(_ x: FeatureMap, by factors: FeatureMap) -> FeatureMap {
    add([x.buffer, factors.buffer], x.channels, x.height, x.width, isInPlace: true)
  }

  mutating func concat(_ parts: [FeatureMap]) -> FeatureMap {
    let first = parts[0]
    return add(parts.map(\.buffer), parts.reduce(0) { $0 + $1.channels }, first.height, first.width)
  }

  /// A product of matrices whose rows are the `height` of `x`.
  mutating func linear(_ x: FeatureMap, _ width: Int) -> FeatureMap {
    add([x.buffer], weights: x.width * width + width, 1, x.height, width)
  }

  /// Attention of `heads` heads over rows of queries, keys and values.
  mutating func attention(_ q: FeatureMap, _ k: FeatureMap, _ v: FeatureMap, mask: FeatureMap, heads: Int) -> FeatureMap {
    let scores = add([q.buffer, k.buffer], heads, q.height, k.height)
    let shares = add([scores.buffer, mask.buffer], heads, q.height, k.height, isInPlace: true)
    return add([shares.buffer, v.buffer], 1, q.height, v.width)
  }

  /// The network, with one result.
  mutating func finish(_ result: FeatureMap) throws -> Dataflow {
    buffers[result.buffer].isResult = true
    return try Dataflow(buffers: buffers, ops: ops)
  }
}
