import ApusCompiler
import ApusFuzz
import ApusSupport
import ApusTarget
import ArgumentParser
import Foundation

struct FuzzCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fuzz", abstract: "Draw models, compile and run them, and report where anything disagrees.",
    discussion: """
      Each case is a drawn model with a sequence of passes; all that must agree on it is compared. Failures are told apart by
      what disagreed and after which pass; of each, a folder keeps the smallest case with the command that finds it again.
      Exits with 1 if anything was found. With a FILE, that model alone is judged.

      With --target another program is judged in place of this compiler: each model is exported to ONNX, run there, and
      compared with what the interpreter finds, within bounds. What it does not support does not count.

      The oracles: \(Oracle.judged.map(\.rawValue).joined(separator: ", ")).
      """)

  @Argument(help: "A .ir file to judge; its first lines may say `// passes:` and `// seed:`.")
  var file: String?

  @OptionGroup var cases: CaseOptions

  @Option(help: ArgumentHelp("How long to go on (default: 60s, unless --cases is given).", valueName: "time"))
  var time: TimeSpan?

  @Option(name: .customLong("cases"), help: ArgumentHelp("How many cases to judge.", valueName: "n"))
  var count: Int?

  @Option(name: .customLong("case"), help: ArgumentHelp("Judge the case of that number alone, and print it.", valueName: "n"))
  var number: Int?

  @Option(help: ArgumentHelp("Processes that judge (default: the usable threads).", valueName: "n"))
  var workers: Int?

  @Option(help: ArgumentHelp("What one case may take before it counts as hanging.", valueName: "time"))
  var caseTimeout: TimeSpan?

  @Option(help: ArgumentHelp("A folder that keeps cases, failures and how far it got; the next run goes on.", valueName: "folder"))
  var corpus: String?

  @Option(help: ArgumentHelp("Where failures go (default: CORPUS/failures, or apus-failures-SEED).", valueName: "folder"))
  var output: String?

  @Option(help: ArgumentHelp("Write what happens, one JSON object a line.", valueName: "path"))
  var log: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    if let count, count < 1 { throw ValidationError("--cases is at least 1") }
    if let number, number < 0 { throw ValidationError("--case is not negative") }
    if let workers, !(1...1024).contains(workers) { throw ValidationError("--workers takes a number from 1 to 1024") }
    if cases.target != nil, cases.oracles != nil { throw ValidationError("--target and --oracles do not go together") }
    if file != nil, number != nil { throw ValidationError("a FILE and --case do not go together") }
    if number != nil, cases.seed == nil { throw ValidationError("--case needs the --seed of its campaign") }
  }

  func run() throws {
    if let file { return try SingleCase(file: file, cases).judge(json: json) }
    let settings = try cases.settings
    try settings.targetJudge?.checkThatItRuns()
    if let number { return try SingleCase(number: number, settings).judge(json: json) }
    try search(settings)
  }

  private func search(_ cases: CaseSettings) throws {
    let folder = corpus.map { CorpusFolder($0) }
    let failures = FailureFolder(output ?? folder?.failures ?? "apus-failures-\(cases.seed)")
    let machine = Machine.host(environment: ProcessInfo.processInfo.environment)
    var settings = CampaignSettings(cases, workers: workers ?? machine.availableThreads, failures: failures)
    settings.corpus = folder
    settings.count = count
    settings.time = time.map { .seconds($0.seconds) } ?? (count == nil ? .seconds(60) : nil)
    // A case is run several times, and the program that runs it has limits of its own.
    if cases.target != nil { settings.caseTimeout = .seconds(180) }
    if let caseTimeout { settings.caseTimeout = .seconds(caseTimeout.seconds) }
    settings.versions = Versions.all
    Interruption.catchSignals()
    let line = StatusLine(isQuiet: json)
    let start = ContinuousClock.now
    let surroundings = CampaignSurroundings(
      now: { ContinuousClock.now - start }, timeOfDay: { Date.now.formatted(.iso8601) },
      isCancelled: { Interruption.isWanted }, progress: { line.show(CampaignText.progress($0, settings)) })
    let campaign = try Campaign(
      settings, worker: self.cases.worker(seed: cases.seed), log: try log.map { try CampaignLog(path: $0) }, surroundings)
    defer { line.clear() }
    let report = try campaign.run()
    line.clear()
    if json {
      printJSON(CampaignText.members(report, settings))
    } else {
      Output.print(CampaignText.summary(report, settings))
    }
    if !report.findings.isEmpty { throw CommandFailure(status: .failed) }
  }
}

