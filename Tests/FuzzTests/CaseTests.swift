import ApusIR
import ApusPasses
import ApusSupport
import Testing

@testable import ApusFuzz

@Suite struct CaseTests {
  private let settings = CaseSettings(seed: 7)

  @Test func aCaseDependsOnItsNumberAlone() {
    var (all, one) = (DrawnCases(settings), DrawnCases(settings))
    let texts = (0..<12).map { CaseText(all.draw($0)) }
    #expect(CaseText(one.draw(11)) == texts[11])
    #expect(CaseText(one.draw(3)) == texts[3])
    #expect(Set(texts).count == 12)
    var other = DrawnCases(CaseSettings(seed: 8))
    #expect(CaseText(other.draw(3)) != texts[3])
  }

  @Test func casesAreReadAsTheyAreWritten() throws {
    var cases = DrawnCases(CaseSettings(seed: 3, ops: 8))
    for number in 0..<40 {
      let fuzzCase = cases.draw(number)
      let text = CaseText(fuzzCase)
      let line = WorkerReport.drawn(text).line
      #expect(line.filter(\.isNewline) == "\n" && WorkerReport(line: line) == .drawn(text))
      let again = try text.fuzzCase()
      #expect(again.seed == fuzzCase.seed && again.passes.description == fuzzCase.passes.description)
      #expect(again.module.isIdentical(to: fuzzCase.module))
    }
    let error = #expect(throws: DiagnosticError.self) { try CaseText(fields: ["apus-ir 1\n", "c.bin", ""])?.fuzzCase() }
    #expect(error?.diagnostics.first?.id == "fuzz.case")
  }

  @Test func linesHoldWhateverFieldsSay() {
    let failure = Failure(.passes, after: "cse", "a\tb\\n\nc\\")
    let text = CaseText(FuzzCase(Module(), seed: .max))
    var statistics = DrawStatistics()
    statistics.attempts = 5
    statistics.pairs = [0, 7]
    statistics.edges = [DrawCoverage.Edge(producer: .add, consumer: .mul)]
    statistics.violations = 3
    statistics.constraints = [0, 4]
    let reports: [WorkerReport] = [
      .ready, .start(3), .stage(nil, pass: nil), .stage(.code, pass: "x"), .failed(3, failure, ops: 2),
      .void(1, reason: "limit.steps"), .kept(9, text), .statistics(statistics), .finished, .reduced(4, failure, ops: 1, text),
    ]
    for report in reports { #expect(WorkerReport(line: report.line) == report) }
    let requests: [WorkerRequest] = [.run(3..<9), .adopt(text), .judge(text), .reduce(number: 2, failure, text)]
    for request in requests { #expect(WorkerRequest(line: request.line) == request) }
    for line in [
      "", "start", "start\tx", "failed\t1\t2\tnone\t\t", "statistics\t1\t1\t\t99999999\t\t0\t",
      "statistics\t1\t1\t\t\t\t0\t99999999", "what",
    ] {
      #expect(WorkerReport(line: line) == nil)
    }
  }

  @Test func drawnPassesLeadToKernels() throws {
    var lengths: Set<Int> = []
    for seed in 0..<200 as Range<UInt64> {
      var draw = Draw(seed: seed)
      let pipeline = PassDrawing.pipeline(&draw)
      #expect(try Pipeline.parse(pipeline.description).description == pipeline.description)
      #expect(pipeline.steps.contains { $0.pass.name == "form-kernels" })
      lengths.insert(pipeline.steps.count)
    }
    #expect(lengths.count > 15)
  }

  @Test func someCasesAreLarge() throws {
    var cases = DrawnCases(settings)
    let counts = try (0..<1024).map { number in
      let main = cases.draw(number).module.functions[0]
      let types = (main.parameters + main.allOps().flatMap { main.results(of: $0) }).map { main.type(of: $0) }
      return try types.map { try Dim.product($0.dims).evaluate { main.symbols[$0].bounds.lower ?? 1 } }.max() ?? 0
    }
    let large = counts.indices.filter { counts[$0] > 8000 }
    #expect(large.count >= 8 && counts.contains { $0 > 65_536 } && large.allSatisfy { CaseSettings.isLarge($0) }, "\(large.map { counts[$0] })")
  }

  @Test func dearOraclesHaveTheirShare() {
    let judged = (0..<64).map { settings.oracles(of: $0) }
    for (oracle, share) in CaseSettings.shares { #expect(judged.filter { $0.contains(oracle) }.count == 64 / share.every) }
    #expect(judged.allSatisfy { $0.intersection(CaseSettings.shares.keys).count <= 1 })
    let thorough = (0..<256).filter { settings.effort(of: $0) == .full }
    #expect(thorough.count == 16)
    for oracle in CaseSettings.shares.keys { #expect(thorough.contains { settings.oracles(of: $0).contains(oracle) }) }
    #expect(judged.allSatisfy { $0.isSuperset(of: [.verifier, .passes, .compile, .code, .threads]) })
    #expect(CaseSettings(seed: 1, oracles: [.loops]).oracles(of: 5) == [.loops])
  }

  /// A worker in this process: what it says of cases that hold.
  @Test func aWorkerJudges() throws {
    var said: [WorkerReport] = []
    var requests = [WorkerRequest.run(0..<3).line, "nonsense\n", WorkerRequest.run(20..<21).line]
    var worker = Worker(
      settings, source: DrawnCases(settings), now: { .zero },
      write: { if let report = WorkerReport(line: $0) { said.append(report) } })
    worker.serve { requests.isEmpty ? nil : requests.removeFirst() }
    let starts = said.compactMap { report -> Int? in
      guard case .start(let number) = report else { return nil }
      return number
    }
    #expect(starts == [0, 1, 2, 20] && said.first == .ready && said.last == .finished)
    #expect(said.count { if case .drawn = $0 { true } else { false } } == 4)
    let statistics = said.compactMap { report -> DrawStatistics? in
      guard case .statistics(let statistics) = report else { return nil }
      return statistics
    }
    let pairs = statistics.flatMap(\.pairs)
    #expect(pairs.count > 5 && Set(pairs).count == pairs.count)
    #expect((1...16).contains(statistics.reduce(0) { $0 + $1.violations }))
  }
}
