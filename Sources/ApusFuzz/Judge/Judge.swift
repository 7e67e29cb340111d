import ApusCompiler
import ApusIR
import ApusInterpreter
import ApusPasses
import ApusRuntime
import ApusSupport
import ApusTarget
import ApusTensor

/// Runs a case through everything that must agree.
///
/// One judge serves one thread of a campaign: it keeps the thread pools.
public final class Judge {
  /// What is left out: `loops` is slow, for instance.
  public var oracles: Set<Oracle>
  /// Called before each step with what it is for: the last one tells where a process has ended.
  public var onStep: (Oracle, _ pass: String?) -> Void = { _, _ in }
  /// The modules with one mistake that were tried.
  public private(set) var violations = ViolationGenerator()
  /// Graphs with larger values cost the interpreter much.
  private static let mostElements = 1 << 13
  /// Modules with a mistake that come with each case: they take next to no time.
  private static let violationsOfCase = 4
  /// How much goes into the code that is run; each by itself.
  public var efforts: [CodeEffort] = CodeEffort.allCases
  /// What the compiler made of the last case on the way, in order.
  public private(set) var stages: [Stage] = []

  /// A module on its way to code, and what it has just been through: a pass that changed it, or `lower`.
  public struct Stage: Sendable {
    public let name: String
    public let module: Module
  }
  /// Another program, which is then all that is judged.
  private let target: TargetJudge?
  private let one = ThreadPool(threads: 1)
  private let two = ThreadPool(threads: 2)

  public init(oracles: Set<Oracle> = Set(Oracle.judged), target: TargetJudge? = nil) {
    self.oracles = oracles
    self.target = target
  }

  /// The first thing that is wrong; `nil` where all agree.
  ///
  /// Throws what says nothing about the compiler, as when no inputs are found or a run takes too long.
  public func judge(_ fuzzCase: FuzzCase) throws -> Failure? {
    stages = []
    if let target { return try judge(fuzzCase, target) }
    if let failure = checkViolation(fuzzCase.seed) { return failure }
    if let failure = checkSizes(fuzzCase) { return failure }
    if let failure = checkText(fuzzCase.module) { return failure }
    guard [.verifier, .passes, .compile].contains(where: checks) else { return nil }
    var inputs = InputDrawing(seed: fuzzCase.seed)
    guard let main = fuzzCase.module.functions.first else { return nil }
    onStep(.passes, nil)
    let isLarge = Self.elements(main) > Self.mostElements
    let references = try (0..<(isLarge ? 1 : 2)).map { _ in try Reference(fuzzCase.module, inputs.inputs(of: main)) }
    // The interpreter, which takes most of the time, looks at what comes out in the end, not at what each pass leaves.
    let chosen = oracles
    defer { oracles = chosen }
    if isLarge { oracles.subtract([.passes, .loops]) }
    if let failure = try checkPasses(fuzzCase, Self.one(of: references, fuzzCase)) { return failure }
    for effort in efforts {
      if let failure = try checkCode(fuzzCase, effort, references) { return failure }
    }
    return nil
  }

  private func judge(_ fuzzCase: FuzzCase, _ target: TargetJudge) throws -> Failure? {
    onStep(.target, nil)
    var drawing = InputDrawing(seed: fuzzCase.seed)
    guard let main = fuzzCase.module.functions.first else { return nil }
    return try target.judge(fuzzCase.module, [try drawing.inputs(of: main), try drawing.inputs(of: main)])
  }

  /// What the interpreter runs on the way to code, which is then run on all inputs.
  private static func one(of references: [Reference], _ fuzzCase: FuzzCase) -> Reference {
    references[Int(fuzzCase.seed % UInt64(references.count))]
  }

  private func checks(_ oracle: Oracle) -> Bool { oracles.contains(oracle) }

  // MARK: Text and passes

  private func checkViolation(_ seed: UInt64) -> Failure? {
    guard checks(.violations) else { return nil }
    onStep(.violations, nil)
    var draw = Draw(seed: seed)
    for _ in 0..<Self.violationsOfCase {
      guard let violation = violations.violation(seed: draw.seed()), let problem = violation.disagreement else { continue }
      return Failure(.violations, after: violation.rule, "\(problem)\n\(violation.module.text())")
    }
    return nil
  }

