import ApusSupport
import ApusTensor

/// Bytes that buffers view. Fresh bytes are all ones, which are NaN as floats and −1 as integers, so that reading
/// what nobody wrote shows.
final class BufferMemory {
  private(set) var bytes: UnsafeMutableRawBufferPointer
  let isWritable: Bool
  private let budget: Budget

  init(byteCount: Int = 0, isWritable: Bool = true, budget: Budget) {
    self.budget = budget
    self.isWritable = isWritable
    bytes = .allocate(byteCount: byteCount, alignment: TensorStorage.alignment)
    fill(0..<byteCount, with: 0xFF)
    budget.retain(byteCount: byteCount)
  }

  deinit {
    budget.release(byteCount: bytes.count)
    bytes.deallocate()
  }

  /// Makes room for at least `byteCount` bytes.
  ///
  /// Throws `limit.memory`.
  func grow(to byteCount: Int) throws {
    let old = bytes
    guard byteCount > old.count else { return }
    try budget.admit(byteCount: byteCount - old.count) { "the arena" }
    bytes = .allocate(byteCount: byteCount, alignment: TensorStorage.alignment)
    bytes.copyMemory(from: UnsafeRawBufferPointer(old))
    fill(old.count..<byteCount, with: 0xFF)
    budget.retain(byteCount: byteCount - old.count)
    old.deallocate()
  }

  func fill(_ range: Range<Int>, with byte: UInt8) {
    _ = UnsafeMutableRawBufferPointer(rebasing: bytes[range]).initializeMemory(as: UInt8.self, repeating: byte)
  }
}
