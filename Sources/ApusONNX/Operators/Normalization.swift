import ApusIR
import ApusTensor

extension Operators {
  /// Normalisation by mean and variance.
  static var normalization: [OperatorRule] {
    [
      OperatorRule("BatchNormalization", batchNormalization), OperatorRule("InstanceNormalization", value: instanceNormalization),
      OperatorRule("LayerNormalization", layerNormalization), OperatorRule("GroupNormalization", value: groupNormalization),
      OperatorRule("RMSNormalization", value: rmsNormalization),
      OperatorRule("MeanVarianceNormalization", value: meanVarianceNormalization),
    ]
  }

  /// Opset 9 and older train if more than one output is there; 7 has statistics of single elements with `spatial` 0.
  private static func batchNormalization(_ n: NodeTranslation) throws -> [Imported] {
    let x = try n.value(0)
    guard n.rank(x) > 1 || n.version < 14 else { throw n.error("onnx.shape", "the operand has no axis of channels") }
    let isSpatial = try n.version >= 9 || n.flag("spatial", true)
    let trains = try n.version >= 14 ? n.flag("training_mode") : n.wants(1)
    let element = n.element(x)
    let wide: ElementType = element == .f64 ? .f64 : .f32
    let epsilon = Meaning.number(try n.float("epsilon", 1e-5))
    if !trains {
      let parts = try (1...4).map { try n.convert(n.value($0), to: element) }
      if isSpatial, parts.allSatisfy({ n.rank($0) == 1 }), element == wide, n.rank(x) > 1 {
        return [.value(try n.call(.batchNorm, [.value(x)] + parts.map { .value($0) }, ["epsilon": epsilon]))]
      }
    }
    let names: [String: Meaning] = [
      "x": .value(n.convert(x, to: wide)), "scale": .value(try n.convert(n.value(1), to: wide)),
      "bias": .value(try n.convert(n.value(2), to: wide)), "mean": .value(try n.convert(n.value(3), to: wide)),
      "variance": .value(try n.convert(n.value(4), to: wide)), "epsilon": epsilon,
      "momentum": .number(try n.float("momentum", 0.9)), "trains": .bool(trains),
      "axes": .ints([0] + (isSpatial ? Array(2..<max(2, n.rank(x))) : [])),
      "ones": .ints(isSpatial ? Array(repeating: 1, count: max(0, n.rank(x) - 2)) : []),
    ]
    let results = try n.results(batchFormula, names)
    let statistics = n.element(try n.value(3))
    let moved: [Imported] = results[1...].map { .value(n.convert($0, to: statistics)) }
    let y = Imported.value(n.convert(results[0], to: element))
    // The running statistics, and in the old opsets those of the batch.
    return trains ? [y] + (n.version >= 14 ? Array(moved.prefix(2)) : moved) : [y]
  }

  private static let batchFormula = Formula(
    "BatchNormalization",
    """
    m = if trains { mean(x, axes: axes) } else { mean }
    v = if trains { variance(x, axes: axes) } else { variance }
    c = shape(m) ++ ones
    normal = (x - reshape(m, shape: c)) / sqrt(reshape(v, shape: c) + epsilon)
    y = normal * reshape(scale, shape: c) + reshape(bias, shape: c)
    y, mean * momentum + m * (1 - momentum), variance * momentum + v * (1 - momentum), m, v
    """)

  private static func instanceNormalization(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    guard n.rank(x) > 2 else { throw n.error("onnx.shape", "the operand has no spatial axis") }
    return try n.call(
      .instanceNorm, [.value(x), .value(n.value(1)), .value(n.value(2))], ["epsilon": .number(n.float("epsilon", 1e-5))])
  }

