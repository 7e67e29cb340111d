import ApusSupport
import ApusTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// One growing block of uninitialised memory that successive calls reuse.
public final class Arena {
  /// Every block starts at a multiple of this, or of a huge page when it is at least that large.
  public static let alignment = OwnedMemory.alignment

  private var block: UnsafeMutableRawPointer?
  /// Bytes that the block has.
  public private(set) var capacity = 0

  public init() {}

  deinit { free(block) }

  /// A block of at least `bytes` bytes, valid until the next call with more. Its contents are unspecified.
  ///
  /// Throws `run.memory` when the system refuses it.
  public func reserve(_ bytes: Int) throws(DiagnosticError) -> UnsafeMutableRawPointer {
    precondition(bytes >= 0, "an arena cannot have \(bytes) bytes")
    if let block, bytes <= capacity { return block }
    release()
    guard let fresh = OwnedMemory.allocate(bytes, fillsPages: true) else {
      throw DiagnosticError(id: "run.memory", "the system refuses \(bytes) bytes for intermediate values")
    }
    (block, capacity) = (fresh.base, fresh.capacity)
    return fresh.base
  }

  /// Gives the memory back.
  public func release() {
    free(block)
    block = nil
    capacity = 0
  }
}
