import ApusIR
import ApusTensor

extension Operators {
  /// Normalization of sums, as transformers have it, in f32 for f16.
  static var skipNormalization: [OperatorRule] {
    let domain = "com.microsoft"
    return ["", domain].map { domain in
      OperatorRule("SimplifiedLayerNormalization", domain: domain) { n in
        let x = try n.value(0)
        let axis = try n.axis(n.int("axis", -1), rank: n.rank(x))
        let wide: ElementType = n.element(x) == .f64 ? .f64 : .f32
        let parts = try n.normalized(
          n.convert(x, to: wide), scale: n.value(1), axis: axis, epsilon: n.float("epsilon", 1e-5), centred: false)
        return [.value(n.convert(parts.result, to: try n.inputType(1).element)), .value(parts.inverse)]
      }
    } + [
      OperatorRule("SkipLayerNormalization", domain: domain) { n in
        try n.skipNormalized(bias: 4, shift: 3, centred: true, epsilon: 1e-12)
      },
      OperatorRule("SkipSimplifiedLayerNormalization", domain: domain) { n in
        try n.skipNormalized(bias: 3, shift: nil, centred: false, epsilon: 1e-12)
      },
      OperatorRule("EmbedLayerNormalization", domain: domain) { try $0.embedded() },
    ]
  }
}

extension NodeTranslation {
  typealias Normalized = (result: ValueID, mean: ValueID?, inverse: ValueID)

  /// Normalizes the axes from `axis` on; `scale` and `shift` are converted to the type of `x`.
  func normalized(
    _ x: ValueID, scale: ValueID, shift: ValueID? = nil, axis: Int, epsilon: Double, centred: Bool
  ) throws -> Normalized {
    let axes = Meaning.ints(Array(axis..<rank(x)))
    func mean(_ value: ValueID) throws -> ValueID {
      try call(.mean, [.value(value)], ["axes": axes, "keep_dims": .bool(true)])
    }
    let centre = centred ? try mean(x) : nil
    let deviation = try centre.map { try call(.sub, x, $0) } ?? x
    let variance = try mean(call(.mul, deviation, deviation))
    let root = try call(.sqrt, call(.add, [.value(variance), .number(epsilon)]))
    let inverse = try call(.div, [.number(1), .value(root)])
    var result = try call(.mul, call(.mul, deviation, inverse), convert(scale, to: element(x)))
    if let shift { result = try call(.add, result, convert(shift, to: element(x))) }
    return (result, centre, inverse)
  }

  /// Outputs: the result, the mean, 1 / the deviation, and the sum that was normalized.
  fileprivate func skipNormalized(bias: Int, shift: Int?, centred: Bool, epsilon: Double) throws -> [Imported] {
    let x = try value(0)
    let (own, wide): (ElementType, ElementType) = (element(x), element(x) == .f64 ? .f64 : .f32)
    var sum = try call(.add, convert(x, to: wide), convert(value(1), to: wide))
    if let bias = try optionalValue(bias) { sum = try call(.add, sum, convert(bias, to: wide)) }
    let parts = try normalized(
      sum, scale: value(2), shift: shift.flatMap { try optionalValue($0) }, axis: rank(sum) - 1,
      epsilon: float("epsilon", epsilon), centred: centred)
    return [
      .value(convert(parts.result, to: own)), parts.mean.map { .value($0) } ?? .absent, .value(parts.inverse),
      .value(convert(sum, to: own)),
    ]
  }

  /// Word, position and segment embeddings, summed and normalized; then how many tokens of each row the mask keeps.
  fileprivate func embedded() throws -> [Imported] {
    let ids = try value(0)
    let size = dims(ids)
    guard size.count == 2 else { throw error("onnx.shape", "the ids are no matrix") }
    func rows(_ table: Int, _ indices: ValueID) throws -> ValueID {
      try call(.gather, [.value(value(table)), .value(indices)], ["axis": .integer(0)])
    }
    let positions = try optionalValue(8)
      ?? call(.iota, [], ["axis": .integer(0), "shape": .sizes([size[1]]), "to": .elementType(.s64)])
    var sum = try call(.add, rows(2, ids), rows(3, positions))
    if let segments = try optionalValue(1) { sum = try call(.add, sum, rows(4, segments)) }
    let (own, wide): (ElementType, ElementType) = (element(sum), element(sum) == .f64 ? .f64 : .f32)
    let parts = try normalized(
      convert(sum, to: wide), scale: value(5), shift: value(6), axis: 2, epsilon: float("epsilon", 1e-12),
      centred: true)
    let kept: ValueID
    if let mask = try optionalValue(7) {
      kept = try call(.reduceSum, [.value(mask)], ["axes": .ints([1])])
    } else {
      kept = try filled(0, .s32, [size[0]])
    }
    return [.value(convert(parts.result, to: own)), .value(kept), .value(sum)]
  }
}
