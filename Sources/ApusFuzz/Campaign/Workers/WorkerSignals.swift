import ApusSupport
import Foundation

/// How a worker dies: it says what the compiler was at, then as the system lets it, so that the campaign sees the signal.
public enum WorkerSignals {
  /// For the process as a whole, before it does anything else.
  public static func install() {
    note(nil, pass: nil)
    FatalSignals.handle { number in
      _ = write(STDOUT_FILENO, WorkerSignals.line, WorkerSignals.length)
      signal(number, SIG_DFL)
      raise(number)
    }
    leaveNoImage()
    endWithParent()
  }

  /// Keeps what is said if a signal comes.
  static func note(_ oracle: Oracle?, pass: String?) {
    let bytes = Array(WorkerReport.stage(oracle, pass: pass).line.utf8.prefix(capacity))
    length = 0
    line.update(from: bytes, count: bytes.count)
    length = bytes.count
  }

  private static let capacity = 256
  /// A handler of signals has no other way to reach them, and nothing else reads them.
  nonisolated(unsafe) private static let line = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
  nonisolated(unsafe) private static var length = 0

  private static func leaveNoImage() {
    var limit = rlimit(rlim_cur: 0, rlim_max: 0)
    #if canImport(Glibc)
      setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
    #else
      setrlimit(RLIMIT_CORE, &limit)
    #endif
  }

  /// A worker that hangs would outlive a campaign that was killed.
  private static func endWithParent() {
    let campaign = getppid()
    Thread.detachNewThread {
      while getppid() == campaign { Thread.sleep(forTimeInterval: 1) }
      _exit(1)
    }
  }
}
