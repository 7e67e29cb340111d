import ApusSupport
import ApusTensor

extension Tensor {
  /// The same elements in memory that nothing else refers to.
  func copied() throws(DiagnosticError) -> Tensor {
    var copy = try Tensor.uninitialized(elementType, shape: shape)
    copy.withUnsafeMutableBytes { target in withUnsafeBytes { target.copyMemory(from: $0) } }
    return copy
  }
}
