import ApusIR
import ApusPasses
import ApusSupport

extension Reducer {
  /// Seeds that are tried for each candidate. A reduced function has other parameters, and with them other inputs; what
  /// fails for some of them only is rarely missed by all of so many.
  public static let inputSeeds = 4

  /// The smallest case found that still fails as `failure` says, with a seed for which it does.
  ///
  /// - Parameter judge: what is wrong with a case, as ``Judge/judge(_:)`` finds it; a case that it throws for is not
  ///   kept. Cases that end the process need one that judges them in another.
  public func reduce(
    _ fuzzCase: FuzzCase, failingLike failure: Failure, _ hooks: Hooks = Hooks(),
    judge: @escaping (FuzzCase) throws -> Failure?
  ) -> CaseReduction {
    let seeds = SeedSearch(fuzzCase.seed)
    let reduction = reduce(fuzzCase.module, fuzzCase.passes, hooks) { module, passes in
      for seed in seeds.candidates {
        let found = try? judge(FuzzCase(module, passes: passes, seed: seed))
        guard let found, found.isLike(failure) else { continue }
        seeds.kept = (seed, found)
        return true
      }
      return false
    }
    let (seed, found) = seeds.kept ?? (fuzzCase.seed, failure)
    let reduced = FuzzCase(reduction.module, passes: reduction.passes, seed: seed)
    return CaseReduction(
      fuzzCase: reduced, failure: found, tries: reduction.tries, isMinimal: reduction.isMinimal)
  }
}

/// A case made small.
public struct CaseReduction: Sendable {
  public var fuzzCase: FuzzCase
  /// How it fails.
  public var failure: Failure
  /// Candidates that were judged, each with up to ``Reducer/inputSeeds`` seeds.
  public var tries: Int
  /// Whether no reduction finds anything more, so that no limit ended it.
  public var isMinimal: Bool
}

/// The seed of the best case so far, and those to try for the next.
private final class SeedSearch {
  private let first: UInt64
  var kept: (seed: UInt64, failure: Failure)?

  init(_ first: UInt64) { self.first = first }

  /// The seed that failed last stands first. Oracles that look at some cases only may go by the seed modulo 16.
  var candidates: [UInt64] {
    let others = (0..<UInt64(Reducer.inputSeeds)).map { first &+ 16 &* $0 }
    guard let last = kept?.seed else { return others }
    return Array(([last] + others.filter { $0 != last }).prefix(Reducer.inputSeeds))
  }
}

extension Failure {
  /// Whether both are likely the same bug: the same oracle after the same pass, the same diagnostic if there is one.
  public func isLike(_ other: Failure) -> Bool { key == other.key && diagnosticID == other.diagnosticID }

  /// The id in `error[id]`, as diagnostics are written.
  private var diagnosticID: Substring? {
    for opening in ["error[", "unsupported["] {
      guard let start = detail.range(of: opening), let end = detail[start.upperBound...].firstIndex(of: "]")
      else { continue }
      return detail[start.upperBound..<end]
    }
    return nil
  }
}
