import ApusIR
import ApusPasses

/// Makes what fails small: delta debugging on a module and the passes that it goes through.
///
/// A candidate is the best so far with a part taken away, valid again, and read back from its own text, which is what a
/// reproduction holds. It is kept when the test says that it is still interesting. Reductions are tried in rounds,
/// those that may take away most first, until none of them finds anything: a local minimum. The same module, passes, test
/// and tries give the same result.
public struct Reducer: Sendable {
  public struct Limits: Sendable {
    /// Candidates that are tested.
    public var tries: Int
    /// When no further candidate is tested.
    public var duration: Duration

    public init(tries: Int = 5000, duration: Duration = .seconds(300)) {
      self.tries = tries
      self.duration = duration
    }
  }

  /// What may be done around the tests.
  public struct Hooks {
    /// The time since some fixed moment; without it only the tries are limited.
    public var clock: (() -> Duration)?
    /// Asked before each test; the best so far is the result.
    public var isCancelled: () -> Bool
    /// Called with each candidate that is kept.
    public var whenKept: (Reduction) -> Void

    public init(
      clock: (() -> Duration)? = nil, isCancelled: @escaping () -> Bool = { false },
      whenKept: @escaping (Reduction) -> Void = { _ in }
    ) {
      self.clock = clock
      self.isCancelled = isCancelled
      self.whenKept = whenKept
    }
  }

  public var limits: Limits

  public init(_ limits: Limits = Limits()) { self.limits = limits }

  /// The smallest module and passes found for which the test holds.
  ///
  /// - Parameter isInteresting: holds for what is given; a test that throws does not hold.
  public func reduce(
    _ module: Module, _ passes: Pipeline = Pipeline([]), _ hooks: Hooks = Hooks(),
    isInteresting: @escaping (Module, Pipeline) throws -> Bool
  ) -> Reduction {
    var search = ReductionSearch(module, passes, limits, hooks, isInteresting)
    search.run()
    return search.result
  }
}

/// What is left of a module, and how it was found.
public struct Reduction: Sendable {
  public var module: Module
  public var passes: Pipeline
  /// Candidates that were tested.
  public var tries: Int
  /// Whether no reduction finds anything more, so that no limit ended it.
  public var isMinimal: Bool
}

extension Module {
  /// The ops that compute something: neither constants nor the ends of blocks.
  public var computingOpCount: Int {
    functions.reduce(0) { count, function in
      var found = 0
      function.forEachOp { op in
        let code = function.opcode(of: op)
        if code != .constant, !code.isTerminator { found += 1 }
      }
      return count + found
    }
  }
}
