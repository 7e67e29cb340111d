import ApusIR
import ApusPasses
import ApusSupport
import Foundation
import Testing

@testable import ApusFuzz

/// Campaigns whose workers are scripts.
@Suite struct CampaignTests {
  private final class Scratch {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("apus-fuzz-\(UUID().uuidString)").path

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  /// A worker that says what `body` says of each case `$n`. As a real one it answers all requests but those to adopt.
  private func worker(_ body: String) -> WorkerCommand {
    let script = """
      printf 'ready\\n'
      while read -r verb from to; do
        [ $verb = adopt ] && continue
        n=$from
        while [ $verb = run ] && [ $n -lt $to ]; do
          printf 'start\\t%d\\n' $n
          \(body)
          n=$((n + 1))
        done
        printf 'finished\\n'
      done
      """
    return WorkerCommand("/bin/sh", ["-c", script])
  }

  private func campaign(
    _ worker: WorkerCommand, _ scratch: Scratch, count: Int = 10, workers: Int = 1, log: String? = nil,
    timeout: Duration = .seconds(60)
  ) throws -> CampaignReport {
    let corpus = CorpusFolder(scratch.path)
    var settings = CampaignSettings(
      CaseSettings(seed: 1), workers: workers, failures: FailureFolder(corpus.failures))
    settings.count = count
    settings.corpus = corpus
    settings.caseTimeout = timeout
    let start = ContinuousClock.now
    let surroundings = CampaignSurroundings(now: { ContinuousClock.now - start }, timeOfDay: { "2000-01-01T00:00:00Z" })
    return try Campaign(
      settings, worker: worker, log: try log.map { try CampaignLog(path: $0) }, surroundings
    ).run()
  }

  private func fails(_ number: Int, ops: Int, _ pass: String = "cse") -> String {
    "[ $n = \(number) ] && printf 'failed\\t%d\\t\(ops)\\tpasses\\t\(pass)\\tresult 0: wrong\\\\nthere\\n' $n"
  }

  @Test(arguments: [1, 3]) func allCasesAreJudged(workers: Int) throws {
    let report = try campaign(worker(":"), Scratch(), count: 100, workers: workers)
    #expect(report.cases == 100 && report.ownCases == 100 && report.findings.isEmpty && report.lostWorkers == 0)
  }

  @Test func workersThatDoNotStartEndTheCampaign() throws {
    let error = #expect(throws: DiagnosticError.self) { try campaign(WorkerCommand("/bin/false", []), Scratch()) }
    #expect(error?.diagnostics.first?.id == "fuzz.worker")
  }

  @Test func aCorpusOfSomethingElseIsRefused() throws {
    let scratch = try Scratch()
    try Data("{\"what\": 1}".utf8).write(to: URL(fileURLWithPath: scratch.path + "/campaign.json"))
    let error = #expect(throws: DiagnosticError.self) { try campaign(worker(":"), scratch) }
    #expect(error?.diagnostics.first?.id == "fuzz.corpus")
  }

  @Test func aCrashCostsItsCase() throws {
    let scratch = try Scratch()
    let crash = "[ $n = 3 ] && { echo 'Fatal error: what' >&2; kill -SEGV $$; }"
    let report = try campaign(worker(crash), scratch)
    #expect(report.cases == 10 && report.lostWorkers == 1)
    let finding = try #require(report.findings.list.first)
    #expect(report.findings.list.count == 1 && finding.failure.oracle == .crash && finding.number == 3)
    #expect(finding.failure.detail.contains("signal 11") && finding.failure.detail.contains("Fatal error: what"))
    let text = try String(contentsOfFile: scratch.path + "/failures/crash-draw/case.txt", encoding: .utf8)
    #expect(text.contains("apus fuzz --seed 1 --case 3 --ops 5"))
  }

  @Test func aCrashSaysWhatItWasAt() throws {
    let crash = """
      [ $n = 3 ] && { printf 'drawn\\ttext\\tc.bin\\t\\nstage\\tpasses\\tfuse-outputs\\n'; kill -ABRT $$; }
      """
    let report = try campaign(worker(crash), Scratch())
    #expect(report.findings.list.map(\.key) == ["crash:fuse-outputs"])
    #expect(report.cases == 10)
  }

