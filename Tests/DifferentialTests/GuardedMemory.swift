import ApusTensor

@testable import ApusFuzz

extension GuardedMemory {
  /// Room for a tensor, full of ones.
  static func room(_ element: ElementType, shape: [Int]) throws -> Tensor {
    let count = try Tensor.byteCount(of: element, shape: shape)
    guard let (bytes, release) = block(count) else { return try .uninitialized(element, shape: shape) }
    return try Tensor(element, shape: shape, storage: TensorStorage(borrowingWritable: bytes, release: release))
  }
}
