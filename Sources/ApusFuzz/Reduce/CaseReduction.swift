import ApusIR
import ApusPasses
import ApusSupport

extension Reducer {
  /// Seeds that are tried for each candidate. A reduced function has other parameters, and with them other inputs; what
  /// fails for some of them only is rarely missed by all of so many.
  public static let inputSeeds = 4

  /// The smallest case found that still fails as `failure` says, with a seed for which it does.
  ///
  /// - Parameters:
  ///   - judge: what is wrong with a case, as ``Judge/judge(_:)`` finds it; a case that it throws for is not kept. It need
  ///     not look at more than the failure's ``Failure/decisiveOracles``. Cases that end the process need one that judges
  ///     them in another.
  ///   - whenKept: called with each case that is kept, in place of what the hooks have.
  public func reduce(
    _ fuzzCase: FuzzCase, failingLike failure: Failure, _ hooks: Hooks = Hooks(),
    whenKept: @escaping (CaseReduction) -> Void = { _ in }, judge: @escaping (FuzzCase) throws -> Failure?
  ) -> CaseReduction {
    let seeds = SeedSearch(fuzzCase.seed, failure)
    var hooks = hooks
    hooks.whenKept = { whenKept(CaseReduction($0, seeds.seed, seeds.failure)) }
    let reduction = reduce(fuzzCase.module, fuzzCase.passes, hooks) { module, passes in
      for seed in seeds.candidates {
        let found = try? judge(FuzzCase(module, passes: passes, seed: seed))
        guard let found, found.isLike(failure) else { continue }
        (seeds.seed, seeds.failure) = (seed, found)
        return true
      }
      return false
    }
    return CaseReduction(reduction, seeds.seed, seeds.failure)
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

  init(_ reduction: Reduction, _ seed: UInt64, _ failure: Failure) {
    fuzzCase = FuzzCase(reduction.module, passes: reduction.passes, seed: seed)
    self.failure = failure
    tries = reduction.tries
    isMinimal = reduction.isMinimal
  }
}

/// The seed of the best case so far, and those to try for the next.
private final class SeedSearch {
  private let first: UInt64
  /// Of the best case.
  var seed: UInt64
  var failure: Failure

  init(_ first: UInt64, _ failure: Failure) {
    (self.first, seed, self.failure) = (first, first, failure)
  }

  /// The seed that failed last stands first. Oracles that look at some cases only may go by the seed modulo 16.
  var candidates: [UInt64] {
    let others = (0..<UInt64(Reducer.inputSeeds)).map { first &+ 16 &* $0 }
    return Array(([seed] + others.filter { $0 != seed }).prefix(Reducer.inputSeeds))
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

  /// What a judge has to look at to find a failure like this one, and to tell it from others.
  public var decisiveOracles: Set<Oracle> {
    let before: Set<Oracle> = [.verifier, .passes, .compile]
    switch oracle {
    case .verifier: return pass == "lower" ? [.verifier, .compile, .loops] : [.verifier]
    case .violations, .sizes, .text: return [oracle]
    case .passes: return [.verifier, .passes]
    case .compile: return pass == nil ? before : [.verifier, .passes]
    case .code, .plan, .loops: return before.union([oracle])
    case .threads, .replay, .memory, .arena, .inputs, .determinism: return before.union([.code, oracle])
    case .target: return [.target]
    case .crash, .hang: return Set(Oracle.judged)
    }
  }
}
