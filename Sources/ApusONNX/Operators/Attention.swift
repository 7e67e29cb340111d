import ApusIR
import ApusTensor

extension Operators {
  static var attention: [OperatorRule] {
    [
      OperatorRule("Attention") { try AttentionNode($0).outputs() },
      OperatorRule("RotaryEmbedding", value: rotaryEmbedding), OperatorRule("LinearAttention", linearAttention),
    ]
  }
}

/// Scaled dot-product attention of one node.
private struct AttentionNode {
  let n: NodeTranslation
  /// `[batch, heads, positions, features]`; keys and values with those of the past.
  private let q, k, v: ValueID
  private let isPacked: Bool
  private let isCausal: Bool
  /// How far from its own position a query sees; nil without a bound.
  private let left, right: Int?

  init(_ n: NodeTranslation) throws {
    self.n = n
    isPacked = try n.inputType(0).rank == 3
    let heads = (try n.optionalInt("q_num_heads"), try n.optionalInt("kv_num_heads"))
    q = try n.heads(n.value(0), heads.0)
    var (k, v) = (try n.heads(n.value(1), heads.1), try n.heads(n.value(2), heads.1))
    guard n.has(4) == n.has(5) else { throw n.error("onnx.operand", "past keys and values stand together or not at all") }
    if n.has(4) {
      k = try n.call(.concat, [.value(n.value(4)), .value(k)], ["axis": .integer(2)])
      v = try n.call(.concat, [.value(n.value(5)), .value(v)], ["axis": .integer(2)])
    }
    self.k = k
    self.v = v
    isCausal = try n.flag("is_causal")
    let (left, right) = (try n.int("left_window_size", -1), try n.int("right_window_size", -1))
    self.left = left < 0 ? nil : left
    self.right = isCausal ? 0 : right < 0 ? nil : right
  }

  func outputs() throws -> [Imported] {
    let (y, scores) = try result()
    var output = n.convert(y, to: n.element(q))
    if isPacked {
      let dims = n.dims(output)
      output = try n.reshape(n.transpose(output, [0, 2, 1, 3]), [dims[0], dims[2], n.product(dims[1], dims[3])])
    }
    return [.value(output), .value(k), .value(v), scores.map { .value($0) } ?? .absent]
  }

  private func result() throws -> (ValueID, scores: ValueID?) {
    let element = n.element(q)
    let softcap = try n.float("softcap", 0)
    let precision = try n.optionalInt("softmax_precision").flatMap { ElementType(onnx: Int32(truncatingIfNeeded: $0)) }
    let scale = try n.optionalFloat("scale")
    let isPlain = softcap == 0 && !n.wants(3) && precision ?? element == element && scale != 0
    let isWide = (element == .f32 || element == .f64) && n.element(v) == element
    if isPlain, isWide, left == nil, right == nil || (isCausal && seesAllOfThePast), !n.has(3), !n.has(6) {
      return (
        try n.call(
          .attention, [.value(q), .value(k), .value(v)],
          ["causal": .bool(isCausal), "scale": .number(scale ?? 0)]), nil
      )
    }
    let bias = try self.bias()
    var masked: Meaning = .absent
    if let bias { masked = .value(try n.result(Self.maskedFormula, ["bias": .value(bias)])) }
    if isPlain, isWide {
      let y = try n.call(
        .attention, [.value(q), .value(k), .value(v), bias.map { .value($0) } ?? .absent], ["scale": .number(scale ?? 0)])
      guard case .value(let rows) = masked else { return (y, nil) }
      return (try n.call(.select, [.value(rows), .number(0), .value(y)]), nil)
    }
    let results = try n.results(Self.formula, [
      "q": .value(q), "k": .value(k), "v": .value(n.convert(v, to: element)), "softcap": .number(softcap),
      "root": scale.map { .number($0.squareRoot()) } ?? .absent, "bias": bias.map { .value($0) } ?? .absent,
      "masked": masked, "precision": .elementType(precision ?? element),
      "mode": .integer(try n.int("qk_matmul_output_mode", 0)),
    ])
    return (results[0], results[1])
  }

  /// Whether the last query is the last key, as the op `attention` counts them.
  private var seesAllOfThePast: Bool {
    guard let inputs = try? (n.value(0), n.value(1)) else { return false }
    let axis = isPacked ? 1 : 2
    return n.areEqual(n.dims(inputs.0)[axis], n.dims(inputs.1)[axis]) == .yes
  }

