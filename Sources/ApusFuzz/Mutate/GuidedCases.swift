import ApusIR
import ApusPasses

/// Draws new cases, and changes those that reached something new in the compiler: the graph and the passes together.
public struct GuidedCases: CaseSource {
  /// What guides the search, for the comparison of ways to search.
  public struct Guidance: Sendable {
    public var usesCoverage = true
    public var changesPasses = true
    public init(usesCoverage: Bool = true, changesPasses: Bool = true) {
      self.usesCoverage = usesCoverage
      self.changesPasses = changesPasses
    }
  }

  private let settings: CaseSettings
  private let guidance: Guidance
  private let limits: GraphGenerator.Limits
  private var fresh: DrawnCases
  private var coverage: any CoverageSource
  private var corpus: [FuzzCase] = []
  /// Changed graphs in a row that reached nothing new.
  private var fruitless = 0

  /// Entries that a worker keeps in memory.
  private static let mostKept = 4096
  /// After so many changed graphs without news, passes are changed.
  private static let patience = 4

  public init(
    _ settings: CaseSettings, guidance: Guidance = Guidance(), limits: GraphGenerator.Limits = GraphGenerator.Limits()
  ) {
    self.settings = settings
    self.guidance = guidance
    self.limits = limits
    fresh = DrawnCases(settings, limits: limits)
    coverage = CounterCoverage() ?? StructureCoverage()
  }

  public var drawn: DrawCoverage { fresh.drawn }
  public var reached: Int? { guidance.usesCoverage ? coverage.count : nil }

  public mutating func draw(_ number: Int) -> FuzzCase {
    var draw = Draw(seed: settings.seed(of: number) ^ 0x6D75_7461_7465)
    let fuzzCase = mutant(&draw) ?? fresh.draw(number)
    coverage.begin()
    return fuzzCase
  }

  public mutating func isWorthKeeping(_ fuzzCase: FuzzCase, _ stages: [Judge.Stage]) -> Bool {
    guard guidance.usesCoverage else { return false }
    let isNew = coverage.hasNews(stages)
    fruitless = isNew ? 0 : fruitless + 1
    if isNew { adopt(fuzzCase) }
    return isNew
  }

  public mutating func adopt(_ fuzzCase: FuzzCase) {
    if corpus.count < Self.mostKept {
      corpus.append(fuzzCase)
    } else {
      corpus[Int(truncatingIfNeeded: fuzzCase.seed % UInt64(Self.mostKept))] = fuzzCase
    }
  }

  /// A changed case of the corpus, half of the time.
  private mutating func mutant(_ draw: inout Draw) -> FuzzCase? {
    guard guidance.usesCoverage, !corpus.isEmpty, draw.chance(50) else { return nil }
    // What came last led there most recently.
    let index = draw.chance(50) ? max(0, corpus.count - 1 - draw.int(0...31)) : draw.int(0...(corpus.count - 1))
    var fuzzCase = corpus[index]
    fuzzCase.seed = draw.seed()
    let other = draw.pick(corpus)?.passes
    let redraws = fruitless > 0 && fruitless % Self.patience == 0
    if guidance.changesPasses, settings.passes == nil, redraws || draw.chance(30) {
      fuzzCase.passes = PassMutation.mutated(fuzzCase.passes, other: other, &draw)
      if draw.chance(30) { return fuzzCase }
    }
    guard fuzzCase.module.functions.first?.phase == .graph else { return fuzzCase }
    for _ in 0..<draw.int(1...3) {
      var drawing = GraphDrawing(mutating: fuzzCase.module, seed: draw.seed(), limits)
      guard (try? GraphMutation.draw(&drawing.draw).apply(&drawing)) != nil else { continue }
      let module = drawing.module
      if module.verify().isEmpty, module.computingOpCount <= settings.ops + settings.ops / 2 { fuzzCase.module = module }
    }
    return fuzzCase
  }
}
