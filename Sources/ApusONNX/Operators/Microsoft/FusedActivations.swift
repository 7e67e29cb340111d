import ApusIR
import ApusTensor

extension Operators {
  /// What onnxruntime's graph optimizer leaves behind: an activation with its bias, and products with an activation.
  static var fusedActivations: [OperatorRule] {
    let domain = "com.microsoft"
    return [
      OperatorRule("Gelu", domain: domain, value: { n in try n.call(.gelu, n.value(0)) }),
      OperatorRule("BiasGelu", domain: domain, value: { n in try n.call(.gelu, n.call(.add, n.value(0), n.value(1))) }),
      OperatorRule("FastGelu", domain: domain, value: { n in
        let x = try n.optionalValue(1).map { try n.call(.add, n.value(0), $0) } ?? n.value(0)
        return try n.call(.gelu, [.value(x)], ["approximate": .name("tanh")])
      }),
      OperatorRule("QuickGelu", domain: domain, value: { n in
        let x = try n.value(0)
        let scaled = try n.call(.mul, [.value(x), .number(n.float("alpha", 1.702))])
        return try n.call(.mul, x, n.call(.logistic, scaled))
      }),
      OperatorRule("FusedMatMul", domain: domain, value: { try $0.fusedProduct() }),
      OperatorRule("FusedGemm", domain: domain, value: { n in
        try n.activated(n.value(of: n.applying("Gemm", n.inputs, version: 13)[0]))
      }),
      OperatorRule("FusedConv", domain: domain, value: { n in
        let operands = Array(n.inputs.prefix(3))
        var result = try n.value(of: n.applying("Conv", operands, version: 11)[0])
        if let sum = try n.optionalValue(3) { result = try n.call(.add, result, sum) }
        return try n.activated(result)
      }),
    ]
  }
}

extension NodeTranslation {
  /// The attribute `activation`, which is the name of an operator, with its numbers where either of these nodes has
  /// them.
  fileprivate func activated(_ x: ValueID) throws -> ValueID {
    let name = try string("activation", "")
    let listed = try optionalFloats("activation_params") ?? []
    func parameter(_ index: Int, _ label: String, _ standard: Double) throws -> Double {
      index < listed.count ? listed[index] : try float(label, standard)
    }
    switch name {
    case "": return x
    case "Relu": return try call(.relu, x)
    case "Tanh": return try call(.tanh, x)
    case "Sigmoid": return try call(.logistic, x)
    case "Softplus": return try call(.softplus, x)
    case "Softsign": return try call(.softsign, x)
    case "LeakyRelu":
      return try call(.leakyRelu, [.value(x)], ["slope": .number(parameter(0, "activation_alpha", 0.01))])
    case "Elu": return try call(.elu, [.value(x)], ["alpha": .number(parameter(0, "activation_alpha", 1))])
    case "HardSigmoid":
      return try call(
        .hardSigmoid, [.value(x)],
        [
          "slope": .number(parameter(0, "activation_alpha", 0.2)),
          "offset": .number(parameter(1, "activation_beta", 0.5)),
        ])
    case "HardSwish": return try call(.hardSwish, x)
    case "Clip":
      let low = try parameter(0, "activation_alpha", -Double.infinity)
      let high = try parameter(1, "activation_beta", .infinity)
      return try call(.min, [.value(call(.max, [.value(x), .number(low)])), .number(high)])
    default: throw unsupported("the activation '\(name)' is not supported")
    }
  }

  /// alpha · A' B', where a matrix's axes, or its rows' axis and those of the batch, may have changed places.
  fileprivate func fusedProduct() throws -> ValueID {
    func operand(_ index: Int, _ axes: String, _ batch: String) throws -> ValueID {
      var x = try value(index)
      let rank = rank(x)
      if try flag(batch), rank > 2 { x = try transpose(x, Array(1..<rank - 1) + [0, rank - 1]) }
      if try flag(axes), rank > 1 { x = try transpose(x, Array(0..<rank - 2) + [rank - 1, rank - 2]) }
      return x
    }
    let result = try call(.matmul, operand(0, "transA", "transBatchA"), operand(1, "transB", "transBatchB"))
    let alpha = try float("alpha", 1)
    return alpha == 1 ? result : try call(.mul, [.value(result), .number(alpha)])
  }
}
