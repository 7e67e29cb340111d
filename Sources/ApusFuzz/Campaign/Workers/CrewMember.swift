import ApusSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A worker, and what the campaign knows of what it does.
struct CrewMember {
  enum Job {
    case run(Range<Int>)
    /// Makes the case of the failure with that key smaller.
    case reduce(String)
  }

  let process: WorkerProcess
  var isReady = false
  private(set) var job: Job?
  /// The case that it is at.
  private(set) var current: Int?
  /// The line in which it said what that case is.
  var drawn: String?
  /// What the compiler was at when the process received a signal.
  var stage: (oracle: Oracle?, pass: String?)?
  /// When it was asked to end, having taken too long.
  var askedToEnd: Duration?
  /// What others kept and it does not know yet.
  var adoptions: [CaseText]
  /// When it began with what it is at.
  private var since: Duration

  init(_ command: WorkerCommand, at now: Duration, _ corpus: [CaseText]) throws(DiagnosticError) {
    process = try WorkerProcess(command)
    adoptions = corpus
    since = now
  }

  var isIdle: Bool { isReady && job == nil }
  /// Whether it does something, or is about to be ready to.
  var isBusy: Bool { job != nil }

  mutating func give(_ job: Job, _ request: WorkerRequest, _ now: Duration) {
    self.job = job
    since = now
    for text in adoptions { process.send(WorkerRequest.adopt(text).line) }
    adoptions = []
    process.send(request.line)
  }

  mutating func begin(_ number: Int, _ now: Duration) {
    current = number
    drawn = nil
    stage = nil
    since = now
  }

  mutating func rest() {
    job = nil
    current = nil
    drawn = nil
  }

  /// The case that it is at, if it has come so far as to say it.
  var drawnCase: CaseText? {
    guard let drawn, case .drawn(let text)? = WorkerReport(line: drawn) else { return nil }
    return text
  }

  /// About as many ops as the case has that compute something.
  var drawnOps: Int {
    drawnCase.map { $0.text.split(separator: "\n").count { $0.hasPrefix("  ") && !$0.contains("= constant ") } - 1 } ?? 0
  }

  /// Whether it takes longer than it may.
  func isLate(_ now: Duration, _ settings: CampaignSettings) -> Bool {
    switch job {
    case .run: hasTaken(longerThan: settings.caseTimeout, now)
    case .reduce: hasTaken(longerThan: settings.reductionTimeout, now)
    case nil: !isReady && hasTaken(longerThan: settings.caseTimeout, now)
    }
  }

  func hasTaken(longerThan duration: Duration, _ now: Duration) -> Bool { now - since > duration }

  /// Whether somebody else has ended it, as the system does where memory runs short.
  var isKilledFromOutside: Bool { process.ending == .signal(SIGKILL) && askedToEnd == nil }

  /// What it means that the process has ended.
  var loss: Failure {
    let place = stage.flatMap { $0.pass ?? $0.oracle?.rawValue } ?? (drawn == nil ? "draw" : nil)
    let said = process.errorText()
    let text = said.isEmpty ? ending : "\(ending)\n\(said)"
    return askedToEnd == nil
      ? Failure(.crash, after: place, text) : Failure(.hang, after: place, "it does not come to an end")
  }

  /// How the process ended, for people.
  var ending: String {
    switch process.ending {
    case .signal(let number)?: "signal \(number) (\(String(cString: strsignal(number))))"
    case .status(let status)?: "status \(status)"
    case nil: "nothing"
    }
  }

  /// Waits until one of them has something to say, so many milliseconds at most.
  static func wait(_ crew: [CrewMember], _ milliseconds: Int32) {
    var descriptors = crew.map { pollfd(fd: $0.process.output, events: Int16(POLLIN), revents: 0) }
    _ = poll(&descriptors, nfds_t(descriptors.count), milliseconds)
  }
}
