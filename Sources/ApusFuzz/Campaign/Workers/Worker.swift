import ApusIR
import ApusSupport

/// The inner side of a process that judges cases for a campaign: it reads requests, and says what it does and finds.
public struct Worker<Source: CaseSource> {
  /// Cases between two reports of what was drawn.
  private static var reportInterval: Int { 8 }

  private let settings: CaseSettings
  private var source: Source
  private let judge: Judge
  private let reduction: FailureReduction
  private let write: (String) -> Void
  private var reporting = DrawReporting()

  /// - Parameters:
  ///   - isolated: starts a worker with the same settings, for cases that end the process that judges them; without it, such
  ///     cases are not made smaller.
  ///   - now: the time since some fixed moment.
  ///   - write: takes whole lines, which must leave the process at once: what comes after may end it.
  public init(
    _ settings: CaseSettings, source: Source, judge: Judge = Judge(), isolated: WorkerCommand? = nil,
    now: @escaping () -> Duration, write: @escaping (String) -> Void
  ) {
    self.settings = settings
    self.source = source
    self.judge = judge
    reduction = FailureReduction(judge: judge, isolated: isolated, now: now)
    self.write = write
  }

  /// Does what each line asks for, until there are no more.
  public mutating func serve(_ nextLine: () -> String?) {
    judge.onStep = { WorkerSignals.note($0, pass: $1) }
    say(.ready)
    while let line = nextLine() {
      switch WorkerRequest(line: line) {
      case .run(let range): run(range)
      case .adopt(let text):
        // What other versions of Apus kept may be no case any more.
        if let fuzzCase = try? text.fuzzCase(), fuzzCase.module.verify().isEmpty { source.adopt(fuzzCase) }
        continue
      case .judge(let text):
        if let fuzzCase = try? text.fuzzCase() { _ = judge(fuzzCase, number: 0) }
      case .reduce(let number, let failure, let text): reduce(number, failure, text)
      case nil: continue
      }
      say(.finished)
    }
  }

  private mutating func run(_ range: Range<Int>) {
    for number in range {
      say(.start(number))
      let fuzzCase = source.draw(number)
      let text = CaseText(fuzzCase)
      say(.drawn(text))
      let isRight = judge(fuzzCase, number: number)
      #if APUS_PLANTED_BUGS
        say(.reached(number, takeReachedBugs().map(\.name)))
      #endif
      if isRight, source.isWorthKeeping(fuzzCase, judge.stages) { say(.kept(number, text)) }
      if (number + 1) % Self.reportInterval == 0 { report() }
    }
    report()
  }

  /// Returns whether there is nothing wrong with it.
  private func judge(_ fuzzCase: FuzzCase, number: Int) -> Bool {
    judge.oracles = settings.oracles(of: number)
    judge.efforts = [settings.effort(of: number)]
    do {
      guard let failure = try judge.judge(fuzzCase) else { return true }
      say(.failed(number, failure, ops: fuzzCase.module.computingOpCount))
    } catch {
      say(.void(number, reason: Self.reason(error)))
    }
    return false
  }

  private func reduce(_ number: Int, _ failure: Failure, _ text: CaseText) {
    guard let fuzzCase = try? text.fuzzCase() else { return }
    let write = write
    reduction.reduce(fuzzCase, failure) { smaller in
      let ops = smaller.fuzzCase.module.computingOpCount
      write(WorkerReport.reduced(number, smaller.failure, ops: ops, CaseText(smaller.fuzzCase)).line)
    }
  }

  private mutating func report() { say(.statistics(reporting.news(source.drawn, reached: source.reached, judge.violations))) }

  private func say(_ report: WorkerReport) { write(report.line) }

  private static func reason(_ error: any Error) -> String {
    guard let first = (error as? DiagnosticError)?.diagnostics.first else { return "\(error)" }
    return first.id
  }
}
