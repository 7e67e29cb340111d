import ApusSupport
import Foundation

/// What is said to people: on stderr, in colour where that is a terminal and nobody objects.
enum Console {
  static let isTerminal = isatty(STDERR_FILENO) == 1
  private static let isColored = isTerminal && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty

  /// Nobody can be told when this fails, so nothing is said of it.
  static func note(_ text: String) { say(text + "\n") }

  /// The same, without an end of the line.
  static func say(_ text: String) {
    Output.drain()  // what was said before stands above
    _ = FileWriting.write(Array(text.utf8), to: STDERR_FILENO)
  }

  static func show(_ diagnostic: Diagnostic) { note(diagnostic.rendered(color: isColored)) }
}

/// The steps of a command, shown on a terminal as `[2/6] phase (0.4 s)`.
struct Progress {
  private let count: Int
  private var done = 0
  private let isShown: Bool

  init(steps count: Int, isQuiet: Bool = false) {
    self.count = count
    isShown = Console.isTerminal && !isQuiet
  }

  mutating func step<Result>(_ name: String, _ body: () throws -> Result) rethrows -> Result {
    let start = ContinuousClock.now
    let result = try body()
    done += 1
    if isShown { Console.note("[\(done)/\(count)] \(name) (\((ContinuousClock.now - start).text))") }
    return result
  }
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
  var milliseconds: Double { seconds * 1e3 }

  /// For people: `12.3 ms`, `0.4 s`.
  var text: String {
    seconds < 0.1 ? "\(milliseconds.rounded(to: 2)) ms" : "\(seconds.rounded(to: 1)) s"
  }
}

extension Double {
  func rounded(to digits: Int) -> Double {
    let scale = pow(10, Double(digits))
    return isFinite ? (self * scale).rounded() / scale : self
  }
}
