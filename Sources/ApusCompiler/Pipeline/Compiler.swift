import ApusBuffers
import ApusIR
import ApusMemory
import ApusPasses
import ApusRuntime
import ApusSupport

/// A module on its way to code: passes, then loops, then the JIT.
public struct Compiler: Sendable {
  public var options: CompilerOptions

  public init(_ options: CompilerOptions = CompilerOptions()) { self.options = options }

  /// Compiles the function that `options` name.
  ///
  /// - Parameter hooks: what is done around each pass; without a clock, passes are timed by the machine's.
  /// Throws `DiagnosticError`; `custom.unregistered` for an operation that is not in `options`.
  public func compile(
    _ module: Module, timing: Timing = Timing(), hooks: Pipeline.Hooks = Pipeline.Hooks()
  ) throws -> CompiledModel {
    var timing = timing
    try module.reaching(from: options.function).throwIfUnregistered(options.operations)
    let (host, reports) = try fuse(module, timing: &timing, hooks: hooks)
    let loops = try LoopsModule(lowering: host, on: options.machine, memory: options.memoryGoal, timing: &timing)
    let pool = ThreadPool(threads: options.threadCount)
    let limit = options.memoryBytes
    let executable = try loops.link(
      on: options.machine, effort: options.effort, pool: pool, operations: options.operations,
      options: Executable.Options(allocationLimit: limit, arenaLimit: limit), timing: &timing)
    return CompiledModel(
      executable: executable, host: host, loops: loops, passes: reports, timing: timing, memoryLimit: limit)
  }

  /// Everything up to phase `fused`: the host function.
  ///
  /// Throws `DiagnosticError`; `compile.phase` when the passes leave the function in another phase than `fused`.
  public func fuse(
    _ module: Module, timing: inout Timing, hooks: Pipeline.Hooks = Pipeline.Hooks()
  ) throws -> (host: Function, passes: [Pipeline.Report]) {
    var hooks = hooks
    let start = ContinuousClock.now
    if hooks.clock == nil { hooks.clock = { ContinuousClock.now - start } }
    var module = try module.reaching(from: options.function)
    guard module.functions[0].phase != .loops else {
      throw DiagnosticError(
        .unsupported, id: "compile.phase", "@\(module.functions[0].name) is in phase loops already",
        hint: "only the interpreter runs it")
    }
    // Callees are part of the host from here on: no pass needs to see them again.
    let reports = try timing.measure("passes") {
      let inlining = try Pipeline([inlineCalls]).run(on: &module)
      let host = module.functions[0].name
      module.keep { $0.name == host }
      return try inlining + options.passes.run(on: &module, hooks)
    }
    let host = module.functions[0]
    guard host.phase == .fused else {
      throw DiagnosticError(
        id: "compile.phase", "the passes leave @\(host.name) in phase \(host.phase.rawValue), not fused",
        hint: "the standard passes are \(Passes.standard)")
    }
    return (host, reports)
  }
}

/// A compiled function, and how it came about.
public struct CompiledModel: Sendable {
  public let executable: Executable
  /// The function in phase `fused`, before schedules were chosen.
  public let host: Function
  /// What the code was made of.
  public let loops: LoopsModule
  public let passes: [Pipeline.Report]
  public let timing: Timing
  /// Bytes that one run may use.
  public let memoryLimit: Int

  /// What there is to say of a model that runs all the same: `memory.budget` where a run takes more than it should.
  public var warnings: [Diagnostic] { [loops.reduction?.warning].compactMap { $0 } }

  /// Which intermediate values share memory.
  public var plan: ArenaPlan { loops.plan }
}

extension CompiledModel {
  /// Checks, by a sweep that shares nothing with the planner, that no two values that are alive together share memory for
  /// inputs of these shapes.
  ///
  /// Throws `memory.invalid`, and what the shapes are refused with.
  public func validatePlan(inputShapes: [[Int]]) throws {
    let (problem, numbers) = try loops.planned(inputShapes)
    try ApusMemory.validate(numbers, for: problem)
  }
}
