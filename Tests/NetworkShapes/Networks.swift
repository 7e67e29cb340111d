import ApusMemory

/// A network by the sizes of its feature maps.
public struct Network: Sendable {
  public var name: String
  /// Its ops in the order in which its authors' code calls them.
  public var graph: @Sendable (_ hasWeights: Bool) throws -> Dataflow

  public static let all = [
    Network(name: "ResNet-50", graph: resNet50), Network(name: "MobileNetV3-L", graph: mobileNetV3),
    Network(name: "GoogLeNet", graph: googLeNet), Network(name: "NASNet-A", graph: nasNet),
    Network(name: "DenseNet-121", graph: denseNet121), Network(name: "MiniLM-L6", graph: miniLM),
    Network(name: "U-Net", graph: uNet),
  ]
}

/// He et al., "Deep residual learning" (2016).
@Sendable private func resNet50(hasWeights: Bool) throws -> Dataflow {
  var b = NetworkBuilder(hasWeights: hasWeights)
  var x = b.input(3, 224, 224)
  x = b.conv(x, 64, kernel: 7, stride: 2)
  x = b.pool(x, stride: 2)
  for (stage, count) in [3, 4, 6, 3].enumerated() {
    let width = 64 << stage
    for block in 0..<count {
      let stride = block == 0 && stage > 0 ? 2 : 1
      var y = b.conv(x, width, kernel: 1)
      y = b.conv(y, width, kernel: 3, stride: stride)
      y = b.conv(y, 4 * width, kernel: 1)
      let skip = block == 0 ? b.conv(x, 4 * width, kernel: 1, stride: stride) : x
      x = b.sum(y, skip)
    }
  }
  x = b.poolAll(x)
  return try b.finish(b.conv(x, 1000, kernel: 1))
}

/// Howard et al., "Searching for MobileNetV3" (2019), table 1.
@Sendable private func mobileNetV3(hasWeights: Bool) throws -> Dataflow {
  var b = NetworkBuilder(hasWeights: hasWeights)
  var x = b.input(3, 224, 224)
  x = b.conv(x, 16, kernel: 3, stride: 2)
  let rows: [(kernel: Int, wide: Int, out: Int, squeezes: Bool, stride: Int)] = [
    (3, 16, 16, false, 1), (3, 64, 24, false, 2), (3, 72, 24, false, 1), (5, 72, 40, true, 2), (5, 120, 40, true, 1),
    (5, 120, 40, true, 1), (3, 240, 80, false, 2), (3, 200, 80, false, 1), (3, 184, 80, false, 1), (3, 184, 80, false, 1),
    (3, 480, 112, true, 1), (3, 672, 112, true, 1), (5, 672, 160, true, 2), (5, 960, 160, true, 1), (5, 960, 160, true, 1),
  ]
  for row in rows {
    var y = row.wide == x.channels ? x : b.conv(x, row.wide, kernel: 1)
    y = b.conv(y, row.wide, kernel: row.kernel, stride: row.stride, groups: row.wide)
    if row.squeezes {
      var factors = b.poolAll(y)
      factors = b.conv(factors, row.wide / 4, kernel: 1)
      factors = b.conv(factors, row.wide, kernel: 1)
      y = b.scale(y, by: factors)
    }
    y = b.conv(y, row.out, kernel: 1)
    x = row.stride == 1 && row.out == x.channels ? b.sum(y, x) : y
  }
  x = b.conv(x, 960, kernel: 1)
  x = b.poolAll(x)
  x = b.conv(x, 1280, kernel: 1)
  return try b.finish(b.conv(x, 1000, kernel: 1))
}

/// Szegedy et al., "Going deeper with convolutions" (2015), table 1.
@Sendable private func googLeNet(hasWeights: Bool) throws -> Dataflow {
  var b = NetworkBuilder(hasWeights: hasWeights)
  var x = b.input(3, 224, 224)
  x = b.pool(b.conv(x, 64, kernel: 7, stride: 2), stride: 2)
  x = b.conv(x, 64, kernel: 1)
  x = b.pool(b.conv(x, 192, kernel: 3), stride: 2)
  let rows: [[Int]] = [
    [64, 96, 128, 16, 32, 32], [128, 128, 192, 32, 96, 64], [192, 96, 208, 16, 48, 64], [160, 112, 224, 24, 64, 64],
    [128, 128, 256, 24, 64, 64], [112, 144, 288, 32, 64, 64], [256, 160, 320, 32, 128, 128], [256, 160, 320, 32, 128, 128],
    [384, 192, 384, 48, 128, 128],
  ]
  for (index, row) in rows.enumerated() {
    let one = b.conv(x, row[0], kernel: 1)
    let three = b.conv(b.conv(x, row[1], kernel: 1), row[2], kernel: 3)
    let five = b.conv(b.conv(x, row[3], kernel: 1), row[4], kernel: 5)
    let pooled = b.conv(b.pool(x, stride: 1), row[5], kernel: 1)
    x = b.concat([one, three, five, pooled])
    if index == 1 || index == 6 { x = b.pool(x, stride: 2) }
  }
  x = b.poolAll(x)
  return try b.finish(b.conv(x, 1000, kernel: 1))
}

