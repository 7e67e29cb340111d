import ApusCompiler
import ApusRuntime
import ApusSupport

/// How a model is compiled and run.
public struct ModelOptions: Sendable {
  /// The function that runs; `nil` is the first that no other calls.
  public var function: String?
  /// Threads of a run, the caller's included; `nil` is what the machine and its limits offer.
  public var threads: Int?
  /// Bytes that a run may use for outputs and intermediate values; `nil` is what the machine has. Where a run needs more, values are
  /// computed again, or batches in parts; a model that needs more all the same is refused with `limit.memory`.
  public var memoryLimit: Int?
  /// Bytes that a run should use at most: as `memoryLimit`, but a model that needs more runs all the same.
  public var memoryBudget: Int?
  /// Also rewrites where that changes −0, NaN or rounding.
  public var fastMath: Bool
  /// What `custom_call` finds by name.
  public var operations: [CustomOperation]

  public init(
    function: String? = nil, threads: Int? = nil, memoryLimit: Int? = nil, memoryBudget: Int? = nil, fastMath: Bool = false,
    operations: [CustomOperation] = []
  ) {
    self.function = function
    self.threads = threads
    self.memoryLimit = memoryLimit
    self.memoryBudget = memoryBudget
    self.fastMath = fastMath
    self.operations = operations
  }

  /// Throws `custom.duplicate`.
  func compilerOptions() throws(DiagnosticError) -> CompilerOptions {
    var options = CompilerOptions(
      threads: threads, function: function, memoryLimit: memoryLimit, memoryBudget: memoryBudget,
      operations: try CustomOperations(operations))
    if fastMath { options.allowFastMath() }
    return options
  }
}
