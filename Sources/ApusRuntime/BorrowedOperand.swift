import ApusSupport
import ApusTensor
internal import ApusRuntimeABI
internal import Synchronization

/// An operand of a custom op, lent to it as a tensor over the graph's own memory.
final class BorrowedOperand: Sendable {
  private let elementType: ElementType
  private let shape: [Int]
  private nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
  private let lent = Atomic(false)

  init(_ operand: apus_tensor) throws(DiagnosticError) {
    elementType = try operand.type
    shape = (0..<Int(operand.rank)).map { operand.extent($0) }
    bytes = UnsafeRawBufferPointer(
      start: operand.data, count: try Tensor.byteCount(of: elementType, shape: shape))
  }

  func tensor() throws(DiagnosticError) -> Tensor {
    lent.store(true, ordering: .relaxed)
    let storage = TensorStorage(borrowing: bytes) { [self] in lent.store(false, ordering: .releasing) }
    return try Tensor(elementType, shape: shape, storage: storage)
  }

  /// Whether nobody refers to the tensor any more.
  var isReturned: Bool { !lent.load(ordering: .acquiring) }
}

extension apus_tensor {
  var type: ElementType {
    get throws(DiagnosticError) {
      guard let raw = UInt8(exactly: element_type), let type = ElementType(rawValue: raw) else {
        throw DiagnosticError(id: "run.internal", "generated code passes element type \(element_type)")
      }
      return type
    }
  }

  /// Extent of one axis; −1 where it is the callee's to state.
  func extent(_ axis: Int) -> Int { Int(dims[axis]) }

  /// The shape, or nil where an extent is not known yet.
  var knownShape: [Int]? {
    let shape = (0..<Int(rank)).map { extent($0) }
    return shape.allSatisfy { $0 >= 0 } ? shape : nil
  }
}