/// Zoph et al., "Learning transferable architectures" (2018): NASNet-A (4 @ 1056), figure 4.
@Sendable private func nasNet(hasWeights: Bool) throws -> Dataflow {
  var b = NetworkBuilder(hasWeights: hasWeights)
  func separable(_ x: FeatureMap, _ channels: Int, _ kernel: Int, _ stride: Int = 1) -> FeatureMap {
    var y = b.conv(x, x.channels, kernel: kernel, stride: stride, groups: x.channels)
    y = b.conv(y, channels, kernel: 1)
    y = b.conv(y, channels, kernel: kernel, groups: channels)
    return b.conv(y, channels, kernel: 1)
  }
  /// Brings the output of the cell before the last to the size that the cell works with.
  func fit(_ x: FeatureMap, to h: FeatureMap, _ channels: Int) -> FeatureMap {
    let smaller = x.height > h.height ? b.pool(x, stride: 2) : x
    return b.conv(smaller, channels, kernel: 1)
  }
  func reduce(_ before: FeatureMap, _ last: FeatureMap, _ channels: Int) -> FeatureMap {
    let h = b.conv(last, channels, kernel: 1)
    let p = fit(before, to: last, channels)
    let x1 = b.sum(separable(h, channels, 5, 2), separable(p, channels, 7, 2))
    let x2 = b.sum(b.pool(h, stride: 2), separable(p, channels, 7, 2))
    let x3 = b.sum(b.pool(h, stride: 2), separable(p, channels, 5, 2))
    let x4 = b.sum(b.pool(x1, stride: 1), x2)
    let x5 = b.sum(separable(x1, channels, 3), b.pool(h, stride: 2))
    return b.concat([x2, x3, x4, x5])
  }
  func normal(_ before: FeatureMap, _ last: FeatureMap, _ channels: Int) -> FeatureMap {
    let p = fit(before, to: last, channels)
    let h = b.conv(last, channels, kernel: 1)
    let x1 = b.sum(separable(h, channels, 5), separable(p, channels, 3))
    let x2 = b.sum(separable(p, channels, 5), separable(p, channels, 3))
    let x3 = b.sum(b.pool(h, stride: 1), p)
    let x4 = b.sum(b.pool(p, stride: 1), b.pool(p, stride: 1))
    let x5 = b.sum(separable(h, channels, 3), h)
    return b.concat([p, x1, x2, x3, x4, x5])
  }
  var before = b.conv(b.input(3, 224, 224), 32, kernel: 3, stride: 2)
  var last = before
  for channels in [11, 22] { (before, last) = (last, reduce(before, last, channels)) }
  for stage in 0..<3 {
    let channels = 44 << stage
    if stage > 0 { (before, last) = (last, reduce(before, last, channels)) }
    for _ in 0..<4 { (before, last) = (last, normal(before, last, channels)) }
  }
  return try b.finish(b.conv(b.poolAll(last), 1000, kernel: 1))
}

/// Huang et al., "Densely connected convolutional networks" (2017), growth 32.
@Sendable private func denseNet121(hasWeights: Bool) throws -> Dataflow {
  var b = NetworkBuilder(hasWeights: hasWeights)
  var x = b.pool(b.conv(b.input(3, 224, 224), 64, kernel: 7, stride: 2), stride: 2)
  for (stage, count) in [6, 12, 24, 16].enumerated() {
    var features = [x]
    for _ in 0..<count {
      let all = features.count == 1 ? x : b.concat(features)
      features.append(b.conv(b.conv(all, 128, kernel: 1), 32, kernel: 3))
    }
    x = b.concat(features)
    if stage < 3 { x = b.pool(b.conv(x, x.channels / 2, kernel: 1), stride: 2) }
  }
  return try b.finish(b.conv(b.poolAll(x), 1000, kernel: 1))
}

/// Wang et al., "MiniLM" (2020): six layers of width 384 with twelve heads, 256 tokens.
@Sendable private func miniLM(hasWeights: Bool) throws -> Dataflow {
  var b = NetworkBuilder(hasWeights: hasWeights)
  var x = b.input(1, 256, 384)
  let mask = b.input(1, 1, 256)
  for _ in 0..<6 {
    let (q, k, v) = (b.linear(x, 384), b.linear(x, 384), b.linear(x, 384))
    x = b.sum(b.linear(b.attention(q, k, v, mask: mask, heads: 12), 384), x)
    x = b.sum(b.linear(b.linear(x, 1536), 384), x)
  }
  return try b.finish(x)
}

/// Ronneberger et al., "U-Net" (2015), for 256 × 256 and with borders.
@Sendable private func uNet(hasWeights: Bool) throws -> Dataflow {
  var b = NetworkBuilder(hasWeights: hasWeights)
  var x = b.input(1, 256, 256)
  var skips: [FeatureMap] = []
  for level in 0..<5 {
    if level > 0 { x = b.pool(x, stride: 2) }
    x = b.conv(b.conv(x, 64 << level, kernel: 3), 64 << level, kernel: 3)
    if level < 4 { skips.append(x) }
  }
  for skip in skips.reversed() {
    x = b.concat([skip, b.enlarge(x, skip.channels)])
    x = b.conv(b.conv(x, skip.channels, kernel: 3), skip.channels, kernel: 3)
  }
  return try b.finish(b.conv(x, 2, kernel: 1))
}
