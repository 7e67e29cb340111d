public import ApusSupport
internal import ApusRuntimeABI

/// What generated code means when it fails at a place that it names by index.
public struct FailureSite: Sendable, Hashable {
  /// The diagnostic's id: `guard.equal`, `gather.index`.
  public var id: String
  /// The diagnostic's message; `{a}` and `{b}` stand for the two values recorded with the failure.
  public var message: String
  public var place: Place
  public var notes: [Diagnostic.Note]

  public init(id: String, _ message: String, at place: Place = .none, notes: [Diagnostic.Note] = []) {
    self.id = id
    self.message = message
    self.place = place
    self.notes = notes
  }

  func diagnostic(_ a: Int64, _ b: Int64) -> Diagnostic {
    var text = ""
    var rest = message[...]
    while let brace = rest.firstIndex(of: "{") {
      text += rest[..<brace]
      rest = rest[brace...]
      if rest.hasPrefix("{a}") {
        text += "\(a)"
        rest.removeFirst(3)
      } else if rest.hasPrefix("{b}") {
        text += "\(b)"
        rest.removeFirst(3)
      } else {
        text.append(rest.removeFirst())
      }
    }
    return Diagnostic(id: id, text + rest, at: place, notes: notes)
  }
}

/// How a call ended, as the context records it.
struct CallStatus {
  var code: Int32
  var site: Int64
  var a: Int64
  var b: Int64

  /// What to throw, or nil after success. `customError` is what a custom op threw.
  func error(sites: [FailureSite], customError: (any Error)?) -> (any Error)? {
    if Int(code) == apus_status_ok { return nil }
    if Int(code) == apus_status_cancelled { return CancellationError() }
    if Int(code) == apus_status_custom_call_failed, let customError { return customError }
    if site >= 0, site < sites.count { return DiagnosticError([sites[Int(site)].diagnostic(a, b)]) }
    switch Int(code) {
    case apus_status_guard_failed:
      return DiagnosticError(id: "run.guard", "a condition on dimensions does not hold: \(a) and \(b)")
    case apus_status_index_out_of_range:
      return DiagnosticError(id: "run.index", "index \(a) is outside 0 ..< \(b)")
    case apus_status_allocation_failed:
      let why = b == 0 ? "the system refuses them" : "the limit is \(b)"
      return DiagnosticError(id: "run.memory", "\(a) bytes are needed for one value: \(why)")
    case apus_status_custom_call_failed:
      return DiagnosticError(id: "custom.failed", "custom op \(a) of this executable failed")
    default:  // an Int32 from generated code, not one of our enums
      return DiagnosticError(id: "run.internal", "generated code reports status \(code) (\(a), \(b))")
    }
  }
}
