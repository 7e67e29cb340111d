import ApusCompiler
import ApusFuzz
import ApusSupport

/// One case for `apus fuzz`, judged here and now, and printed.
struct SingleCase {
  private let fuzzCase: FuzzCase
  private let oracles: Set<Oracle>
  private let number: Int?
  private let target: TargetJudge?

  /// The case of that number.
  init(number: Int, _ settings: CaseSettings) {
    var cases = DrawnCases(settings)
    fuzzCase = cases.draw(number)
    oracles = settings.oracles(of: number)
    target = settings.targetJudge
    self.number = number
  }

  /// A module in a file. Flags come before what its comments say, and the standard passes after.
  ///
  /// Throws what reading it throws.
  init(file: String, _ options: CaseOptions) throws {
    let text = try CaseText(path: file)
    let passes = try CaseSettings.passes(options.passes ?? text.header("passes") ?? "standard")
    let seed = options.seed ?? text.header("seed").flatMap { UInt64($0) } ?? 0
    fuzzCase = FuzzCase(try ModelFile.load(path: file), passes: passes, seed: seed)
    oracles = options.chosenOracles ?? Set(Oracle.judged)
    target = try options.settings.targetJudge
    try target?.checkThatItRuns()
    number = nil
  }

  /// Prints the module first: judging it may end the process. Throws a failure's exit status.
  func judge(json: Bool) throws {
    if !json {
      Output.print(CaseText(fuzzCase).text)
      try Output.flush()
    }
    let (verdict, detail) = verdict
    if json {
      printJSON([
        ("case", number.map { .int($0) } ?? .null), ("seed", .int(Int(fuzzCase.seed & UInt64(Int64.max)))),
        ("passes", .string(fuzzCase.passes.description)), ("module", .string(fuzzCase.module.text())),
        ("verdict", .string(verdict.text)), ("detail", .string(detail)),
      ])
    } else {
      Output.print("verdict: \(verdict.text)\(detail.isEmpty ? "" : "\n\(detail)")")
    }
    if case .failure = verdict { throw CommandFailure(status: .failed) }
  }

  private enum Verdict {
    case agreement
    /// Nothing can be said.
    case void
    case failure(String)

    var text: String {
      switch self {
      case .agreement: "all agree"
      case .void: "nothing can be said"
      case .failure(let key): "failure \(key)"
      }
    }
  }

  private var verdict: (Verdict, detail: String) {
    do {
      guard let failure = try Judge(oracles: oracles, target: target).judge(fuzzCase) else { return (.agreement, "") }
      return (.failure(failure.key), failure.detail)
    } catch {
      return (.void, "\(error)")
    }
  }
}
