/// Makes the cases of one worker, and learns from what they reached.
///
/// A worker asks for cases one after the other: ``draw(_:)``, the judge, ``isWorthKeeping(_:)``. What is worth keeping goes
/// into the corpus of the campaign and from there, by ``adopt(_:)``, to the other workers.
public protocol CaseSource {
  /// The case of that number.
  mutating func draw(_ number: Int) -> FuzzCase

  /// Whether the case, which has just been judged, reached what none before it did.
  ///
  /// - Parameter stages: what the compiler made of it.
  mutating func isWorthKeeping(_ fuzzCase: FuzzCase, _ stages: [Judge.Stage]) -> Bool

  /// Takes in what another worker, or a campaign before this one, found worth keeping.
  mutating func adopt(_ fuzzCase: FuzzCase)

  /// What has been drawn so far.
  var drawn: DrawCoverage { get }

  /// How many places of the compiler were reached so far; `nil` where nobody counts them.
  var reached: Int? { get }
}

/// Draws each case from the seed and its number alone: what `apus fuzz --seed S --case I` draws again.
public struct DrawnCases: CaseSource {
  private let settings: CaseSettings
  private let limits: GraphGenerator.Limits
  private let large: GraphGenerator.Limits
  private var generator: GraphGenerator
  public private(set) var drawn = DrawCoverage()

  public init(_ settings: CaseSettings, limits: GraphGenerator.Limits = GraphGenerator.Limits()) {
    self.settings = settings
    self.limits = limits
    large = limits.enlarged
    generator = GraphGenerator(limits: limits)
  }

  public mutating func draw(_ number: Int) -> FuzzCase {
    var draw = Draw(seed: settings.seed(of: number))
    // What was drawn before must not show in what is drawn now.
    generator.coverage = DrawCoverage()
    generator.limits = CaseSettings.isLarge(number) ? large : limits
    if settings.target != nil {
      // Ops that no other program knows would make a case say nothing; and so would rare types, mostly.
      if draw.chance(80) { generator.limits = generator.limits.common }
      generator.limits.codes = Self.portableCodes
    }
    let module = generator.module(seed: draw.seed(), ops: settings.ops)
    drawn.merge(generator.coverage)
    let passes = settings.passes ?? PassDrawing.pipeline(&draw)
    return FuzzCase(module, passes: passes, seed: draw.seed())
  }

  private static let portableCodes = OpChoice.codes.filter { ![.randomBits, .customCall, .assert].contains($0) }

  public func isWorthKeeping(_ fuzzCase: FuzzCase, _ stages: [Judge.Stage]) -> Bool { false }
  public func adopt(_ fuzzCase: FuzzCase) {}
  public var reached: Int? { nil }
}
