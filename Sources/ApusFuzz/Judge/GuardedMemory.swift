import ApusSupport
import ApusTensor
import Glibc

/// Memory that ends where the process may touch no more: a load or store beyond the last byte crashes. What ends there
/// starts wherever its size leaves it, mostly at no multiple of a vector.
enum GuardedMemory {
  /// A copy of a tensor whose bytes end at the guard.
  static func copy(_ tensor: Tensor) throws -> Tensor {
    guard let (bytes, release) = block(tensor.byteCount) else { return tensor }
    tensor.withUnsafeBytes { bytes.copyMemory(from: $0) }
    return try Tensor(
      tensor.elementType, shape: tensor.shape,
      storage: TensorStorage(borrowing: UnsafeRawBufferPointer(bytes), release: release))
  }

  /// That many bytes, full of ones, and what gives them back; `nil` where there are none or the system refuses.
  static func block(_ count: Int) -> (UnsafeMutableRawBufferPointer, @Sendable () -> Void)? {
    let page = Int(getpagesize())
    let length = (count + page - 1) / page * page
    guard count > 0,
      let start = mmap(nil, length + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      start != MAP_FAILED
    else { return nil }
    guard mprotect(start + length, page, PROT_NONE) == 0 else {
      munmap(start, length + page)
      return nil
    }
    let bytes = UnsafeMutableRawBufferPointer(start: start + (length - count), count: count)
    bytes.initializeMemory(as: UInt8.self, repeating: 0xFF)
    nonisolated(unsafe) let block = start
    return (bytes, { munmap(block, length + page) })
  }
}