  private static let formula = Formula(
    "Attention",
    """
    b = shape(q)[0]
    h = shape(q)[1]
    s = shape(q)[2]
    d = shape(q)[3]
    g = shape(k)[1]
    t = shape(k)[2]
    r = floordiv(h, g)
    f = if has(root) { root } else { convert(sqrt(1 / sqrt(convert(d, to: f64))), to: type(q)) }
    products = reshape(reshape(q * f, shape: [b, g, r * s, d]) @ transpose(k * f, perm: [0, 1, 3, 2]), shape: [b, h, s, t])
    capped = if softcap == 0 { products } else { tanh(products / softcap) * softcap }
    biased = if has(bias) { capped + bias } else { capped }
    weights = softmax(convert(biased, to: precision), axis: -1)
    guarded = convert(if has(masked) { select(masked, 0, weights) } else { weights }, to: type(q))
    y = reshape(reshape(guarded, shape: [b, g, r * s, t]) @ v, shape: [b, h, s, shape(v)[3]])
    scores = if mode == 0 { products } else { if mode == 1 { capped } else { if mode == 2 { biased } else { guarded } } }
    y, scores
    """)

  // MARK: Masks

  /// What is added to the scores; nil where nothing is.
  private func bias() throws -> ValueID? {
    var mask = try n.optionalValue(3)
    if let given = mask { mask = try padded(given) }
    let hasBounds = left != nil || right != nil || n.has(6)
    guard hasBounds || mask.map({ n.element($0) == .bool }) == true else { return mask }
    return try n.result(Self.biasFormula, [
      "q": .value(q), "k": .value(k), "mask": mask.map { .value($0) } ?? .absent, "lengths": n.operand(6),
      "past": n.has(4) ? .size(n.dims(try n.value(4))[2]) : .absent,
      "left": left.map { .integer($0) } ?? .absent, "right": right.map { .integer($0) } ?? .absent,
    ])
  }

  /// Keys that the mask does not reach are not seen.
  private func padded(_ mask: ValueID) throws -> ValueID {
    guard n.rank(mask) > 0 else { throw n.error("onnx.shape", "the mask is a scalar") }
    let axis = n.rank(mask) - 1
    let missing = try n.difference(n.dims(k)[2], n.dims(mask)[axis])
    guard missing != 0 else { return mask }
    let none = Array(repeating: Dim.constant(0), count: axis)
    return try n.call(
      .pad, [.value(mask), n.element(mask) == .bool ? .bool(false) : .number(-.infinity)],
      ["low": .sizes(none + [0]), "high": .sizes(none + [missing])])
  }

  private static let biasFormula = Formula(
    "Attention's mask",
    """
    b = shape(q)[0]
    s = shape(q)[2]
    t = shape(k)[2]
    key = iota(axis: 1, shape: [s, t], to: s64)
    offset = if has(past) { past } else { if has(lengths) { reshape(convert(lengths, to: s64), shape: [b, 1, 1, 1]) - s } else { 0 } }
    at = iota(axis: 0, shape: [s, t], to: s64) + offset
    before = if has(right) { key <= at + right } else { true }
    behind = if has(left) { key >= at - left } else { true }
    real = if has(lengths) { key < reshape(convert(lengths, to: s64), shape: [b, 1, 1, 1]) } else { true }
    seen = before && behind && real
    if has(mask) {
      if type(mask) == bool {
        convert(select(seen && mask, constant(value: 0, shape: [], to: type(q)), -inf), to: type(q))
      } else {
        select(seen, convert(mask, to: type(q)), -inf)
      }
    } else {
      select(seen, constant(value: 0, shape: [], to: type(q)), -inf)
    }
    """)

  private static let maskedFormula = Formula(
    "Attention's masked rows", "reduce_max(bias, axes: [rank(bias) - 1], keep_dims: true) == -inf")
}

extension NodeTranslation {
  /// `[batch, positions, heads · features]` as `[batch, heads, positions, features]`; a tensor of rank 4 is one already.
  func heads(_ value: ValueID, _ count: Int?) throws -> ValueID {
    guard rank(value) != 4 else { return value }
    guard rank(value) == 3 else { throw error("onnx.shape", "an operand has \(rank(value)) axes, not 3 or 4") }
    guard let count, count > 0 else { throw error("onnx.attribute", "the number of heads is missing") }
    let dims = dims(value)
    let split = try reshape(value, [dims[0], dims[1], .constant(count), quotient(dims[2], .constant(count))])
    return try transpose(split, [0, 2, 1, 3])
  }
}
