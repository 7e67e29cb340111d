import ApusIR
import ApusPasses

/// What one test tries: a module, the passes that it goes through, and the seed of its inputs.
public struct FuzzCase: Sendable {
  public var module: Module
  /// From phase `graph` to phase `fused`.
  public var passes: Pipeline
  /// What inputs and orders are drawn from.
  public var seed: UInt64

  public init(_ module: Module, passes: Pipeline = Passes.standard, seed: UInt64) {
    self.module = module
    // A case is whole by itself: what it was read from may be gone when it is printed and read again.
    self.module.dropConstantFiles()
    self.passes = passes
    self.seed = seed
  }
}

/// What is compared with what.
public enum Oracle: String, Sendable, CaseIterable {
  /// The verifier accepts the module, before and after every pass.
  case verifier
  /// Of a module with one mistake, which is drawn from the seed of the case alone, the verifier names that and nothing else.
  case violations
  /// What is known of sizes holds for numbers that they may be.
  case sizes
  /// What is printed is read back as the same.
  case text
  /// The interpreter finds the same before and after a pass.
  case passes
  /// The module compiles.
  case compile
  /// Generated code computes what the interpreter does.
  case code
  /// The lowered loops mean what the graph means.
  case loops
  /// One thread and two make the same bits, aligned memory or not.
  case threads
  /// Runs on shapes A, B and A again: the same bits for the same inputs.
  case replay
  /// What lies in memory before a run does not matter, and a run writes to its values and nowhere else.
  case memory
  /// The same where each value in the arena has a place of its own, with space between that nobody may write to.
  case arena
  /// A run leaves its inputs alone.
  case inputs
  /// The memory plan has no two live values in one place.
  case plan
  /// Two compilations make code that computes the same bits.
  case determinism
  /// Another program computes the same from what is exported.
  case target
  /// Drawing the case, compiling it or running it does not bring the process down.
  case crash
  /// It comes to an end in time.
  case hang

  /// Those that a ``Judge`` finds by itself; the others are found by whoever watches its process, or in another program.
  public static let judged = allCases.filter { $0 != .crash && $0 != .hang && $0 != .target }
}

/// What went wrong.
public struct Failure: Sendable, Hashable {
  public var oracle: Oracle
  /// The pass after which it went wrong, if it is one; of another program, how it failed and at which op.
  public var pass: String?
  /// What was found, on one line or more.
  public var detail: String

  public init(_ oracle: Oracle, after pass: String? = nil, _ detail: String) {
    self.oracle = oracle
    self.pass = pass
    self.detail = detail
  }

  /// Failures with the same key are likely the same bug.
  public var key: String { pass.map { "\(oracle.rawValue):\($0)" } ?? oracle.rawValue }
}