  private func checkSizes(_ fuzzCase: FuzzCase) -> Failure? {
    guard checks(.sizes) else { return nil }
    onStep(.sizes, nil)
    for function in fuzzCase.module.functions {
      if let problem = SizeFacts(function).problem(seed: fuzzCase.seed) { return Failure(.sizes, problem) }
    }
    return nil
  }

  private func checkText(_ module: Module) -> Failure? {
    onStep(.verifier, nil)
    if checks(.verifier), let problem = Self.problem(module) { return Failure(.verifier, problem) }
    guard checks(.text) else { return nil }
    onStep(.text, nil)
    let document = module.document()
    do {
      let again = try Module.parse(SourceText(name: "case.ir", text: document.text), constants: MemoryConstants(document))
      let printed = again.text()
      return printed == document.text ? nil : Failure(.text, "printed, read and printed again:\n\(printed)")
    } catch {
      return Failure(.text, "what is printed cannot be read: \(error)")
    }
  }

  static func problem(_ module: Module) -> String? {
    let found = module.verify()
    return found.isEmpty ? nil : "\(DiagnosticError(found))"
  }

  /// Each pass of the case by itself: the verifier and the interpreter look at what it leaves.
  private func checkPasses(_ fuzzCase: FuzzCase, _ reference: Reference) throws -> Failure? {
    guard checks(.passes) || checks(.verifier) else { return nil }
    var module = fuzzCase.module
    for step in fuzzCase.passes.steps {
      let name = step.pass.name
      onStep(.passes, name)
      let isChanged: Bool
      do {
        isChanged = try step.pass.run(on: &module, step.arguments)
      } catch {
        return Failure(.compile, after: name, "\(error)")
      }
      guard isChanged else { continue }
      stages.append(Stage(name: name, module: module))
      if checks(.verifier), let problem = Self.problem(module) { return Failure(.verifier, after: name, problem) }
      guard checks(.passes) else { continue }
      let outcome = try RunOutcome { try Reference.interpreter(module).run(reference.inputs) }
      if let problem = reference.contradiction(outcome) { return Failure(.passes, after: name, problem) }
    }
    return nil
  }

  // MARK: Generated code

  private static let options = CompilerOptions(threads: 1, memoryLimit: 1 << 28, operations: FuzzOperations.compiled)

  private func compile(_ fuzzCase: FuzzCase, _ effort: CodeEffort) throws -> CompiledModel {
    var options = Self.options
    options.passes = fuzzCase.passes
    options.effort = effort
    return try Compiler(options).compile(fuzzCase.module)
  }

  private func checkCode(_ fuzzCase: FuzzCase, _ effort: CodeEffort, _ references: [Reference]) throws -> Failure? {
    guard checks(.compile) else { return nil }
    onStep(.compile, nil)
    let model: CompiledModel
    do {
      model = try compile(fuzzCase, effort)
    } catch let error as DiagnosticError {
      return Failure(.compile, "\(error)")
    }
    if effort == efforts.first {
      stages.append(Stage(name: "lower", module: model.loops.module))
      if let failure = try checkPlan(model, references) { return failure }
      if let failure = try checkLoops(model, Self.one(of: references, fuzzCase)) { return failure }
    }
    guard checks(.code) else { return nil }
    let executables = [model.executable.on(two), model.executable.on(one)]
    var firsts: [RunOutcome] = []
    for reference in references {
      onStep(.code, nil)
      let copies = try reference.inputs.map { try $0.copied() }
      let outcome = try RunOutcome { try executables[0].run(reference.inputs) }
      if let problem = reference.contradiction(outcome) { return Failure(.code, problem) }
      if checks(.inputs), copies != reference.inputs { return Failure(.inputs, "an input has changed") }
      firsts.append(outcome)
    }
    if let failure = try checkReplay(executables, references, firsts) { return failure }
    if let failure = try checkMemory(model, effort, references, firsts) { return failure }
    return try checkDeterminism(fuzzCase, effort, references, firsts)
  }

