import ApusBuffers
import ApusSupport

/// What was done to a model so that a run takes less memory, and what it costs.
public struct MemoryReduction: Sendable {
  /// A kernel that runs again.
  public struct Repeat: Sendable, Hashable {
    /// The ops that were fused into it.
    public var ops: [String]
    /// How often it runs again.
    public var times: Int
    /// What it costs, all times together.
    public var work: KernelWork
  }

  /// Bytes of outputs and intermediate values, as they would be without.
  public var unlimited: Int
  /// Bytes of outputs and intermediate values, as they are now.
  public var reached: Int
  /// What was asked for.
  public var target: Int
  public var repeats: [Repeat]
  public var splits: [SplitHost.Split]
  /// What a run does more than without.
  public var work: KernelWork

  /// What is said where the target was not reached.
  public var warning: Diagnostic? {
    if reached <= target { return nil }
    return Diagnostic(
      .warning, id: "memory.budget", "a run takes \(reached) bytes, \(reached - target) more than the budget of \(target)",
      hint: "\(reached) bytes are the smallest budget that is known to work")
  }
}
