#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The signals that a trap, a bad access or `abort` ends a process with.
public enum FatalSignals {
  /// Runs a handler on the first of them, on a stack of its own: one that is full has no room for it. The next one ends the
  /// process as the system lets it.
  public static func handle(_ handler: @escaping @convention(c) (Int32) -> Void) {
    var alternate = stack_t()
    alternate.ss_size = 1 << 16
    alternate.ss_sp = UnsafeMutableRawPointer.allocate(byteCount: alternate.ss_size, alignment: 16)
    sigaltstack(&alternate, nil)
    for number in [SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGABRT] {
      var action = sigaction()
      #if canImport(Glibc)
        action.__sigaction_handler.sa_handler = handler
      #else
        action.__sigaction_u.__sa_handler = handler
      #endif
      action.sa_flags = SA_ONSTACK | Int32(bitPattern: UInt32(SA_RESETHAND))
      sigaction(number, &action, nil)
    }
  }
}
