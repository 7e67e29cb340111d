import ApusIR
import ApusTensor

extension Operators {
  /// Attention whose scores and weights are changed by graphs of the node.
  static var flexAttention: [OperatorRule] {
    [OperatorRule("FlexAttention", domain: "ai.onnx.preview", value: attended)]
  }

  private static func attended(_ n: NodeTranslation) throws -> ValueID {
    let (q, k, v) = (try n.value(0), try n.value(1), try n.value(2))
    guard [q, k, v].allSatisfy({ n.rank($0) == 4 }) else {
      throw n.error("onnx.shape", "the operands have the axes batch, head, position and feature")
    }
    let element = n.element(q)
    guard element.isFloat, n.element(k) == element, n.element(v) == element else {
      throw n.error("onnx.type", "the operands are floats of one type")
    }
    try n.context.emitter.require(n.dims(k)[1], equals: n.dims(v)[1])
    let precision = try n.optionalElementType("softmax_precision") ?? (element == .f64 ? .f64 : .f32)
    guard precision.isFloat else { throw n.error("onnx.attribute", "'softmax_precision' is \(precision), no type of floats") }
    let scale = try n.optionalFloat("scale")
    var names: [String: Meaning] = [
      "q": .value(q), "k": .value(k), "v": .value(v), "precision": .elementType(precision), "scale": scale.map { .number($0) } ?? .absent,
    ]
    names["scores"] = .value(try changed(n, "score_mod", n.result(scoreFormula, names)))
    names["weights"] = .value(try changed(n, "prob_mod", n.result(weightFormula, names)))
    return try n.result(sumFormula, names)
  }

  /// What the graph of that name, if there is one, makes of a tensor.
  private static func changed(_ n: NodeTranslation, _ name: String, _ given: ValueID) throws -> ValueID {
    guard n.attribute(name) != nil else { return given }
    let outputs = try n.context.outputs(of: n.graph(name), [.value(given)])
    guard outputs.count == 1 else { throw n.error("onnx.subgraph", "'\(name)' has \(outputs.count) outputs, not one") }
    let result = try n.value(of: outputs[0])
    guard n.element(result) == n.element(given), n.rank(result) == n.rank(given) else {
      throw n.error("onnx.subgraph", "'\(name)' gives a tensor of another type or rank than it takes")
    }
    for (a, b) in zip(n.dims(result), n.dims(given)) { try n.context.emitter.require(a, equals: b) }
    return try n.reshape(result, n.dims(given))
  }

  /// Heads that share keys lie next to each other: they are queries of one product.
  private static let scoreFormula = Formula(
    "FlexAttention's scores",
    """
    b = shape(q)[0]
    h = shape(q)[1]
    s = shape(q)[2]
    d = shape(q)[3]
    g = shape(k)[1]
    t = shape(k)[2]
    r = floordiv(h, g)
    f = if has(scale) { scale } else { convert(1 / sqrt(convert(d, to: f64)), to: type(q)) }
    products = reshape(q, shape: [b, g, r * s, d]) @ transpose(k, perm: [0, 1, 3, 2])
    convert(reshape(products * f, shape: [b, h, s, t]), to: precision)
    """)

  private static let weightFormula = Formula("FlexAttention's weights", "softmax(scores, axis: -1)")

  private static let sumFormula = Formula(
    "FlexAttention",
    """
    b = shape(q)[0]
    h = shape(q)[1]
    s = shape(q)[2]
    g = shape(k)[1]
    t = shape(k)[2]
    r = floordiv(h, g)
    sums = reshape(weights, shape: [b, g, r * s, t]) @ convert(v, to: precision)
    convert(reshape(sums, shape: [b, h, s, shape(v)[3]]), to: type(q))
    """)
}
