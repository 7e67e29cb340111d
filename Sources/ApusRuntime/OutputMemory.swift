import ApusSupport
import ApusTensor
internal import Synchronization

/// Room for the outputs of calls, lent again once the tensors over it are gone: the system takes longer to clear the pages of a
/// large fresh block than code takes to fill it.
final class OutputMemory: Sendable {
  /// Smaller blocks the allocator itself keeps for reuse.
  static let leastBytes = 64 << 10

  private let idle = Mutex<[TensorStorage]>([])
  private let mostIdle: Int

  /// Keeps `mostIdle` blocks at most that nobody uses.
  init(mostIdle: Int) { self.mostIdle = mostIdle }

  var idleBytes: Int { idle.withLock { $0.reduce(0) { $0 + $1.byteCount } } }

  /// An uninitialised tensor that is the only one over its memory.
  ///
  /// Throws as `Tensor.uninitialized(_:shape:)` does.
  func tensor(_ elementType: ElementType, shape: [Int]) throws(DiagnosticError) -> Tensor {
    let byteCount = try Tensor.byteCount(of: elementType, shape: shape)
    guard byteCount >= Self.leastBytes else { return try Tensor.uninitialized(elementType, shape: shape) }
    let found = idle.withLock { idle in
      idle.lastIndex { $0.byteCount == byteCount }.map { idle.remove(at: $0) }
    }
    let storage: TensorStorage
    if let found { storage = found } else { storage = try TensorStorage(byteCount: byteCount) }
    return try Tensor(elementType, shape: shape, storage: TensorStorage(lending: storage) { self.keep($0) })
  }

  private func keep(_ storage: TensorStorage) {
    let dropped = idle.withLock { idle -> TensorStorage? in
      idle.append(storage)
      return idle.count > mostIdle ? idle.removeFirst() : nil
    }
    // Freed outside of the lock.
    withExtendedLifetime(dropped) {}
  }
}
