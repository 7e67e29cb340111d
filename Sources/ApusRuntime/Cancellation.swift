internal import ApusRuntimeABI
internal import Synchronization

/// Stops calls from outside: pass it to `Executable.run`, and call `cancel()` from any thread. It stays
/// cancelled, also for calls that start later.
public final class Cancellation: Sendable {
  private struct State {
    var isCancelled = false
    /// The contexts of the calls in flight.
    nonisolated(unsafe) var running: [UnsafeMutablePointer<apus_context>] = []
  }

  private let state = Mutex(State())

  public init() {}

  public var isCancelled: Bool { state.withLock { $0.isCancelled } }

  public func cancel() {
    state.withLock { state in
      state.isCancelled = true
      for context in state.running { apus_context_cancel(context) }
    }
  }

  func attach(_ context: CallContext) {
    nonisolated(unsafe) let pointer = context.pointer
    state.withLock { state in
      state.running.append(pointer)
      if state.isCancelled { apus_context_cancel(pointer) }
    }
  }

  /// After this returns, `cancel()` no longer touches the context.
  func detach(_ context: CallContext) {
    nonisolated(unsafe) let pointer = context.pointer
    state.withLock { state in
      if let index = state.running.firstIndex(of: pointer) { state.running.remove(at: index) }
    }
  }
}
