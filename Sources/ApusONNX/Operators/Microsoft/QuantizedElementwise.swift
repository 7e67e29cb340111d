import ApusIR
import ApusTensor

extension Operators {
  /// onnxruntime's operators on quantized tensors. Each dequantizes in f32, computes, and quantizes, with one rounding
  /// to an integer; where that engine looks up tables or multiplies by reciprocals, its results may be off by one from
  /// these.
  static var quantizedElementwise: [OperatorRule] {
    let domain = "com.microsoft"
    return [
      OperatorRule("QLinearAdd", domain: domain, value: { try $0.quantizedBinary(.add) }),
      OperatorRule("QLinearMul", domain: domain, value: { try $0.quantizedBinary(.mul) }),
      OperatorRule("QLinearSigmoid", domain: domain, value: { n in
        try n.quantizedUnary { try n.call(.logistic, $0) }
      }),
      OperatorRule("QLinearLeakyRelu", domain: domain, value: { n in
        let slope = try n.float("alpha", 0.01)
        return try n.quantizedUnary { try n.call(.leakyRelu, [.value($0)], ["slope": .number(slope)]) }
      }),
      OperatorRule("QLinearSoftmax", domain: domain, value: { n in
        let version = try n.int("opset", 13)
        return try n.quantizedUnary { try n.valueApplying("Softmax", [$0], version: version) }
      }),
      OperatorRule("QLinearAveragePool", domain: domain, value: { n in
        try n.quantizedUnary { x in
          try n.channelsFirst(x) { try n.valueApplying("AveragePool", [$0], version: 11) }
        }
      }),
      OperatorRule("QLinearGlobalAveragePool", domain: domain, value: { n in
        try n.quantizedUnary { x in
          try n.channelsFirst(x) { first in
            guard n.rank(first) > 2 else { throw n.error("onnx.shape", "the operand has no spatial axis") }
            return try n.call(
              .mean, [.value(first)], ["axes": .ints(Array(2..<n.rank(first))), "keep_dims": .bool(true)])
          }
        }
      }),
      OperatorRule("QLinearConcat", domain: domain, value: { n in
        let scale = try n.scalarIfOne(n.value(0))
        let zero = try n.scalarIfOne(n.value(1))
        guard n.inputCount >= 5, (n.inputCount - 2) % 3 == 0 else {
          throw n.error("onnx.operand", "tensors, scales and zero points do not come in threes")
        }
        // Each is quantized anew before they are put together, so that one of the same scale and zero point is copied.
        let parts = try stride(from: 2, to: n.inputCount, by: 3).map { index in
          Meaning.value(try n.call(.quantize, n.dequantized(index, index + 1, index + 2), scale, zero))
        }
        let axis = try n.axis(n.int("axis", 0), rank: n.inputType(2).rank)
        return try n.call(.concat, parts, ["axis": .integer(axis)])
      }),
      OperatorRule("MatMulIntegerToFloat", domain: domain, value: { n in
        let sums = try n.integerProduct(n.value(0), n.optionalZeroPoint(4), n.value(1), n.optionalZeroPoint(5))
        let left = try n.rank(n.value(0)) > 1 ? n.perRow(n.value(2)) : n.scalarIfOne(n.value(2))
        return try n.scaled(sums, n.call(.mul, left, n.scalarIfOne(n.value(3))), bias: 6)
      }),
      OperatorRule("DynamicQuantizeMatMul", domain: domain, value: { n in
        let a = try n.dynamicallyQuantized(n.value(0))
        let sums = try n.integerProduct(a.quantized, a.zeroPoint, n.value(1), n.optionalZeroPoint(3))
        return try n.scaled(sums, n.call(.mul, a.scale, n.scalarIfOne(n.value(2))), bias: 4)
      }),
      OperatorRule("QGemm", domain: domain, value: { try $0.quantizedGemm() }),
    ]
  }
}

extension NodeTranslation {
  /// An operand in f32.
  fileprivate func dequantized(_ index: Int, _ scale: Int, _ zeroPoint: Int) throws -> ValueID {
    let x = try value(index)
    let zero = try has(zeroPoint) ? scalarIfOne(value(zeroPoint)) : scalar(0, element(x))
    return try call(.dequantize, x, scalarIfOne(value(scale)), zero)
  }

  fileprivate func quantizedUnary(_ body: (ValueID) throws -> ValueID) throws -> ValueID {
    let zero = try has(4) ? scalarIfOne(value(4)) : scalar(0, inputType(0).element)
    return try call(.quantize, body(dequantized(0, 1, 2)), scalarIfOne(value(3)), zero)
  }

  fileprivate func quantizedBinary(_ code: OpCode) throws -> ValueID {
    let zero = try has(7) ? scalarIfOne(value(7)) : scalar(0, inputType(0).element)
    return try call(.quantize, call(code, dequantized(0, 1, 2), dequantized(3, 4, 5)), scalarIfOne(value(6)), zero)
  }

  /// What `body` makes of [batch, channels, spatial …], for a node whose channels may come last.
  fileprivate func channelsFirst(_ x: ValueID, _ body: (ValueID) throws -> ValueID) throws -> ValueID {
    guard try flag("channels_last") else { return try body(x) }
    let rank = rank(x)
    guard rank > 2 else { throw error("onnx.shape", "the operand has no spatial axis") }
    let result = try body(transpose(x, [0, rank - 1] + Array(1..<rank - 1)))
    return try transpose(result, [0] + Array(2..<rank) + [1])
  }

  fileprivate func scaled(_ sums: ValueID, _ scale: ValueID, bias: Int) throws -> ValueID {
    let product = try call(.mul, convert(sums, to: element(scale)), scale)
    return try optionalValue(bias).map { try call(.add, product, $0) } ?? product
  }

  /// alpha · A' B' + C, C in steps of alpha times both scales; without a scale of the result, the sums in f32.
  fileprivate func quantizedGemm() throws -> ValueID {
    let a = try flag("transA") ? transpose(value(0), [1, 0]) : value(0)
    let b = try flag("transB") ? transpose(value(3), [1, 0]) : value(3)
    var sums = try integerProduct(a, optionalZeroPoint(2), b, optionalZeroPoint(5))
    if let bias = try optionalValue(6) { sums = try call(.add, sums, bias) }
    let scales = try call(.mul, scalarIfOne(value(1)), scalarIfOne(value(4)))
    let scale = try call(.mul, [.value(scales), .number(float("alpha", 1))])
    guard let result = try optionalValue(7) else { return try call(.mul, convert(sums, to: .f32), scale) }
    let zero = try has(8) ? scalarIfOne(value(8)) : scalar(0, element(a))
    return try requantized(sums, call(.div, scale, scalarIfOne(result)), zeroPoint: zero)
  }
}
