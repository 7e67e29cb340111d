extension SubjectGroup {
  /// Convolutions of one image in NCHW with constant weights.
  static func convolution() -> SubjectGroup {
    SubjectGroup(
      "convolution",
      [
        convolution(size: 56, from: 64, to: 64, kernel: 3), convolution(size: 28, from: 128, to: 128, kernel: 3),
        convolution(size: 56, from: 64, to: 256, kernel: 1),
        convolution(size: 56, from: 64, to: 128, kernel: 3, stride: 2),
        convolution(size: 56, from: 64, to: 64, kernel: 3, groups: 64),
      ])
  }

  private static func convolution(
    size: Int, from inputs: Int, to outputs: Int, kernel: Int, stride: Int = 1, groups: Int = 1
  ) -> Subject {
    let pad = kernel / 2
    let out = (size + 2 * pad - kernel) / stride + 1
    let depth = inputs / groups * kernel * kernel
    let name = "conv-\(kernel)x\(kernel)-\(size)x\(size)x\(inputs)-\(outputs)"
      + (stride == 1 ? "" : "-stride-\(stride)") + (groups == 1 ? "" : "-groups-\(groups)")
    return .graph(
      name, .flops(2 * Double(out * out * outputs) * Double(depth)),
      """
      graph conv_layer(x: f32[1, \(inputs), \(size), \(size)]) {
        w = weight f32[\(outputs), \(inputs / groups), \(kernel), \(kernel)] random(seed: 1)
        return conv(x, w, strides: [\(stride), \(stride)], pads: [\(pad), \(pad), \(pad), \(pad)], groups: \(groups))
      }
      """
    ).against(
      Peer(
        inputs: ["x": [1, inputs, size, size]], weights: ["w": [outputs, inputs / groups, kernel, kernel]], op: "Conv",
        operands: ["x", "w"],
        attributes: ["strides": [stride, stride], "pads": [pad, pad, pad, pad], "group": [groups]]))
  }
}
