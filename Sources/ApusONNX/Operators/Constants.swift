import ApusIR
import ApusTensor

extension Operators {
  /// Tensors that the file holds, and tensors of one number.
  static var constants: [OperatorRule] {
    [
      OperatorRule("Constant", folds: false) { n in
        let proto = n.attribute("value")?.tensor ?? n.attribute("sparse_value")?.sparseTensor?.values
        return [.constant(try constant(n)).marked(proto?.narrowType)]
      },
      OperatorRule("ConstantOfShape") { n in
        let dims = try n.sizes(0, "the shape")
        if let negative = dims.first(where: { $0.constantValue.map { $0 < 0 } ?? false }) {
          throw n.error("onnx.shape", "the shape has the negative size \(negative.constantValue ?? 0)")
        }
        guard let proto = n.attribute("value")?.tensor else { return [.value(try n.filled(0, .f32, dims))] }
        let value = try n.context.externalData.tensor(proto)
        guard value.count == 1 else { throw n.error("onnx.attribute", "the value has \(value.count) elements, not one") }
        return [.value(n.broadcast(try n.constant(value.reshaped([])), to: dims)).marked(proto.narrowType)]
      },
    ]
  }

  private static func constant(_ n: NodeTranslation) throws -> Tensor {
    if let proto = n.attribute("value")?.tensor { return try n.context.externalData.tensor(proto) }
    if let sparse = n.attribute("sparse_value")?.sparseTensor { return try sparse.tensor(n.context.externalData) }
    if let value = try n.optionalInt("value_int") { return Tensor(scalar: Int64(value)) }
    if let values = try n.optionalInts("value_ints") { return Tensor(values.map { Int64($0) }) }
    if let value = n.attribute("value_float") { return Tensor(scalar: value.float) }
    if let values = n.attribute("value_floats") { return Tensor(values.floats) }
    if n.attribute("value_string") != nil || n.attribute("value_strings") != nil {
      throw n.unsupported("tensors of strings are not supported")
    }
    throw n.error("onnx.attribute", "the constant has no value")
  }
}