  @Test func aHangCostsItsCase() throws {
    let report = try campaign(worker("[ $n = 4 ] && sleep 100"), Scratch(), timeout: .seconds(2))
    #expect(report.findings.list.map(\.failure.oracle) == [.hang] && report.findings.list.first?.number == 4)
    // It was tried twice.
    #expect(report.cases == 10 && report.lostWorkers == 2)
  }

  @Test func aMachineThatWasBusyIsNoBug() throws {
    let scratch = try Scratch()
    let body = "[ $n = 4 ] && mkdir '\(scratch.path)/tried' 2>/dev/null && sleep 100"
    let report = try campaign(worker(body), scratch, timeout: .seconds(2))
    #expect(report.findings.isEmpty && report.cases == 10 && report.lostWorkers == 1)
  }

  @Test func aWorkerThatIsKilledIsNoBug() throws {
    let report = try campaign(worker("[ $n = 4 ] && kill -KILL $$"), Scratch())
    #expect(report.findings.isEmpty && report.cases == 10 && report.void == ["worker.killed": 1])
  }

  @Test func workersThatNeverWorkEndTheCampaign() throws {
    #expect(throws: DiagnosticError.self) { try campaign(WorkerCommand("/bin/sh", ["-c", "exit 3"]), Scratch()) }
    #expect(throws: DiagnosticError.self) { try campaign(WorkerCommand("/no/such/file", []), Scratch()) }
  }

  @Test func failuresAreToldApartByOracleAndPass() throws {
    let body = [fails(1, ops: 5), fails(2, ops: 3), fails(4, ops: 4), fails(7, ops: 9, "dce")].joined(separator: "\n")
    let report = try campaign(worker(body), Scratch())
    #expect(report.findings.list.map(\.key) == ["passes:cse", "passes:dce"])
    let first = try #require(report.findings["passes:cse"])
    #expect(first.count == 3 && first.ops == 3 && first.number == 2 && first.failure.detail == "result 0: wrong\nthere")
    #expect(report.findings.count == 4)
  }

  @Test func aCampaignGoesOn() throws {
    let scratch = try Scratch()
    let kept = CaseText(FuzzCase(Module(Function(name: "f", phase: .graph)), seed: 5))
    let line = WorkerReport.kept(2, kept).line.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
      .replacing("\t", with: "\\t").replacing("'", with: "").replacing("%", with: "%%")
    let body = "\(fails(2, ops: 4))\n[ $n = 2 ] && printf '\(line)'"
    let first = try campaign(worker(body), scratch)
    #expect(first.corpus == 1 && first.cases == 10)
    #expect(try CorpusFolder(scratch.path).loadCases() == [try CaseText(path: scratch.path + "/cases/case-2.ir")])
    // The second one counts on, and knows what the first has found.
    let log = scratch.path + "/log.jsonl"
    let second = try campaign(worker(fails(12, ops: 6)), scratch, log: log)
    #expect(second.cases == 20 && second.ownCases == 10 && second.corpus == 1)
    #expect(second.findings["passes:cse"]?.count == 2 && second.findings["passes:cse"]?.ops == 4)
    let start = try #require(try events(log).first?["settings"] as? [String: Any])
    #expect(start["first_case"] as? Int == 10 && start["seed"] as? Int == 1)
  }

  private func events(_ log: String) throws -> [[String: Any]] {
    try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  @Test func theLogIsJSON() throws {
    let scratch = try Scratch()
    let log = scratch.path + "/log.jsonl"
    _ = try campaign(worker([fails(1, ops: 5), fails(2, ops: 8)].joined(separator: "\n")), scratch, log: log)
    let events = try events(log)
    #expect(events.map { $0["event"] as? String } == ["start", "failure", "failure", "end"])
    #expect(events.allSatisfy { $0["time"] is String && $0["elapsed_s"] is Double })
    let failures = events.compactMap { $0["failure"] as? [String: Any] }
    #expect(failures.map { $0["news"] as? String } == ["new", "known"] && failures[1]["count"] as? Int == 2)
    #expect((events[3]["statistics"] as? [String: Any])?["cases"] as? Int == 10)
  }
}
