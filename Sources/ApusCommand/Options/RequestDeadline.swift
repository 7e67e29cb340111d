import ApusSupport
import Foundation
import Synchronization

/// Ends a request of `apus serve` when its time is over, whatever it is doing: it is answered with `limit.time`, and the
/// process begins anew under the same number, with the same arguments, stdin and stdout. Nothing of the request is left.
final class RequestDeadline: Sendable {
  private struct Running {
    var end: ContinuousClock.Instant
    /// What is said if the time runs out.
    var reply: [UInt8]
  }

  private let limit: TimeSpan
  private let running = Mutex<Running?>(nil)

  init(_ limit: TimeSpan) {
    self.limit = limit
    Thread.detachNewThread { [self] in
      while true { Thread.sleep(forTimeInterval: check()) }
    }
  }

  /// The reply to a request, which `body` works out in the time that there is.
  func reply(to model: String, _ body: () -> String) -> String {
    let problem = Diagnostic(
      id: "limit.time", "the request takes longer than the \(limit.seconds) s that it may", at: .file(model))
    let reply = ServeCommand.reply(problem: [problem])
    running.withLock { $0 = Running(end: ContinuousClock.now + .seconds(limit.seconds), reply: Array("@@ \(reply)\n".utf8)) }
    let result = body()
    // Once this is done the time cannot run out any more: there is one reply to each request.
    running.withLock { $0 = nil }
    return result
  }

  /// How many seconds there are to the next check: parts of what a request has, so that one that begins meanwhile is seen.
  private func check() -> Double {
    running.withLock { running in
      let part = max(limit.seconds / 8, 1e-3)
      guard let running else { return part }
      let left = (running.end - ContinuousClock.now).seconds
      guard left <= 0 else { return min(left, part) }
      _ = FileWriting.write(running.reply, to: STDOUT_FILENO)
      Self.beginAnew()
    }
  }

  private static func beginAnew() -> Never {
    var path = "/proc/self/exe"
    if !FileManager.default.fileExists(atPath: path) { path = Bundle.main.executablePath ?? CommandLine.arguments[0] }
    var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) }
    arguments.append(nil)
    execv(path, &arguments)
    Console.show(Diagnostic(id: "limit.time", "the server cannot begin anew: \(String(cString: strerror(errno)))"))
    _exit(ExitStatus.resourceLimit.rawValue)
  }
}
