import ApusIR
import ApusPasses
import ApusSupport
import ApusTarget

/// What `apus opt` does to a module: passes, then phases, then text.
public struct Optimization: Sendable {
  /// After which passes the module is shown.
  public enum Shown: Sendable, Hashable {
    case none
    case after(String)
    case all
  }

  public var passes: Pipeline
  /// The phase that the module is taken to after the passes; `nil` leaves it where they do.
  public var phase: Phase?
  public var machine: Machine
  public var shown = Shown.none
  public var verifiesEach = false
  /// Compares the meaning before and after each pass.
  public var comparesEach = false

  /// - Parameter passes: the text of a pipeline.
  /// Throws `passes.syntax`, `passes.unknown`, `passes.argument`.
  public init(passes: String = "", phase: Phase? = nil, machine: Machine = .host()) throws(DiagnosticError) {
    self.passes = try Pipeline.parse(passes)
    self.phase = phase
    self.machine = machine
  }

  /// The names of all passes and pipelines, with one line about each.
  public static var listing: [(name: String, summary: String)] {
    Passes.all.map { ($0.name, $0.summary) }
      + Passes.pipelines.sorted { $0.key < $1.key }.map { ($0.key, "the passes \($0.value)") }
  }

  /// Runs the passes and takes the module to the phase.
  ///
  /// - Parameter show: gets the name of a pass and the text after it.
  /// Throws `DiagnosticError`.
  public func run(
    on module: inout Module, timing: inout Timing, show: (_ pass: String, _ text: String) -> Void = { _, _ in }
  ) throws {
    try withoutActuallyEscaping(show) { show in
      let start = ContinuousClock.now
      var hooks = Pipeline.Hooks(clock: { ContinuousClock.now - start })
      let shown = shown
      hooks.afterPass = { pass, module in
        if shown == .all || shown == .after(pass.name) { show(pass.name, module.text()) }
      }
      if verifiesEach { hooks.verify = { try $0.throwIfInvalid() } }
      if comparesEach { hooks.compare = { try SemanticCheck().compare($0, $1) } }
      for report in try passes.run(on: &module, hooks) { timing.add(report.pass, report.duration) }
      if let phase { try take(&module, to: phase, hooks, &timing) }
    }
  }

  private func take(_ module: inout Module, to phase: Phase, _ hooks: Pipeline.Hooks, _ timing: inout Timing) throws {
    guard let host = module.functions.first else { return }
    if host.phase == phase { return }
    switch phase {
    case .graph:
      throw DiagnosticError(id: "phase.order", "@\(host.name) is in phase \(host.phase.rawValue): there is no way back")
    case .fused:
      guard host.phase == .graph else {
        throw DiagnosticError(id: "phase.order", "@\(host.name) is in phase loops: there is no way back")
      }
      module = Module(try Compiler(CompilerOptions(machine: machine)).fuse(module, timing: &timing, hooks: hooks).host)
    case .loops:
      if host.phase == .graph { try take(&module, to: .fused, hooks, &timing) }
      let fused = module.functions[0]
      module = try LoopsModule(lowering: fused, on: machine, memory: MemoryGoal(), timing: &timing).module
    }
    if verifiesEach { try module.throwIfInvalid() }
  }
}