  private static func layerNormalization(_ n: NodeTranslation) throws -> [Imported] {
    let x = try n.value(0)
    let axis = try n.axis(n.int("axis", -1), rank: n.rank(x))
    let epsilon = Meaning.number(try n.float("epsilon", 1e-5))
    guard n.wants(1) || n.wants(2) else {
      return [
        .value(
          try n.call(
            .layerNorm, [.value(x), .value(n.value(1)), n.operand(2)], ["axis": .integer(axis), "epsilon": epsilon]))
      ]
    }
    let results = try n.results(layerFormula, [
      "x": .value(x), "scale": .value(n.value(1)), "bias": n.operand(2), "epsilon": epsilon,
      "axes": .ints(Array(axis..<n.rank(x))),
    ])
    let stash = try n.stashType()
    return [.value(results[0])] + results[1...].map { .value(n.convert($0, to: stash)) }
  }

  private static let layerFormula = Formula(
    "LayerNormalization",
    """
    w = if type(x) == f64 { x } else { convert(x, to: f32) }
    m = mean(w, axes: axes, keep_dims: true)
    d = w - m
    inverse = 1 / sqrt(mean(d * d, axes: axes, keep_dims: true) + epsilon)
    y = convert(d * inverse, to: type(x)) * scale
    z = if has(bias) { y + bias } else { y }
    z, m, inverse
    """)

  /// Before opset 21 scale and bias are those of groups, since then of channels.
  private static func groupNormalization(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    guard n.rank(x) > 1 else { throw n.error("onnx.shape", "the operand has no axis of channels") }
    guard let groups = try n.optionalInt("num_groups"), groups > 0 else {
      throw n.error("onnx.attribute", "'num_groups' is a positive number")
    }
    return try n.result(groupFormula, [
      "x": .value(x), "scale": .value(n.value(1)), "bias": .value(n.value(2)), "groups": .integer(groups),
      "epsilon": .number(n.float("epsilon", 1e-5)), "of_channels": .bool(n.version >= 21),
    ])
  }

  private static let groupFormula = Formula(
    "GroupNormalization",
    """
    size = floordiv(shape(x)[1], groups)
    normal = layer_norm(reshape(x, shape: [shape(x)[0], groups, size] ++ shape(x)[2:]), axis: 2, epsilon: epsilon)
    ones = repeat(1, rank(x) - 2)
    if of_channels {
      c = [shape(x)[1]] ++ ones
      reshape(normal, shape: shape(x)) * reshape(scale, shape: c) + reshape(bias, shape: c)
    } else {
      c = [groups, 1] ++ ones
      reshape(normal * reshape(scale, shape: c) + reshape(bias, shape: c), shape: shape(x))
    }
    """)

  private static func rmsNormalization(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let scale = try n.value(1)
    let attributes: KeyValuePairs<String, Meaning> = [
      "axis": .integer(try n.axis(n.int("axis", -1), rank: n.rank(x))), "epsilon": .number(try n.float("epsilon", 1e-5)),
    ]
    if n.element(x) == n.element(scale) { return try n.call(.rmsNorm, [.value(x), .value(scale)], attributes) }
    // The result has the type of the scale.
    return try n.call(.mul, n.convert(n.call(.rmsNorm, [.value(x)], attributes), to: n.element(scale)), scale)
  }

  private static func meanVarianceNormalization(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let axes = try n.axes(n.ints("axes", [0, 2, 3]), rank: n.rank(x))
    return try n.result(
      Formula(
        "MeanVarianceNormalization",
        """
        w = if type(x) == f64 { x } else { convert(x, to: f32) }
        m = mean(w, axes: axes, keep_dims: true)
        deviation = sqrt(mean(w * w, axes: axes, keep_dims: true) - m * m)
        convert((w - m) / (deviation + 1e-9), to: type(x))
        """), ["x": .value(x), "axes": .ints(axes.sorted())])
  }
}

extension NodeTranslation {
  /// The type of statistics.
  fileprivate func stashType() throws -> ElementType {
    guard let element = ElementType(onnx: Int32(truncatingIfNeeded: try int("stash_type", 1))), element.isFloat else {
      throw error("onnx.attribute", "'stash_type' is a type of floats")
    }
    return element
  }
}
