import ApusIR
import ApusTensor

extension Operators {
  /// Activation functions. What takes several steps is computed in f32 for narrower types.
  static var activations: [OperatorRule] {
    [
      unary("Relu", .relu), unary("Sigmoid", .logistic),
      activation("LeakyRelu", .leakyRelu) { ["slope": .number(try $0.float("alpha", 0.01))] },
      activation("Elu", .elu) { ["alpha": .number(try $0.float("alpha", 1))] },
      activation("Selu", .selu) {
        [
          "alpha": .number(try $0.float("alpha", Double(Float(1.67326319217681884765625)))),
          "gamma": .number(try $0.float("gamma", Double(Float(1.05070102214813232421875)))),
        ]
      },
      activation("Celu", .celu) { ["alpha": .number(try $0.float("alpha", 1))] },
      activation("Gelu", .gelu) { ["approximate": .name(try $0.string("approximate", "none"))] },
      activation("HardSigmoid", .hardSigmoid) {
        ["slope": .number(try $0.float("alpha", 0.2)), "offset": .number(try $0.float("beta", 0.5))]
      },
      activation("HardSwish", .hardSwish), activation("Softplus", .softplus), activation("Softsign", .softsign),
      activation("Mish", .mish),
      OperatorRule("PRelu", value: prelu),
      rounded("Swish", swish),
      rounded("SwiGLU") { n, gate in
        let linear = try n.value(1)
        return try n.call(.mul, swish(n, gate), n.widened(linear))
      },
      OperatorRule("Shrink", value: shrink),
      OperatorRule("ThresholdedRelu") { n in
        let x = try n.value(0)
        let isAbove = try n.call(.greater, [.value(x), .number(try n.float("alpha", 1))])
        return [.value(try n.call(.select, [.value(isAbove), .value(x), .number(0)]))]
      },
    ]
  }

  private static func activation(
    _ name: String, _ code: OpCode,
    _ attributes: @escaping (NodeTranslation) throws -> KeyValuePairs<String, Meaning> = { _ in [:] }
  ) -> OperatorRule {
    rounded(name) { n, x in try n.call(code, [.value(x)], attributes(n)) }
  }

  /// A function of an operand that is widened to f32 where it is narrower, and rounded to its type at the end.
  private static func rounded(
    _ name: String, _ compute: @escaping (NodeTranslation, ValueID) throws -> ValueID
  ) -> OperatorRule {
    OperatorRule(name) { n in
      let x = try n.value(0)
      return [.value(n.convert(try compute(n, n.widened(x)), to: n.element(x)))]
    }
  }

  private static func swish(_ n: NodeTranslation, _ x: ValueID) throws -> ValueID {
    let alpha = try n.float("alpha", 1)
    guard alpha != 1 else { return try n.call(.silu, x) }
    return try n.call(.mul, x, n.call(.logistic, n.call(.mul, [.value(x), .number(alpha)])))
  }

  /// The slope is broadcast to `x`, never `x` to it.
  private static func prelu(_ n: NodeTranslation) throws -> ValueID {
    let (x, slope) = (try n.value(0), try n.value(1))
    guard n.rank(slope) <= n.rank(x) else {
      throw n.error("onnx.shape", "the slope has \(n.rank(slope)) axes, more than the \(n.rank(x)) it is broadcast to")
    }
    // Before opset 7 a vector is a slope for each channel.
    if n.version < 7, n.rank(slope) == 1, n.rank(x) > 2, n.dims(slope)[0] != 1 {
      return try n.call(.prelu, x, n.reshape(slope, n.dims(slope) + Array(repeating: 1, count: n.rank(x) - 2)))
    }
    return try n.call(.prelu, x, slope)
  }

  private static func shrink(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let element = n.element(x)
    let wide = element.isFloat ? n.widened(x) : n.convert(x, to: .f64)
    let (bias, lambda) = (try n.float("bias", 0), try n.float("lambd", 0.5))
    let below = try n.call(.less, [.value(wide), .number(-lambda)])
    let above = try n.call(.greater, [.value(wide), .number(lambda)])
    let raised = try n.call(.add, [.value(wide), .number(bias)])
    let lowered = try n.call(.sub, [.value(wide), .number(bias)])
    let rest = try n.call(.select, [.value(above), .value(lowered), .number(0)])
    return n.convert(try n.call(.select, below, raised, rest), to: element)
  }
}
