import ApusSupport

/// Hands out cases to workers, which are processes, and gathers what they find.
///
/// A worker that dies or does not come to an end costs the case that it is at, which is then a failure; another takes its
/// place.
public final class Campaign {
  let settings: CampaignSettings
  let surroundings: CampaignSurroundings
  private let command: WorkerCommand
  private let log: CampaignLog?
  private let start: Duration
  private var queue: CaseQueue
  private var crew: [CrewMember] = []
  private var report: CampaignReport
  /// Keys of the failures whose cases are to be made smaller.
  private var reductions: [String] = []
  /// What earlier campaigns kept, for workers to start with.
  private var corpus: [CaseText] = []
  private let firstCase: Int
  /// Whether the time is over: only what was found is still made smaller.
  private var isOver = false
  /// Cases that have once taken longer than they may: a machine that was busy or asleep is no bug.
  private var slow: Set<Int> = []
  /// Workers that ended before their first case, one after the other.
  private var stillborn = 0

  private static let mostStillborn = 5
  private static let progressInterval = Duration.milliseconds(250)
  private static let statisticsInterval = Duration.seconds(10)

  /// Goes on from what lies in the folder of the corpus.
  ///
  /// Throws what reading that throws.
  public init(
    _ settings: CampaignSettings, worker command: WorkerCommand, log: CampaignLog? = nil,
    _ surroundings: CampaignSurroundings
  ) throws(DiagnosticError) {
    self.settings = settings
    self.command = command
    self.log = log
    self.surroundings = surroundings
    start = surroundings.now()
    let record = try settings.corpus?.load()
    if let folder = settings.corpus { corpus = try folder.loadCases() }
    report = record?.report(settings.failures) ?? CampaignReport()
    firstCase = record?.nextCase ?? 0
    queue = CaseQueue(from: firstCase, count: settings.count)
  }

  /// Runs until the cases or the time are used up, or it is cancelled.
  ///
  /// Throws `fuzz.worker` where workers cannot be started, and `file.unwritable`.
  public func run() throws(DiagnosticError) -> CampaignReport {
    writeStart()
    var nextProgress = start, nextStatistics = start + Self.statisticsInterval
    for _ in 0..<settings.workers { crew.append(try CrewMember(command, at: surroundings.now(), corpus)) }
    while !surroundings.isCancelled() {
      let now = surroundings.now()
      if !isOver, let time = settings.time, now - start >= time { try finishCases(now) }
      if let time = settings.time, now - start >= time + settings.finalReductions { break }
      for index in crew.indices where crew[index].isIdle { employ(index, now) }
      if !crew.contains(where: { $0.isBusy }), isOver || queue.isEmpty, reductions.isEmpty { break }
      CrewMember.wait(crew, 100)
      for index in crew.indices { try attend(index) }
      report.elapsed = surroundings.now() - start
      if now >= nextProgress {
        surroundings.progress(report)
        nextProgress = now + Self.progressInterval
      }
      if now >= nextStatistics {
        nextStatistics = now + Self.statisticsInterval
        writeStatistics(.statistics)
        try save()
      }
    }
    for index in crew.indices {
      crew[index].process.kill()
      for line in crew[index].process.lines() { try take(line, from: index) }
      try finishReduction(index)
    }
    report.elapsed = surroundings.now() - start
    try save()
    writeStatistics(.end)
    return report
  }
}

// MARK: Workers

extension Campaign {
  /// Gives a worker that waits something to do.
  private func employ(_ index: Int, _ now: Duration) {
    while let key = reductions.popLast() {
      guard let finding = report.findings[key], let text = finding.text else { continue }
      crew[index].give(.reduce(key), .reduce(number: finding.number, finding.failure, text), now)
      return
    }
    if isOver { return }
    guard let range = queue.take(workers: crew.count) else { return }
    crew[index].give(.run(range), .run(range), now)
  }

  /// Takes in what a worker says, and sees to it when it has died or takes too long.
  private func attend(_ index: Int) throws(DiagnosticError) {
    // First whether it has ended, then what it said before: nothing comes after.
    let hasEnded = crew[index].process.hasEnded()
    crew[index].process.readErrors()
    for line in crew[index].process.lines() { try take(line, from: index) }
    let now = surroundings.now()
    if hasEnded { return try replace(index, now) }
    guard crew[index].isLate(now, settings) else { return }
    if crew[index].askedToEnd == nil {
      crew[index].askedToEnd = now
      crew[index].process.abort()
    } else if let asked = crew[index].askedToEnd, now - asked > .seconds(1) {
      crew[index].process.kill()
      for line in crew[index].process.lines() { try take(line, from: index) }
      try replace(index, now)
    }
  }

  private func take(_ line: String, from index: Int) throws(DiagnosticError) {
    // A worker says many of these, and what they say is needed rarely.
    if line.hasPrefix("drawn\t") {
      crew[index].drawn = line
      return
    }
    guard let message = WorkerReport(line: line) else { return }
    let now = surroundings.now()
    switch message {
    case .ready: crew[index].isReady = true
    case .start(let number):
      stillborn = 0
      if crew[index].current != nil { countCase() }
      crew[index].begin(number, now)
    case .drawn, .reached: break
    case .stage(let oracle, let pass): crew[index].stage = (oracle, pass)
    case .failed(let number, let failure, let ops):
      try record(Finding(failure, number: number, ops: ops, text: crew[index].drawnCase))
    case .void(_, let reason): report.void[reason, default: 0] += 1
    case .kept(let number, let text):
      report.corpus += 1
      try settings.corpus?.keep(text, number: number)
      corpus.append(text)
      for other in crew.indices where other != index { crew[other].adoptions.append(text) }
    case .statistics(let statistics): report.coverage.add(statistics)
    case .finished:
      if crew[index].current != nil { countCase() }
      try finishReduction(index)
      crew[index].rest()
    case .reduced(_, let failure, let ops, let text):
      report.findings.replace(failure.key, by: failure, text, ops: ops)
    }
  }

