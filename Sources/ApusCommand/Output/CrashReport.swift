import Foundation

/// Turns our own bugs, which trap, into the exit code that stands for them.
enum CrashReport {
  /// Leaves the signals alone where the user asks Swift itself for a backtrace.
  static func install() {
    if getenv("SWIFT_BACKTRACE") != nil { return }
    for number in [SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGABRT] {
      signal(number) { _ in
        let text: StaticString = "error[internal]: this is a bug in Apus; please report it with the command and its files\n"
        _ = write(2, text.utf8Start, text.utf8CodeUnitCount)
        _exit(70)
      }
    }
  }
}
