import ApusSupport

/// A target at work: it is started when it is first needed, and again after it has ended.
final class TargetSession {
  /// What became of a request.
  enum Reply {
    case ok
    case unsupported(String)
    case error(String)
    /// It ended, with this on stderr.
    case crash(String)
    case hang
  }

  private let target: Target
  private let now: () -> Duration
  private var member: CrewMember?

  init(_ target: Target, now: @escaping () -> Duration) {
    self.target = target
    self.now = now
  }

  /// Throws `fuzz.worker` where it cannot be started.
  func run(_ model: String, _ inputs: String, _ outputs: String) throws(DiagnosticError) -> Reply {
    let timeout = member == nil ? target.firstTimeout : target.timeout
    if member == nil { member = try CrewMember(target.command, at: now(), []) }
    guard let member else { return .hang }
    let process = member.process
    process.send("run\t\(model)\t\(inputs)\t\(outputs)\n")
    let start = now()
    while true {
      CrewMember.wait([member], 20)
      let hasEnded = process.hasEnded()
      process.readErrors()
      for line in process.lines() {
        if let reply = Self.reply(line) { return reply }
      }
      if hasEnded {
        self.member = nil
        let said = process.errorText()
        return .crash(said.isEmpty ? member.ending : "\(member.ending)\n\(said)")
      }
      if now() - start > timeout {
        process.kill()
        self.member = nil
        return .hang
      }
    }
  }

  /// nil for lines that are no replies.
  private static func reply(_ line: String) -> Reply? {
    guard line.hasPrefix("@@ ") else { return nil }
    let words = line.dropFirst(3).split(separator: " ", maxSplits: 1).map(String.init)
    let message = words.count > 1 ? words[1] : ""
    switch words.first {
    case "ok": return .ok
    case "unsupported": return .unsupported(message)
    case _: return .error(message)
    }
  }
}