  /// A, then B, then A again; and on one thread.
  private func checkReplay(
    _ executables: [Executable], _ references: [Reference], _ firsts: [RunOutcome]
  ) throws -> Failure? {
    for (reference, first) in zip(references, firsts) {
      if checks(.threads) {
        onStep(.threads, nil)
        let guarded = try reference.inputs.map { try GuardedMemory.copy($0) }
        let outcome = try RunOutcome { try executables[1].run(guarded) }
        if !outcome.isSame(as: first) { return Failure(.threads, Self.difference(first, outcome)) }
      }
      guard checks(.replay) else { continue }
      onStep(.replay, nil)
      let again = try RunOutcome { try executables[0].run(reference.inputs) }
      if !again.isSame(as: first) { return Failure(.replay, Self.difference(first, again)) }
    }
    return nil
  }

  /// In memory that is full of one byte and then of another, where values share the arena and where they do not.
  private func checkMemory(
    _ model: CompiledModel, _ effort: CodeEffort, _ references: [Reference], _ firsts: [RunOutcome]
  ) throws -> Failure? {
    var codes: [(Oracle, Executable, LoopsModule)] = []
    if checks(.memory) { codes.append((.memory, model.executable.on(two), model.loops)) }
    if checks(.arena), !model.plan.entries.isEmpty {
      onStep(.arena, nil)
      var timing = Timing()
      let loops = try model.loops.spreadOut(space: PoisonedMemory.space)
      let code = try loops.link(
        on: Self.options.machine, effort: effort, pool: two, operations: Self.options.operations, timing: &timing)
      codes.append((.arena, code, loops))
    }
    for (oracle, code, loops) in codes {
      onStep(oracle, nil)
      for (reference, first) in zip(references, firsts) {
        let problem = try PoisonedMemory.problem(code, loops, reference.inputs, first)
        if let problem { return Failure(oracle, problem) }
      }
    }
    return nil
  }

  private func checkDeterminism(
    _ fuzzCase: FuzzCase, _ effort: CodeEffort, _ references: [Reference], _ firsts: [RunOutcome]
  ) throws -> Failure? {
    guard checks(.determinism) else { return nil }
    onStep(.determinism, nil)
    let again = try compile(fuzzCase, effort).executable.on(one)
    for (reference, first) in zip(references, firsts) {
      let outcome = try RunOutcome { try again.run(reference.inputs) }
      if !outcome.isSame(as: first) { return Failure(.determinism, Self.difference(first, outcome)) }
    }
    return nil
  }

  private func checkPlan(_ model: CompiledModel, _ references: [Reference]) throws -> Failure? {
    guard checks(.plan) else { return nil }
    onStep(.plan, nil)
    for reference in references where reference.hasResults {
      do {
        try model.validatePlan(inputShapes: reference.inputs.map(\.shape))
      } catch {
        return Failure(.plan, "\(error)")
      }
    }
    return nil
  }

  private func checkLoops(_ model: CompiledModel, _ reference: Reference) throws -> Failure? {
    guard checks(.loops) else { return nil }
    onStep(.loops, nil)
    if let problem = Self.problem(model.loops.module) { return Failure(.verifier, after: "lower", problem) }
    let outcome = try RunOutcome { try Reference.interpreter(model.loops.module).run(reference.inputs) }
    return reference.contradiction(outcome).map { Failure(.loops, $0) }
  }

  static func difference(_ first: RunOutcome, _ again: RunOutcome) -> String {
    guard case .results(let a) = first, case .results(let b) = again else { return "\(first), then \(again)" }
    for (index, (x, y)) in zip(a, b).enumerated() where x != y {
      for element in 0..<min(x.count, y.count) where x.scalar(at: element) != y.scalar(at: element) {
        return "element \(element) of result \(index) is \(x.scalar(at: element)), then \(y.scalar(at: element))"
      }
    }
    return "NaN of other bits"
  }
}

extension Judge {
  /// The elements of a function's largest value on inputs as they are drawn.
  private static func elements(_ function: Function) -> Int {
    var most = 0
    function.forEachOp { op in
      for value in function.results(of: op) {
        let count = try? Dim.product(function.type(of: value).dims).evaluate { symbol in
          let bounds = function.symbols[symbol].bounds
          return min(bounds.upper ?? .max, max(bounds.lower ?? 0, 0) + InputDrawing.mostAboveLeast)
        }
        most = max(most, count ?? 0)
      }
    }
    return most
  }
}
