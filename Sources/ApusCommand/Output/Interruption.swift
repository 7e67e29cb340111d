import Foundation
import Synchronization

/// A user who wants a command to end that has something to say at its end.
enum Interruption {
  private static let isSeen = Atomic(false)

  /// Whether there was a signal to end. The second one ends the process at once.
  static var isWanted: Bool { isSeen.load(ordering: .relaxed) }

  static func catchSignals() {
    for number in [SIGINT, SIGTERM] {
      var action = sigaction()
      let handler: @convention(c) (Int32) -> Void = { number in
        if Interruption.isSeen.exchange(true, ordering: .relaxed) { _exit(128 + number) }
      }
      #if canImport(Glibc)
        action.__sigaction_handler.sa_handler = handler
      #else
        action.__sigaction_u.__sa_handler = handler
      #endif
      sigaction(number, &action, nil)
    }
  }
}
