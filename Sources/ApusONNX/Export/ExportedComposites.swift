import ApusIR
import ApusTensor

/// Composites for which ONNX has an operator that means the same.
extension GraphExport {
  /// nil where the body is to be written.
  func operatorLike(_ code: OpCode, _ op: OpID) throws -> [Exported]? {
    let x = try operands(of: op)
    switch code {
    case .reciprocal: return plain("Reciprocal", x)
    case .relu: return plain("Relu", x)
    case .softplus: return plain("Softplus", x)
    case .softsign: return plain("Softsign", x)
    case .hardSwish: return plain("HardSwish", x)
    case .mish: return plain("Mish", x)
    case .prelu: return plain("PRelu", x)
    case .clamp: return plain("Clip", x)
    case .leakyRelu: return plain("LeakyRelu", x, floats(["alpha": "slope"], op))
    case .elu: return plain("Elu", x, floats(["alpha": "alpha"], op))
    case .celu: return plain("Celu", x, floats(["alpha": "alpha"], op))
    case .selu: return plain("Selu", x, floats(["alpha": "alpha", "gamma": "gamma"], op))
    case .hardSigmoid: return plain("HardSigmoid", x, floats(["alpha": "slope", "beta": "offset"], op))
    case .gelu: return plain("Gelu", x, [("approximate", .string(text("approximate", op)))])
    case .isNan: return takes(x[0].element, "IsNaN") ? [node("IsNaN", x, .bool)] : nil
    case .isInf:
      guard takes(x[0].element, "IsInf") else { return nil }
      return [
        node(
          "IsInf", x,
          [
            "detect_positive": .int(flag("positive", op) ? 1 : 0), "detect_negative": .int(flag("negative", op) ? 1 : 0),
          ], .bool)
      ]
    case .mod: return x[0].element.isFloat ? nil : [try apply("Mod", [x[0], try safeDivisor(x[1])])]
    case .softmax: return plain("Softmax", x, [("axis", .int(int("axis", op)))])
    case .logSoftmax: return plain("LogSoftmax", x, [("axis", .int(int("axis", op)))])
    case .mean: return reduction("ReduceMean", x[0], op)
    case .logsumexp: return reduction("ReduceLogSumExp", x[0], op)
    case .layerNorm, .groupNorm, .instanceNorm, .batchNorm: return normalization(code, x, op)
    case .maxPool, .averagePool: return pool(code, x[0], op)
    case .convTranspose: return transposedConvolution(x, op)
    case .depthToSpace:
      return plain(
        "DepthToSpace", x, [("blocksize", .int(int("block", op))), ("mode", .string(text("mode", op).uppercased()))])
    case .spaceToDepth: return plain("SpaceToDepth", x, [("blocksize", .int(int("block", op)))])
    case .resize: return try resized(x[0], op)
    case .lstm, .gru: return try recurrence(code, x, op)
    case _: return nil
    }
  }

  private typealias Attributes = [(name: String, value: ModelWriter.Attribute)]

  private func plain(_ name: String, _ x: [Exported], _ attributes: Attributes? = []) -> [Exported]? {
    guard let attributes, takes(x[0].element, name) else { return nil }
    return nodes(name, x, attributes: attributes, [x[0].element])
  }

  /// Attributes of ONNX by ours; nil where an f32 does not hold a number that matters in f64.
  private func floats(_ names: KeyValuePairs<String, String>, _ op: OpID) -> Attributes? {
    var attributes: Attributes = []
    for (theirs, ours) in names {
      let number = frame.function.float(ours, of: op) ?? 0
      guard Double(Float(number)) == number || operandType(0, op).element != .f64 else { return nil }
      attributes.append((theirs, .float(Float(number))))
    }
    return attributes
  }

  /// Whether an axis has an element for sure.
  private func isNeverEmpty(_ dim: Dim) -> Bool { (frame.function.symbols.bounds(of: dim).lower ?? 0) >= 1 }

  private func reduction(_ name: String, _ x: Exported, _ op: OpID) -> [Exported]? {
    let (axes, dims) = (ints("axes", op), operandType(0, op).dims)
    guard !axes.isEmpty, axes.allSatisfy({ isNeverEmpty(dims[$0]) }), takes(x.element, name) else { return nil }
    return [node(name, [x, integers(axes)], ["keepdims": .int(flag("keep_dims", op) ? 1 : 0)], x.element)]
  }

