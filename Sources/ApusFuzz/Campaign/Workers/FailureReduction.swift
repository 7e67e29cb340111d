import ApusSupport
import ApusTarget

/// Makes failing cases smaller inside of a worker.
struct FailureReduction {
  let judge: Judge
  /// Starts a worker for cases that end the process that judges them; nil where there is none.
  let isolated: WorkerCommand?
  let now: () -> Duration

  /// What one reduction may take: the campaign waits longer before it gives up.
  private static let duration = Duration.seconds(30)
  /// What a candidate may take that is judged in a process of its own.
  private static let candidateTimeout = Duration.seconds(5)

  /// Finds smaller and smaller cases that fail alike.
  func reduce(_ fuzzCase: FuzzCase, _ failure: Failure, whenKept: @escaping (CaseReduction) -> Void) {
    let reducer = Reducer(Reducer.Limits(tries: 2000, duration: Self.duration))
    let hooks = Reducer.Hooks(clock: now)
    switch failure.oracle {
    case .crash, .hang:
      guard let isolated else { return }
      let judge = IsolatedJudge(isolated, timeout: Self.candidateTimeout, now: now)
      _ = reducer.reduce(fuzzCase, failingLike: failure, hooks, whenKept: whenKept) { try judge.judge($0) }
    case .verifier, .violations, .sizes, .text, .passes, .compile, .code, .loops, .threads, .replay, .memory, .arena, .inputs,
      .plan, .determinism, .target:
      judge.oracles = failure.decisiveOracles
      judge.efforts = CodeEffort.allCases
      _ = reducer.reduce(fuzzCase, failingLike: failure, hooks, whenKept: whenKept) { try judge.judge($0) }
    }
  }
}

/// Judges cases in a process that they may bring down.
final class IsolatedJudge {
  private let command: WorkerCommand
  private let timeout: Duration
  private let now: () -> Duration
  private var member: CrewMember?

  init(_ command: WorkerCommand, timeout: Duration, now: @escaping () -> Duration) {
    self.command = command
    self.timeout = timeout
    self.now = now
  }

  /// Throws where the case says nothing, or no process can be started.
  func judge(_ fuzzCase: FuzzCase) throws -> Failure? {
    if member == nil { member = try CrewMember(command, at: now(), []) }
    guard var member else { return nil }
    defer { self.member = member.process.hasEnded() ? nil : member }
    member.give(.run(0..<1), .judge(CaseText(fuzzCase)), now())
    var verdict: Result<Failure?, any Error> = .success(nil)
    while true {
      CrewMember.wait([member], 50)
      let hasEnded = member.process.hasEnded()
      member.process.readErrors()
      for line in member.process.lines() {
        switch WorkerReport(line: line) {
        case .drawn: member.drawn = line
        case .stage(let oracle, let pass): member.stage = (oracle, pass)
        case .failed(_, let failure, _): verdict = .success(failure)
        case .void(_, let reason): verdict = .failure(DiagnosticError(id: reason, "the case says nothing"))
        case .finished:
          member.rest()
          return try verdict.get()
        case .ready, .start, .reached, .kept, .statistics, .reduced, nil: break
        }
      }
      if hasEnded { return member.loss }
      guard member.hasTaken(longerThan: timeout, now()) else { continue }
      if member.askedToEnd == nil { member.askedToEnd = now() }
      member.process.abort()
      if let asked = member.askedToEnd, now() - asked > .seconds(1) { member.process.kill() }
    }
  }
}
