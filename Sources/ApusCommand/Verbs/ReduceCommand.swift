import ApusCompiler
import ApusFuzz
import ApusIR
import ApusPasses
import ApusSupport
import ArgumentParser
import Foundation

struct ReduceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reduce", abstract: "Make a module small that a command still finds interesting.",
    discussion: """
      CMD is run by the shell for each candidate, in the current folder; it exits with 0 where the candidate is still
      interesting. In it, {} stands for the path of the candidate, a .ir file with its large constants beside it, and
      {passes} for the passes; the path is appended where there is no {}. A candidate that the verifier refuses is never
      tried.

          apus reduce big.ir --test 'apus run {} 2>&1 | grep -q run.memory'
          apus reduce big.ir --passes standard --test '! apus opt {} --passes {passes} --verify-semantics'

      Comments at the head of a .ir file stay there; `// passes:` and `// seed:` among them, as `apus fuzz` writes them,
      are the passes, and the seed that `apus fuzz FILE` reads again.

      An interruption ends it with the best so far. Exits with 1 where FILE itself is not interesting.
      """)

  @Argument(help: "A .ir, .apus or .onnx file.")
  var file: String

  @OptionGroup var shapes: ShapeOptions

  @Option(help: ArgumentHelp("The command that exits with 0 for what is interesting.", valueName: "cmd"))
  var test: String

  @Option(help: ArgumentHelp("Passes to reduce as well: a,b(c=1),d; CMD gets them as {passes}.", valueName: "pipeline"))
  var passes: String?

  @Option(
    name: .short,
    help: ArgumentHelp("Where the result goes (default: NAME.reduced.ir in the current folder).", valueName: "path"))
  var output: String?

  @Option(help: ArgumentHelp("How often CMD is run.", valueName: "n"))
  var maxTries = 10_000

  @Option(help: ArgumentHelp("When to end with the best so far (default: never).", valueName: "time"))
  var maxTime: TimeSpan?

  @Option(help: ArgumentHelp("CMD is ended after this time; the candidate is not interesting then.", valueName: "time"))
  var testTimeout = TimeSpan(seconds: 60)

  func validate() throws {
    if maxTries < 1 { throw ValidationError("--max-tries is at least 1") }
    if test.allSatisfy(\.isWhitespace) { throw ValidationError("--test takes a command") }
  }

  func run() throws {
    let header = try CaseHeader(path: file)
    let module = try ModelFile.load(path: file, shapes: try shapes.sizes)
    let pipeline = try Pipeline.parse(passes ?? header.passes ?? "")
    let path = output ?? defaultOutput
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("apus-reduce-\(UUID().uuidString)").path
    try TensorFolder.make(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    Interruption.catchSignals()
    let start = ContinuousClock.now
    let clock: @Sendable () -> Duration = { ContinuousClock.now - start }
    let command = CommandTest(
      test, folder: folder, timeLimit: .seconds(testTimeout.seconds), header: { header.text($0) }, clock: clock,
      isCancelled: { Interruption.isWanted })
    try requireInteresting(module, pipeline, command)

    let line = StatusLine(isQuiet: false)
    defer { line.clear() }
    let limits = Reducer.Limits(tries: maxTries, duration: maxTime.map { .seconds($0.seconds) } ?? .seconds(1 << 40))
    let hooks = Reducer.Hooks(
      clock: clock, isCancelled: { Interruption.isWanted },
      whenKept: { best in
        line.show("\(best.tries) tries: \(Self.text(best.module, best.passes))")
      })
    let reduction = Reducer(limits).reduce(module, pipeline, hooks) { try command.isInteresting($0, $1) }
    line.clear()
    try ReducedFile.write(reduction.module, header: header.text(reduction.passes), path: path)
    Output.print("\(path): \(Self.text(reduction.module, reduction.passes)), before: \(Self.text(module, pipeline))")
    if !pipeline.steps.isEmpty { Output.print("passes: \(reduction.passes)") }
    Output.print("tries: \(reduction.tries)\(reduction.isMinimal ? "" : ", ended before nothing more was found")")
  }

  /// Throws `reduce.test` with the last lines that the command prints, where it does not find the model interesting.
  private func requireInteresting(_ module: Module, _ passes: Pipeline, _ command: CommandTest) throws {
    let said = command.folder + "/output.txt"
    let ending = try command.ending(module, passes, output: said)
    if ending == .status(0) { return }
    if Interruption.isWanted { throw CancellationError() }
    let lines = ((try? String(contentsOfFile: said, encoding: .utf8)) ?? "").split(separator: "\n").suffix(5)
    let how =
      switch ending {
      case .status(let status): "exits with \(status)"
      case .signal(let signal): "is ended by signal \(signal)"
      case .stopped: "takes longer than \(testTimeout.seconds) s"
      }
    throw DiagnosticError(
      id: "reduce.test", "the test \(how) for the model as it is, and not with 0", at: .file(file),
      notes: lines.map { Diagnostic.Note("it prints: \($0)") })
  }

  private var defaultOutput: String {
    let name = file.split(separator: "/").last.map(String.init) ?? file
    return (name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name) + ".reduced.ir"
  }

  private static func text(_ module: Module, _ passes: Pipeline) -> String {
    func count(_ number: Int, _ name: String, _ names: String) -> String { "\(number) \(number == 1 ? name : names)" }
    let ops = count(module.computingOpCount, "op", "ops")
    return passes.steps.isEmpty ? ops : "\(ops) and \(count(passes.steps.count, "pass", "passes"))"
  }
}

/// The comments at the head of a `.ir` file.
private struct CaseHeader: Sendable {
  private let lines: [String]

  /// Throws what reading the file throws.
  init(path: String) throws {
    guard try ModelFile(path: path) == .ir else {
      lines = []
      return
    }
    let text = try ModelFile.text(path: path).text
    lines = text.split(separator: "\n", omittingEmptySubsequences: false).prefix { $0.hasPrefix("//") }.map(String.init)
  }

  private static let opening = "// passes:"

  /// The passes that a line states.
  var passes: String? {
    guard let line = lines.first(where: { $0.hasPrefix(Self.opening) }) else { return nil }
    return line.dropFirst(Self.opening.count).trimmingCharacters(in: .whitespaces)
  }

  /// The comments, with other passes.
  func text(_ passes: Pipeline) -> String {
    lines.map { ($0.hasPrefix(Self.opening) ? "\(Self.opening) \(passes)" : $0) + "\n" }.joined()
  }
}
