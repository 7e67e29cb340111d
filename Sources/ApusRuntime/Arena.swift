import ApusSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// One growing block of uninitialised memory that successive calls reuse.
public final class Arena {
  /// Every block starts at a multiple of this, or of the huge page when it is at least that large.
  public static let alignment = 64

  private var block: UnsafeMutableRawPointer?
  /// Bytes that the block has.
  public private(set) var capacity = 0
  private let hugePageBytes: Int?

  /// With `hugePageBytes`, a block of at least that size asks the system for huge pages: an arena is walked
  /// from end to end, and pages of 4 KiB miss the TLB on the way.
  public init(hugePageBytes: Int? = nil) {
    self.hugePageBytes = hugePageBytes.flatMap { $0.nonzeroBitCount == 1 && $0 > Self.alignment ? $0 : nil }
  }

  deinit { free(block) }

  /// A block of at least `bytes` bytes, valid until the next call with more. Its contents are unspecified.
  ///
  /// Throws `run.memory` when the system refuses it.
  public func reserve(_ bytes: Int) throws(DiagnosticError) -> UnsafeMutableRawPointer {
    precondition(bytes >= 0, "an arena cannot have \(bytes) bytes")
    if let block, bytes <= capacity { return block }
    release()
    let unit = hugePageBytes.flatMap { bytes >= $0 ? $0 : nil } ?? Self.alignment
    let (padded, overflow) = max(bytes, 1).addingReportingOverflow(unit - 1)
    var fresh: UnsafeMutableRawPointer?
    guard !overflow, posix_memalign(&fresh, unit, padded / unit * unit) == 0, let fresh else {
      throw DiagnosticError(id: "run.memory", "the system refuses \(bytes) bytes for intermediate values")
    }
    capacity = padded / unit * unit
    block = fresh
    #if os(Linux)
      // Advice only: without huge pages the block serves as well.
      if unit == hugePageBytes { _ = madvise(fresh, capacity, MADV_HUGEPAGE) }
    #endif
    return fresh
  }

  /// Gives the memory back.
  public func release() {
    free(block)
    block = nil
    capacity = 0
  }
}
