internal import ApusRuntimeABI

/// The threads that compiled loops run on. One pool serves any number of executables and callers: a loop that
/// finds it busy runs on its caller's thread.
public final class ThreadPool: Sendable {
  /// Longer than the 30–45 µs that waking a thread costs, so that kernels close together never pay it.
  public static let defaultSpinMicroseconds = 50

  nonisolated(unsafe) let handle: OpaquePointer?

  /// A pool of `threads` threads, the caller of each loop being one of them; 1 starts none. Idle workers spin
  /// for `spinMicroseconds` before they sleep.
  public init(threads: Int, spinMicroseconds: Int = defaultSpinMicroseconds) {
    handle = apus_pool_create(Int32(clamping: threads), Int32(clamping: spinMicroseconds))
  }

  deinit { apus_pool_destroy(handle) }

  /// How many threads take part in a loop: those asked for, or fewer when the system refused some.
  public var threads: Int { Int(apus_pool_threads(handle)) }

  /// Runs `body` over contiguous parts of `0 ..< count` that start at multiples of `grain`, and returns when
  /// all are done. Parts run in any order on any thread of the pool.
  public func parallelFor(count: Int, grain: Int = 1, _ body: @Sendable (Range<Int>) -> Void) {
    var context = apus_context()
    apus_context_init(&context, handle)
    withoutActuallyEscaping(body) { body in
      withUnsafePointer(to: LoopClosure(body: body)) { closure in
        apus_pool_parallel_for(
          &context,
          { _, closure, begin, end in
            guard let closure else { preconditionFailure("a loop lost its closure") }
            closure.assumingMemoryBound(to: LoopClosure.self).pointee.body(Int(begin)..<Int(end))
          },
          UnsafeMutableRawPointer(mutating: closure), Int64(count), Int64(grain))
      }
    }
  }
}

private struct LoopClosure {
  var body: @Sendable (Range<Int>) -> Void
}
