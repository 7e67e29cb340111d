import ApusSupport
import Foundation

/// Ends the process when its time is over, whatever it is doing: reading, compiling or running.
enum Deadline {
  /// Says `limit.time` and exits with the code of a limit.
  static func set(_ limit: TimeSpan) {
    let end = ContinuousClock.now + .seconds(limit.seconds)
    Thread.detachNewThread {
      while ContinuousClock.now < end {
        Thread.sleep(forTimeInterval: max((end - ContinuousClock.now).seconds, 0))
      }
      Console.show(Diagnostic(id: "limit.time", "the command takes longer than the \(limit.seconds) s that it may"))
      _exit(ExitStatus.resourceLimit.rawValue)
    }
  }
}