  private func normalization(_ code: OpCode, _ x: [Exported], _ op: OpID) -> [Exported]? {
    let type = operandType(0, op)
    guard var attributes = floats(["epsilon": "epsilon"], op), type.dims.allSatisfy(isNeverEmpty) else { return nil }
    switch code {
    case .layerNorm:
      // The mean is that of f32.
      let axis = int("axis", op)
      let isWhole = x.indices.dropFirst().allSatisfy { operandType($0, op).dims == Array(type.dims[axis...]) }
      guard x.count > 1, isWhole, type.element != .f64 else { return nil }
      attributes.append(("axis", .int(axis)))
      return plain("LayerNormalization", x, attributes)
    case .groupNorm:
      guard type.element != .f64, type.rank > 2 else { return nil }
      attributes.append(("num_groups", .int(int("groups", op))))
      return plain("GroupNormalization", x, attributes)
    case .instanceNorm: return type.rank > 2 ? plain("InstanceNormalization", x, attributes) : nil
    case _: return type.rank > 2 ? plain("BatchNormalization", x, attributes) : nil
    }
  }

  /// Windows that lie in the padding alone are the body's: ONNX says nothing of them.
  private func pool(_ code: OpCode, _ x: Exported, _ op: OpID) -> [Exported]? {
    let (window, pads, dilations) = (ints("window", op), ints("pads", op), ints("dilations", op))
    let isDilated = dilations.contains { $0 != 1 }
    guard operandType(0, op).dims.allSatisfy(isNeverEmpty), !pads.contains(where: { $0 != 0 }) || !isDilated else { return nil }
    for (index, pad) in pads.enumerated() where pad >= window[index % window.count] { return nil }
    var attributes: Attributes = [("kernel_shape", .ints(window))]
    for name in ["strides", "pads", "dilations"] where !ints(name, op).isEmpty { attributes.append((name, .ints(ints(name, op)))) }
    if code == .averagePool { attributes.append(("count_include_pad", .int(flag("count_padding", op) ? 1 : 0))) }
    return plain(code == .maxPool ? "MaxPool" : "AveragePool", [x], attributes)
  }

  /// The body multiplies zeros between the elements as well, which shows where a weight is not finite.
  private func transposedConvolution(_ x: [Exported], _ op: OpID) -> [Exported]? {
    let weights = constantElements(frame.function.operand(1, of: op)) ?? [.float(.nan)]
    guard weights.allSatisfy(\.asDouble.isFinite) else { return nil }
    let (extra, strides) = (ints("output_pads", op), ints("strides", op))
    for (index, pad) in extra.enumerated() where pad >= (strides.indices.contains(index) ? strides[index] : 1) { return nil }
    guard (operandType(0, op).dims + operandType(1, op).dims).allSatisfy(isNeverEmpty) else { return nil }
    var attributes: Attributes = [("group", .int(int("groups", op)))]
    for (theirs, ours) in [("strides", "strides"), ("pads", "pads"), ("dilations", "dilations"), ("output_padding", "output_pads")] {
      if !ints(ours, op).isEmpty { attributes.append((theirs, .ints(ints(ours, op)))) }
    }
    return plain("ConvTranspose", x, attributes)
  }

  private func resized(_ x: Exported, _ op: OpID) throws -> [Exported]? {
    let (own, wanted) = (operandType(0, op).dims, dims("sizes", op))
    let scales: [Double] = if case .floats(let scales)? = frame.function.attribute("scales", of: op) { scales } else { [] }
    guard scales.isEmpty, !wanted.isEmpty, (own + wanted).allSatisfy(isNeverEmpty), takes(x.element, "Resize"),
      let cubic = floats(["cubic_coeff_a": "cubic_coefficient"], op)
    else { return nil }
    let attributes: Attributes =
      cubic + [
        ("axes", .ints(Array(2..<own.count))), ("mode", .string(text("mode", op))),
        ("coordinate_transformation_mode", .string(text("coordinates", op))), ("nearest_mode", .string(text("rounding", op))),
      ]
    return nodes("Resize", [x, nil, nil, try sizes(wanted)], attributes: attributes, [x.element])
  }

  /// ONNX's have an axis of directions.
  private func recurrence(_ code: OpCode, _ x: [Exported], _ op: OpID) throws -> [Exported]? {
    guard takes(x[0].element, "LSTM"), let hidden = operandType(2, op).dims[1].constantValue,
      (operandType(0, op).dims + operandType(2, op).dims).allSatisfy(isNeverEmpty)
    else { return nil }
    let states = code == .lstm ? 2 : 1
    let bias = x.count > 3 + states ? unsqueeze(x[3 + states], [0]) : nil
    let inputs: [Exported?] =
      [x[0], unsqueeze(x[1], [0]), unsqueeze(x[2], [0]), bias, nil] + x[3..<3 + states].map { unsqueeze($0, [0]) }
    var attributes: Attributes = [("hidden_size", .int(hidden))]
    if code == .gru { attributes.append(("linear_before_reset", .int(flag("linear_before_reset", op) ? 1 : 0))) }
    let results = nodes(
      code == .lstm ? "LSTM" : "GRU", inputs, attributes: attributes, Array(repeating: x[0].element, count: states + 1))
    return [squeeze(results[0], [1])] + results.dropFirst().map { squeeze($0, [0]) }
  }
}
