import ApusIR
import ApusTensor

extension Operators {
  static var matrixProducts: [OperatorRule] {
    [
      OperatorRule("MatMul", value: { try $0.call(.matmul, $0.value(0), $0.value(1)) }),
      OperatorRule("Gemm", value: gemm),
    ]
  }

  private static func gemm(_ n: NodeTranslation) throws -> ValueID {
    let a = try n.transposed(n.value(0), if: n.flag("transA"))
    let b = try n.transposed(n.value(1), if: n.flag("transB"))
    let element = n.element(a)
    var sum = try n.scaled(n.call(.matmul, a, b), by: n.float("alpha", 1))
    let beta = try n.float("beta", 1)
    if let c = try n.optionalValue(2), beta != 0 {
      sum = try n.call(.add, sum, n.scaled(c, by: beta))
    }
    guard n.dims(sum).count == 2 else { throw n.error("onnx.shape", "the operand C does not broadcast to the product") }
    return n.convert(sum, to: element)
  }
}

extension NodeTranslation {
  fileprivate func transposed(_ matrix: ValueID, if isTransposed: Bool) throws -> ValueID {
    guard rank(matrix) == 2 else { throw error("onnx.shape", "a matrix is needed, not a tensor of rank \(rank(matrix))") }
    return isTransposed ? try transpose(matrix, [1, 0]) : matrix
  }

  /// A product with a number; one of integers is taken in f64.
  fileprivate func scaled(_ value: ValueID, by factor: Double) throws -> ValueID {
    guard factor != 1 else { return value }
    let element = element(value)
    if element.isFloat { return try call(.mul, [.value(value), .number(factor)]) }
    if let whole = Int(exactly: factor) { return try call(.mul, [.value(value), .integer(whole)]) }
    let product = try call(.mul, [.value(convert(value, to: .f64)), .number(factor)])
    return convert(product, to: element)
  }
}
