import ApusIR
import ApusTensor

extension Operators {
  /// Single steps of training: for each tensor of several, its new value and the new ones of what is kept beside it.
  static var optimizers: [OperatorRule] {
    [
      OperatorRule("Momentum", domain: domain) { n in
        let mode = try n.string("mode", "")
        guard mode == "standard" || mode == "nesterov" else { throw n.error("onnx.attribute", "there is no mode '\(mode)'") }
        return try stepped(n, kept: 1, momentumFormula, [
          "norm": .number(n.required("norm_coefficient")), "alpha": .number(n.required("alpha")),
          "beta": .number(n.required("beta")), "nesterov": .bool(mode == "nesterov"),
        ])
      },
      OperatorRule("Adagrad", domain: domain) { n in
        try stepped(n, kept: 1, adagradFormula, [
          "norm": .number(n.float("norm_coefficient", 0)), "decay": .number(n.float("decay_factor", 0)),
          "epsilon": .number(n.float("epsilon", 1e-6)),
        ])
      },
      OperatorRule("Adam", domain: domain) { n in
        try stepped(n, kept: 2, adamFormula, [
          "norm": .number(n.float("norm_coefficient", 0)), "post": .number(n.float("norm_coefficient_post", 0)),
          "alpha": .number(n.float("alpha", Double(Float(0.9)))), "beta": .number(n.float("beta", Double(Float(0.999)))),
          "epsilon": .number(n.float("epsilon", 1e-6)),
        ])
      },
    ]
  }

  private static let domain = "ai.onnx.preview.training"

  /// Tensors, their gradients and what is kept follow the rate and the number of the step, each kind together.
  private static func stepped(
    _ n: NodeTranslation, kept: Int, _ formula: Formula, _ settings: [String: Meaning]
  ) throws -> [Imported] {
    let (kinds, count) = (2 + kept, (n.inputCount - 2) / (2 + kept))
    guard n.inputCount == 2 + kinds * count, count > 0 else {
      throw n.error("onnx.operand", "\(n.inputCount) operands are not a rate, a count and \(kinds) for each tensor")
    }
    guard n.element(try n.value(0)).isFloat else { throw n.error("onnx.type", "the rate is no float") }
    var results: [[ValueID]] = []
    for tensor in 0..<count {
      let own = try (0..<kinds).map { try n.value(2 + $0 * count + tensor) }
      guard n.element(own[0]).isFloat, own.allSatisfy({ n.type($0) == n.type(own[0]) }) else {
        throw n.error("onnx.type", "a tensor, its gradient and what is kept of it have one type and shape")
      }
      var names = settings
      names["rate"] = .value(try n.reshape(n.value(0), []))
      names["step"] = .value(try n.reshape(n.value(1), []))
      for (name, value) in zip(["x", "gradient", "v", "h"], own) { names[name] = .value(value) }
      results.append(try n.results(formula, names))
    }
    return (0...kept).flatMap { kind in results.map { .value($0[kind]) } }
  }

  private static let momentumFormula = Formula(
    "Momentum",
    """
    g = norm * x + gradient
    share = convert(select(step > 0, constant(value: beta, shape: [], to: f64), 1), to: type(x))
    moved = alpha * v + share * g
    direction = if nesterov { g + alpha * moved } else { moved }
    x - convert(rate, to: type(x)) * direction, moved
    """)

  private static let adagradFormula = Formula(
    "Adagrad",
    """
    r = convert(rate, to: f64) / (1 + convert(step, to: f64) * decay)
    g = norm * x + gradient
    squares = v + g * g
    x - convert(r, to: type(x)) * g / (sqrt(squares) + epsilon), squares
    """)

  private static let adamFormula = Formula(
    "Adam",
    """
    g = norm * x + gradient
    moved = alpha * v + (1 - alpha) * g
    squares = beta * h + (1 - beta) * (g * g)
    t = convert(step, to: f64)
    r = convert(rate, to: f64)
    adjusted = select(t > 0, r * sqrt(1 - pow(beta, t)) / (1 - pow(alpha, t)), r)
    stepped = x - convert(adjusted, to: type(x)) * (moved / (sqrt(squares) + epsilon))
    (1 - post) * stepped, moved, squares
    """)
}

extension NodeTranslation {
  fileprivate func required(_ name: String) throws -> Double {
    guard let value = try optionalFloat(name) else { throw error("onnx.attribute", "the attribute '\(name)' is missing") }
    return value
  }
}
