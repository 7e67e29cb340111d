import ApusPasses
import ApusSupport
import ApusTarget

/// What the cases of a campaign are drawn from, and what they are judged by.
public struct CaseSettings: Sendable {
  /// The seed of the campaign.
  public var seed: UInt64
  /// About as many ops has a module.
  public var ops: Int
  /// The passes of every case; `nil` draws them.
  public var passes: Pipeline?
  /// What every case is judged by; `nil` takes all, the dear ones on their share of the cases.
  public var oracles: Set<Oracle>?

  /// Another program, which is then judged in place of our compiler.
  public var target: Target?

  public init(seed: UInt64, ops: Int = 5, passes: Pipeline? = nil, oracles: Set<Oracle>? = nil, target: Target? = nil) {
    self.target = target
    self.seed = seed
    self.ops = ops
    self.passes = passes
    self.oracles = oracles
  }

  /// What case `number` is drawn from.
  public func seed(of number: Int) -> UInt64 {
    var mixing = SplitMix64(seed: seed)
    var mixed = SplitMix64(seed: mixing.next() &+ UInt64(truncatingIfNeeded: number))
    return mixed.next()
  }

  /// Passes as text: `a,b(c=1),d`, or a named pipeline. Throws what is wrong with it.
  public static func passes(_ text: String) throws(DiagnosticError) -> Pipeline { try Pipeline.parse(text) }

  /// What case `number` is judged by.
  public func oracles(of number: Int) -> Set<Oracle> {
    if target != nil { return [.target] }
    if let oracles { return oracles }
    return Set(Oracle.judged.filter { Self.shares[$0]?.contains(number) ?? true })
  }

  /// Whether case `number` has large values. An odd one: the oracles that have a share of the cases are slow on those.
  public static func isLarge(_ number: Int) -> Bool { number % 32 == 7 }

  /// How much goes into the code of case `number`: most of the time of a case goes into it, and code that ran once is as
  /// wrong as any. Those with more are at another place in each round of cases, so that every oracle comes to judge some.
  public func effort(of number: Int) -> CodeEffort {
    (number + number / Self.fullEffortShare) % Self.fullEffortShare == 0 ? .full : .quick
  }

  static let fullEffortShare = 16

  /// One case of so many.
  public struct Share: Sendable {
    public var every: Int
    /// The first of them.
    var first = 0

    func contains(_ number: Int) -> Bool { number % every == first }
  }

  /// The dear oracles, each of which judges its share of the cases: the interpreter walks lowered loops element by element, a
  /// second compilation costs as much as the first and code of its own for each value half of that. No case has more than
  /// one of them to bear, and no large one has any.
  public static let shares: [Oracle: Share] = [
    .loops: Share(every: 8), .determinism: Share(every: 16, first: 4), .arena: Share(every: 16, first: 12),
  ]
}
