import ApusIR
import ApusTensor

/// Operands of one element that have to be known while importing.
extension NodeTranslation {
  /// A size, which may be symbolic. Throws `onnx.operand` where there is not exactly one.
  func size(_ index: Int, _ what: String) throws -> Dim {
    let sizes = try sizes(index, what)
    guard sizes.count == 1 else { throw error("onnx.operand", "\(what) is one number, not \(sizes.count)") }
    return sizes[0]
  }

  /// An integer.
  func integer(_ index: Int, _ what: String) throws -> Int {
    let tensor = try single(index, what)
    return tensor.integer(at: 0)
  }

  /// A number.
  func number(_ index: Int, _ what: String) throws -> Double { try single(index, what).scalar(at: 0).asDouble }

  /// The size's value. Asks for the shapes of the inputs where it is symbolic.
  func known(_ size: Dim, _ what: String) throws -> Int {
    if let value = size.constantValue { return value }
    throw NeedsValues(inputs: [], shapes: true, problem: "\(what) depends on a size that is not known")
  }

  /// Refuses a tensor that memory will not hold, before anything of its size is made. Throws `dim.overflow` and `limit.memory`.
  func checkSize(_ type: TensorType) throws { try context.checkSize(type) }

  private func single(_ index: Int, _ what: String) throws -> Tensor {
    let tensor = try constant(index, what)
    guard tensor.count == 1 else { throw error("onnx.operand", "\(what) is one number, not \(tensor.count)") }
    return tensor
  }
}
