import ApusIR
import ApusTensor

extension Operators {
  /// Attention without a softmax: a state that each position decays, corrects and writes to, and reads.
  static func linearAttention(_ n: NodeTranslation) throws -> [Imported] {
    guard let heads = try n.optionalInt("q_num_heads"), let shared = try n.optionalInt("kv_num_heads"), heads > 0, shared > 0,
      heads % shared == 0
    else { throw n.error("onnx.attribute", "'q_num_heads' is a positive multiple of 'kv_num_heads'") }
    let rule = try n.string("update_rule", "gated_delta")
    guard ["linear", "gated", "delta", "gated_delta"].contains(rule) else {
      throw n.error("onnx.attribute", "there is no update rule '\(rule)'")
    }
    guard rule.hasPrefix("gated") == n.has(4), rule.hasSuffix("delta") == n.has(5) else {
      throw n.error("onnx.operand", "the rule '\(rule)' does not go with the operands that are given")
    }
    for index in 0..<3 where try n.inputType(index).rank != 3 {
      throw n.error("onnx.shape", "operand \(index) has \(try n.inputType(index).rank) axes, not 3")
    }
    let (q, k, v) = (try n.value(0), try n.value(1), try n.value(2))
    let wide: ElementType = n.element(q) == .f64 ? .f64 : .f32
    let scale = try n.float("scale", 0)
    let results = try n.results(linearFormula, [
      "q": .value(try n.heads(n.convert(q, to: wide), heads)), "k": .value(try n.heads(n.convert(k, to: wide), shared)),
      "v": .value(try n.heads(n.convert(v, to: wide), shared)), "decay": try n.spread(4, shared, wide),
      "beta": try n.spread(5, shared, wide), "past": try n.optionalValue(3).map { .value(n.convert($0, to: wide)) } ?? .absent,
      "scale": scale == 0 ? .absent : .number(scale),
    ])
    let dims = n.dims(results[0])
    let output = try n.reshape(n.transpose(results[0], [0, 2, 1, 3]), [dims[0], dims[2], n.product(dims[1], dims[3])])
    let stateType = try n.optionalValue(3).map { n.element($0) } ?? n.element(q)
    return [.value(n.convert(output, to: n.element(q))), .value(n.convert(results[1], to: stateType))]
  }

  /// The state is [batch, key heads, key features, value features].
  private static let linearFormula = Formula(
    "LinearAttention",
    """
    b = shape(q)[0]
    h = shape(q)[1]
    t = shape(q)[2]
    d = shape(q)[3]
    g = shape(k)[1]
    e = shape(v)[3]
    r = floordiv(h, g)
    start = if has(past) { past } else { constant(value: 0, shape: [b, g, d, e], to: type(q)) }
    f = if has(scale) { scale } else { convert(1 / sqrt(convert(d, to: f64)), to: type(q)) }
    empty = constant(value: 0, shape: [b, h, t, e], to: type(q))
    if known(t <= 0) { empty, start } else {
      n, outputs, final = while n = 0, ys = empty, state = start; n < t {
        qt = reshape(dynamic_slice(q, [0, 0, n, 0], sizes: [b, h, 1, d]), shape: [b, g, r, d])
        kt = dynamic_slice(k, [0, 0, n, 0], sizes: [b, g, 1, d])
        vt = dynamic_slice(v, [0, 0, n, 0], sizes: [b, g, 1, e])
        kept = if has(decay) {
          gate = dynamic_slice(decay, [0, 0, n, 0], sizes: [b, g, 1, shape(decay)[3]])
          state * exp(transpose(gate, perm: [0, 1, 3, 2]))
        } else { state }
        written = if has(beta) {
          dynamic_slice(beta, [0, 0, n, 0], sizes: [b, shape(beta)[1], 1, 1]) * (vt - kt @ kept)
        } else { vt }
        next = kept + transpose(kt, perm: [0, 1, 3, 2]) * written
        n + 1, dynamic_update_slice(ys, reshape((qt @ next) * f, shape: [b, h, 1, e]), [0, 0, n, 0]), next
      }
      outputs, final
    }
    """)
}

extension NodeTranslation {
  /// An operand with a number, or several, for each head: `[batch, heads, positions, numbers]`. One for all heads stays one.
  fileprivate func spread(_ index: Int, _ heads: Int, _ wide: ElementType) throws -> Meaning {
    guard let given = try optionalValue(index) else { return .absent }
    guard rank(given) == 3 else { throw error("onnx.shape", "operand \(index) has \(rank(given)) axes, not 3") }
    let isShared = dims(given)[2] == 1
    return .value(try self.heads(convert(given, to: wide), isShared ? 1 : heads))
  }
}
