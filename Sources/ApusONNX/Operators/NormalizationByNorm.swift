import ApusIR
import ApusTensor

extension Operators {
  /// Division by a norm.
  static var normalizationByNorm: [OperatorRule] {
    [
      OperatorRule("LRN", value: localResponse), OperatorRule("LpNormalization", value: lpNormalization),
    ]
  }

  private static func localResponse(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    guard n.rank(x) >= 2 else { throw n.error("onnx.shape", "the operand has no axis of channels") }
    guard let size = try n.optionalInt("size"), size > 0 else { throw n.error("onnx.attribute", "'size' is a positive number") }
    // A window that reaches over both ends sees no more for being wider.
    let most = n.dims(x)[1].constantValue ?? Int(Int32.max)
    let (low, high) = (min((size - 1) / 2, most), min(size / 2, most))
    let ones = Array(repeating: 1, count: n.rank(x) - 2)
    let zeros = Array(repeating: 0, count: n.rank(x) - 2)
    return try n.result(responseFormula, [
      "x": .value(x), "window": .ints([low + 1 + high] + ones), "pads": .ints([low] + zeros + [high] + zeros),
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
}
