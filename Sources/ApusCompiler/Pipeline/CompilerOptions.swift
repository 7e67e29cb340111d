import ApusPasses
import ApusRuntime
import ApusTarget

/// What a compilation may be told. The defaults suit this process on this machine.
public struct CompilerOptions: Sendable {
  /// The machine to compile for: this one, or less of it.
  public var machine: Machine
  /// Threads that a run may use; `nil` is what the machine and its limits offer.
  public var threads: Int?
  /// The function that runs; `nil` is the module's first.
  public var function: String?
  /// What the module goes through before it is lowered. Its result must be in phase `fused`.
  public var passes: Pipeline
  /// Bytes that one run may use for outputs and intermediate values; `nil` is what the machine has. The planner of memory works
  /// towards it, recomputes values and splits batches for it; a model of known sizes that it cannot plan so is refused with `limit.memory`.
  public var memoryLimit: Int?
  /// Bytes that one run should not exceed for outputs and intermediate values. The planner works towards them as towards
  /// `memoryLimit`; where they cannot be reached, the best plan is taken, and ``CompiledModel/warnings`` say by how much it is above.
  public var memoryBudget: Int?
  /// How hard the planner looks for an order of the kernels and for offsets.
  public var planEffort: MemoryGoal.Effort
  /// What `custom_call` finds by name.
  public var operations: CustomOperations
  /// What goes into the speed of the code, and away from that of the compilation.
  public var effort: CodeEffort

  public init(
    machine: Machine = .host(), threads: Int? = nil, function: String? = nil, passes: Pipeline = Passes.standard,
    memoryLimit: Int? = nil, memoryBudget: Int? = nil, planEffort: MemoryGoal.Effort = .fast,
    operations: CustomOperations = CustomOperations(), effort: CodeEffort = .full
  ) {
    self.machine = machine
    self.threads = threads
    self.function = function
    self.passes = passes
    self.memoryLimit = memoryLimit
    self.memoryBudget = memoryBudget
    self.planEffort = planEffort
    self.operations = operations
    self.effort = effort
  }

  /// The threads that a run uses.
  public var threadCount: Int { max(1, threads ?? machine.availableThreads) }

  /// The bytes that a run may use.
  public var memoryBytes: Int { memoryLimit ?? machine.usableMemoryBytes }

  /// What the planner of memory works towards.
  public var memoryGoal: MemoryGoal { MemoryGoal(limit: memoryLimit, budget: memoryBudget, effort: planEffort) }

  /// Also lets the passes rewrite where that changes −0, NaN or rounding.
  public mutating func allowFastMath() {
    for index in passes.steps.indices {
      let pass = passes.steps[index].pass
      if pass.parameters.contains(where: { $0.name == "fast-math" }) {
        passes.steps[index] = Pipeline.Step(pass, setting: ["fast-math": .bool(true)])
      }
    }
  }
}
