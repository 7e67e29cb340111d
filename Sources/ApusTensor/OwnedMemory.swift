#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Memory that tensors and arenas own, to be given back with `free`.
package enum OwnedMemory {
  /// Every block starts at a multiple of this, the size of a cache line and of an AVX-512 register, and has a multiple of it.
  package static let alignment = 64

  /// The huge page of x86-64, and of AArch64 with pages of 4 KiB. A block of that size starts on such a page and asks for
  /// them: a matrix of 4 KiB pages misses the TLB and shares its sets of the cache by chance.
  package static let hugePage = 2 << 20

  /// Uninitialised memory of at least `byteCount` bytes; nil where the system refuses it.
  ///
  /// - Parameter fillsPages: whether a block of huge pages has its last one whole, for one that is walked from end to end.
  package static func allocate(
    _ byteCount: Int, fillsPages: Bool = false
  ) -> (base: UnsafeMutableRawPointer, capacity: Int)? {
    precondition(byteCount >= 0, "no memory has \(byteCount) bytes")
    let page = byteCount >= hugePage ? hugePage : alignment
    let unit = fillsPages ? page : alignment
    let (padded, overflow) = max(byteCount, 1).addingReportingOverflow(unit - 1)
    let capacity = padded & ~(unit - 1)
    var pointer: UnsafeMutableRawPointer?
    guard !overflow, posix_memalign(&pointer, page, capacity) == 0, let pointer else { return nil }
    #if os(Linux)
      // Advice only: without huge pages the block serves as well.
      if page == hugePage { _ = madvise(pointer, capacity & ~(page - 1), MADV_HUGEPAGE) }
    #endif
    return (pointer, capacity)
  }
}
