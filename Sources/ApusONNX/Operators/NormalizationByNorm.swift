import ApusIR
import ApusTensor

extension Operators {
  /// Division by a norm, and dropping out.
  static var normalizationByNorm: [OperatorRule] {
    [
      OperatorRule("LRN", value: localResponse), OperatorRule("LpNormalization", value: lpNormalization),
      OperatorRule("Dropout", dropout),
    ]
  }

  private static func localResponse(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    guard n.rank(x) >= 2 else { throw n.error("onnx.shape", "the operand has no axis of channels") }
    guard let size = try n.optionalInt("size"), size > 0 else { throw n.error("onnx.attribute", "'size' is a positive number") }
    let ones = Array(repeating: 1, count: n.rank(x) - 2)
    let zeros = Array(repeating: 0, count: n.rank(x) - 2)
    return try n.result(responseFormula, [
      "x": .value(x), "window": .ints([size] + ones), "pads": .ints([(size - 1) / 2] + zeros + [size / 2] + zeros),
      "factor": .number(n.float("alpha", 1e-4) / Double(size)), "beta": .number(n.float("beta", 0.75)),
      "bias": .number(n.float("bias", 1)),
    ])
  }

  private static let responseFormula = Formula(
    "LRN", "x / pow(reduce_window(x * x, kind: sum, window: window, pads: pads) * factor + bias, beta)")

  /// What has the norm 0 is 0.
  private static func lpNormalization(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let axis = try n.axis(n.int("axis", -1), rank: n.rank(x))
    let norm = try n.norm(n.int("p", 2), x) {
      try n.call(.reduceSum, [.value($0)], ["axes": .ints([axis]), "keep_dims": .bool(true)])
    }
    return try n.result(quotientFormula, ["x": .value(x), "norm": .value(norm)])
  }

  private static let quotientFormula = Formula("LpNormalization", "select(norm == 0, 0, x / norm)")

  // MARK: Dropout

  private static func dropout(_ n: NodeTranslation) throws -> [Imported] {
    let x = try n.value(0)
    let mask: ElementType = n.version >= 10 ? .bool : n.element(x)
    if n.version >= 12, n.has(2), try n.constant(2, "whether the node trains").integer(at: 0) != 0 {
      let ratio = try n.optionalValue(1) ?? n.scalar(0.5, .f32)
      let seed = try n.constant(Tensor(repeating: .unsigned(UInt64(bitPattern: Int64(n.int("seed", 0)))), .u64, shape: []))
      let results = try n.results(dropoutFormula, [
        "x": .value(x), "ratio": .value(n.convert(ratio, to: .f32)), "seed": .value(seed),
      ])
      return results.map { .value($0) }
    }
    let kept = n.wants(1) ? Imported.value(try n.filled(1, mask, n.dims(x))) : .absent
    return [n.input(0), kept]
  }

  private static let dropoutFormula = Formula(
    "Dropout",
    """
    uniform = convert(shift_right(random_bits(seed, shape: shape(x), to: u32), 8), to: f32) / 16777216
    kept = uniform >= ratio
    w = if type(x) == f64 { x } else { convert(x, to: f32) }
    scale = convert(1 / (1 - ratio), to: type(w))
    scaled = select(ratio == 0, w, w * scale)
    convert(select(kept, scaled, 0), to: type(x)), kept
    """)
}