  /// What a reduction has left is worth keeping even where it did not come to its end.
  private func finishReduction(_ index: Int) throws(DiagnosticError) {
    guard case .reduce(let key)? = crew[index].job, let finding = report.findings[key], finding.isReduced else { return }
    try settings.failures.write(finding, settings.cases)
    writeFailure(finding, "reduced")
  }

  private func countCase() {
    report.cases += 1
    report.ownCases += 1
  }

  /// Another worker takes the place of one that has ended, which costs the case that it was at.
  private func replace(_ index: Int, _ now: Duration) throws(DiagnosticError) {
    let member = crew[index]
    try finishReduction(index)
    if case .run(let range)? = member.job {
      let number = member.current ?? range.lowerBound
      let isOnceMore = member.current == nil || member.askedToEnd != nil && slow.insert(number).inserted
      queue.giveBack((isOnceMore ? number : number + 1)..<range.upperBound)
      if member.current != nil { report.lostWorkers += 1 }
      if !isOnceMore {
        countCase()
        if member.isKilledFromOutside {
          report.void["worker.killed", default: 0] += 1
        } else {
          try record(Finding(member.loss, number: number, ops: member.drawnOps, text: member.drawnCase))
        }
      }
    }
    if member.current == nil, member.job == nil || !member.isReady {
      stillborn += 1
      if stillborn >= Self.mostStillborn {
        throw DiagnosticError(id: "fuzz.worker", "workers end before they do anything: \(member.ending)")
      }
    }
    crew[index] = try CrewMember(command, at: now, corpus)
  }

  /// What is being judged when the time is over does not count.
  private func finishCases(_ now: Duration) throws(DiagnosticError) {
    isOver = true
    for index in crew.indices {
      guard case .run? = crew[index].job else { continue }
      crew[index].process.kill()
      for line in crew[index].process.lines() { try take(line, from: index) }
      if case .run(let range)? = crew[index].job {
        queue.giveBack((crew[index].current ?? range.lowerBound)..<range.upperBound)
      }
    }
    crew.removeAll { $0.process.hasEnded() }
    for _ in 0..<max(0, min(settings.workers, reductions.count) - crew.count) {
      crew.append(try CrewMember(command, at: now, []))
    }
  }
}

// MARK: Records

extension Campaign {
  private func record(_ finding: Finding) throws(DiagnosticError) {
    if finding.failure.oracle == .verifier, finding.failure.pass == nil { report.invalid += 1 }
    let news = report.findings.record(finding)
    guard let known = report.findings[finding.key] else { return }
    switch news {
    case .new, .smaller:
      try settings.failures.write(known, settings.cases)
      // A smaller case than reducing has left is reduced as well.
      if known.text != nil, !reductions.contains(known.key) { reductions.insert(known.key, at: 0) }
      writeFailure(known, news == .new ? "new" : "smaller")
    case .known: writeFailure(known, "known")
    }
  }

  private func save() throws(DiagnosticError) {
    let underWay = crew.compactMap { member -> Int? in
      guard case .run(let range)? = member.job else { return nil }
      return member.current ?? range.lowerBound
    }
    try settings.corpus?.save(
      CampaignRecord(seed: settings.cases.seed, nextCase: queue.resumption(underWay), report))
  }

  private func event(_ kind: CampaignEvent.Kind) -> CampaignEvent {
    CampaignEvent(
      event: kind, time: surroundings.timeOfDay(), elapsedS: ((surroundings.now() - start) / .milliseconds(1)).rounded() / 1000)
  }

  private func writeStart() {
    guard let log else { return }
    var event = event(.start)
    let oracles = settings.cases.oracles
    event.settings = CampaignEvent.Settings(
      seed: settings.cases.seed, ops: settings.cases.ops, workers: settings.workers, firstCase: firstCase,
      cases: settings.count, timeS: settings.time.map { $0 / .seconds(1) },
      caseTimeoutS: settings.caseTimeout / .seconds(1), passes: settings.cases.passes?.description,
      oracles: (oracles.map(Array.init) ?? Oracle.judged).map(\.rawValue).sorted(),
      shares: oracles == nil
        ? Dictionary(uniqueKeysWithValues: CaseSettings.shares.map { ($0.rawValue, $1.every) }) : [:],
      corpus: settings.corpus?.path, versions: settings.versions)
    log.write(event)
  }

  private func writeFailure(_ finding: Finding, _ news: String) {
    guard let log else { return }
    var event = event(.failure)
    event.failure = CampaignEvent.Failed(
      key: finding.key, oracle: finding.failure.oracle.rawValue, pass: finding.failure.pass,
      detail: String(finding.failure.detail.prefix(news == "known" ? 200 : 2000)), number: finding.number, ops: finding.ops, count: finding.count,
      news: news, folder: settings.failures.folder(finding.key))
    log.write(event)
  }

  private func writeStatistics(_ kind: CampaignEvent.Kind) {
    guard let log else { return }
    var event = event(kind)
    event.statistics = CampaignEvent.Statistics(report)
    log.write(event)
  }
}
