import ApusSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Bytes that tensors share: owned, borrowed from the caller, or part of a mapped file.
///
/// The bytes may be written only through ``Tensor/withUnsafeMutableBytes(_:)``, which copies them first
/// when they are shared or read-only.
public final class TensorStorage: Sendable {
  /// Owned storage starts at a multiple of this, and its allocation is rounded up to it.
  public static let alignment = OwnedMemory.alignment

  nonisolated(unsafe) let base: UnsafeMutableRawPointer
  public let byteCount: Int
  /// False for borrowed constants and mapped files.
  public let isWritable: Bool
  /// Whether the bytes come from a file when they are read.
  private let isMapped: Bool
  private let release: (@Sendable () -> Void)?

  /// Uninitialised, 64-byte-aligned memory of its own.
  ///
  /// Throws `tensor.no-memory` when the system refuses it.
  public init(byteCount: Int) throws(DiagnosticError) {
    precondition(byteCount >= 0, "a storage cannot have \(byteCount) bytes")
    guard let pointer = OwnedMemory.allocate(byteCount)?.base else {
      throw DiagnosticError(id: "tensor.no-memory", "the system refuses \(byteCount) bytes for a tensor")
    }
    nonisolated(unsafe) let owned = pointer
    base = owned
    self.byteCount = byteCount
    isWritable = true
    isMapped = false
    release = { free(owned) }
  }

  /// The caller's memory, never written. It must stay valid and unchanged until `release` is called,
  /// which happens once, on any thread, when the last tensor over it is gone.
  public convenience init(borrowing bytes: UnsafeRawBufferPointer, release: (@Sendable () -> Void)? = nil) {
    self.init(bytes, isMapped: false, release)
  }

  /// A file in memory, never written, with what ends the mapping.
  convenience init(mapping bytes: UnsafeRawBufferPointer, release: @escaping @Sendable () -> Void) {
    self.init(bytes, isMapped: true, release)
  }

  /// Some of the bytes of `whole`, shared with it and never written.
  package convenience init(_ range: Range<Int>, of whole: TensorStorage) {
    let part = UnsafeRawBufferPointer(rebasing: whole.bytes[range])
    self.init(part, isMapped: whole.isMapped) { withExtendedLifetime(whole) {} }
  }

  private init(_ bytes: UnsafeRawBufferPointer, isMapped: Bool, _ release: (@Sendable () -> Void)?) {
    base = UnsafeMutableRawPointer(mutating: bytes.baseAddress ?? Self.nowhere)
    byteCount = bytes.count
    isWritable = false
    self.isMapped = isMapped
    self.release = release
  }

  /// The caller's memory, which a tensor that alone refers to it writes in place. Until `release` is
  /// called nobody else may touch it.
  public init(borrowingWritable bytes: UnsafeMutableRawBufferPointer, release: (@Sendable () -> Void)? = nil) {
    base = bytes.baseAddress ?? UnsafeMutableRawPointer(mutating: Self.nowhere)
    byteCount = bytes.count
    isWritable = true
    isMapped = false
    self.release = release
  }

  /// The bytes of an owned storage that nobody else uses until `giveBack` gets it, which happens once, on any thread, when the
  /// last tensor over them is gone.
  public convenience init(lending owned: TensorStorage, giveBack: @escaping @Sendable (TensorStorage) -> Void) {
    precondition(owned.isWritable, "only writable storage is lent")
    self.init(borrowingWritable: owned.mutableBytes) { giveBack(owned) }
  }

  deinit { release?() }

  /// Whether the bytes start at a multiple of `alignment`.
  public func isAligned(to alignment: Int) -> Bool { Int(bitPattern: base) % alignment == 0 }

  /// The bytes; valid while the call lasts.
  @inlinable public func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(bytes)
  }

  @usableFromInline var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(mutableBytes) }

  @usableFromInline var mutableBytes: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: base, count: byteCount)
  }

  /// Says that the bytes will hardly be read again: those of a mapped file leave memory, page by page, and come back when they
  /// are read. Others stay.
  func leaveMemory() { leaveMemory(from: 0, to: byteCount) }

  private func leaveMemory(from lower: Int, to upper: Int) {
    guard isMapped, lower < upper else { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let start = (Int(bitPattern: base) + lower + page - 1) / page * page
    let end = (Int(bitPattern: base) + upper) / page * page
    guard start < end, let first = UnsafeMutableRawPointer(bitPattern: start) else { return }
    // Advice only: the mapping is private and was never written, so that nothing is lost.
    _ = madvise(first, end - start, MADV_DONTNEED)
  }

  /// A fresh owned copy.
  func copied() throws(DiagnosticError) -> TensorStorage {
    let copy = try TensorStorage(byteCount: byteCount)
    copy.mutableBytes.copyMemory(from: bytes)
    return copy
  }

  /// A fresh owned copy of bytes that will hardly be read again: a piece of a mapped file leaves memory when it is copied.
  func movedOut() throws(DiagnosticError) -> TensorStorage {
    let piece = 4 << 20
    let copy = try TensorStorage(byteCount: byteCount)
    for start in stride(from: 0, to: byteCount, by: piece) {
      let end = min(start + piece, byteCount)
      UnsafeMutableRawBufferPointer(rebasing: copy.mutableBytes[start..<end])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
      leaveMemory(from: start, to: end)
    }
    return copy
  }

  /// An aligned, non-null address for storage without bytes.
  private static var nowhere: UnsafeRawPointer {
    guard let address = UnsafeRawPointer(bitPattern: alignment) else { preconditionFailure("64 is not null") }
    return address
  }
}