extension CaseSettings {
  /// What judges the target, if there is one, in this process.
  var targetJudge: TargetJudge? {
    let start = ContinuousClock.now
    let folder = FileManager.default.temporaryDirectory.path + "/apus-target-\(UUID().uuidString)"
    return target.map { TargetJudge($0, folder: folder) { ContinuousClock.now - start } }
  }
}

/// What judges cases for `apus fuzz`, in a process of its own.
struct FuzzWorkerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "fuzz-worker", shouldDisplay: false)

  @OptionGroup var cases: CaseOptions

  func run() throws {
    WorkerSignals.install()
    let settings = try cases.settings
    let start = ContinuousClock.now
    var worker = Worker(
      settings, source: GuidedCases(settings, guidance: cases.guidance), judge: Judge(target: settings.targetJudge), isolated: cases.worker(seed: settings.seed), now: { ContinuousClock.now - start },
      write: { line in
        // Nobody listens any more.
        if FileWriting.write(Array(line.utf8), to: STDOUT_FILENO) != nil { _exit(1) }
      })
    worker.serve { readLine() }
  }
}

/// What cases are drawn from and judged by.
struct CaseOptions: ParsableArguments {
  @Option(help: ArgumentHelp("What everything is drawn from (default: a random number, which is printed).", valueName: "n"))
  var seed: UInt64?

  @Option(help: ArgumentHelp("About how many ops a model has.", valueName: "n"))
  var ops = 5

  @Option(help: ArgumentHelp("The passes of every case: a,b(c=1),d (default: drawn).", valueName: "pipeline"))
  var passes: String?

  @Option(help: ArgumentHelp("What is compared, on every case: a,b (default: all, the dear ones on some).", valueName: "list"))
  var oracles: String?

  @Option(
    help: ArgumentHelp(
      "Judge another program: `onnxruntime`, or a command that serves ONNX models as `apus serve` does (without `serve`).",
      valueName: "command"))
  var target: String?

  @Flag(help: "Draw each case anew, instead of changing those that reached something new in the compiler.")
  var noCoverage = false

  @Flag(help: "Change the graphs of cases only, not their passes.")
  var noPassMutation = false

  func validate() throws {
    if !(1...1000).contains(ops) { throw ValidationError("--ops takes a number from 1 to 1000") }
    if let seed, seed > UInt64(Int64.max) { throw ValidationError("--seed is at most \(Int64.max)") }
    do {
      _ = try passes.map { try CaseSettings.passes($0) }
    } catch let error as DiagnosticError {
      throw ValidationError("--passes: \(error.diagnostics.first?.message ?? "")")
    }
    for name in names where Oracle(rawValue: name).map({ !Oracle.judged.contains($0) }) ?? true {
      throw ValidationError("--oracles: there is no '\(name)' among \(Oracle.judged.map(\.rawValue).joined(separator: ", "))")
    }
  }

  private var names: [String] { oracles?.split(separator: ",").map(String.init) ?? [] }

  var chosenOracles: Set<Oracle>? { oracles == nil ? nil : Set(names.compactMap { Oracle(rawValue: $0) }) }

  /// Throws what is wrong with the passes.
  var settings: CaseSettings {
    get throws {
      CaseSettings(
        seed: seed ?? .random(in: 0..<1 << 32), ops: ops, passes: try passes.map { try CaseSettings.passes($0) },
        oracles: chosenOracles, target: target.map { Target($0) })
    }
  }

  var guidance: GuidedCases.Guidance {
    GuidedCases.Guidance(usesCoverage: !noCoverage && target == nil, changesPasses: !noPassMutation)
  }

  /// A worker with the same settings.
  func worker(seed: UInt64) -> WorkerCommand {
    var words = ["fuzz-worker", "--seed", "\(seed)", "--ops", "\(ops)"]
    if let passes { words += ["--passes", passes] }
    if let oracles { words += ["--oracles", oracles] }
    if let target { words += ["--target", target] }
    if noCoverage { words.append("--no-coverage") }
    if noPassMutation { words.append("--no-pass-mutation") }
    return WorkerCommand(Bundle.main.executablePath ?? CommandLine.arguments[0], words)
  }
}
