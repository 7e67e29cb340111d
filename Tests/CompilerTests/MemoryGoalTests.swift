import ApusCompiler
import ApusIR
import ApusInterpreter
import ApusMemory
import ApusRuntime
import ApusSupport
import ApusTensor
import Testing

/// Models that are told how much memory a run may take.
@Suite struct MemoryGoalTests {
  private func module(_ text: String) throws -> Module {
    try Module.parse(SourceText(name: "f.ir", text: "apus-ir 1\n\n\(text)"))
  }

  private func compile(_ text: String, limit: Int? = nil, budget: Int? = nil) throws -> CompiledModel {
    try Compiler(CompilerOptions(threads: 1, memoryLimit: limit, memoryBudget: budget)).compile(module(text))
  }

  /// The first scan is needed at the end. Rows could be scanned one by one but for the scan across them.
  private static func waiting(across: Bool) -> String {
    """
    func @f(%x: s32[8, 1000]) -> s32[8] {
      %0: s32[8, 1000] = scan %x, axis: 1
      %1: s32[8, 1000] = scan %0, axis: \(across ? 0 : 1)
      %2: s32[8, 1000] = scan %1, axis: \(across ? 0 : 1), reverse: true
      %3: s32[8, 1000] = scan %2, axis: \(across ? 0 : 1)
      %4: s32[8, 1000] = add %0, %3
      %5: s32[8, 1000] = scan %4, axis: 1
      %6: s32[8] = reduce_sum %5, axes: [1]
      return %6
    }

    """
  }
  private static let x = Tensor((0..<8000).map { Int32($0 % 7) }, shape: [8, 1000])

  private func check(_ text: String, _ model: CompiledModel) throws {
    let problems = Module(model.loops.scheduled).verify() + model.loops.module.verify()
    #expect(problems.isEmpty)
    try model.validatePlan(inputShapes: [[8, 1000]])
    #expect(try model.executable.run([Self.x]) == Interpreter(module(text)).run([Self.x]))
  }

  @Test func whatIsCheapIsComputedAgain() throws {
    let text = Self.waiting(across: true)
    #expect(try compile(text).plan.peak == 96_000)
    let model = try compile(text, limit: 70_000)
    let reduction = try #require(model.loops.reduction)
    #expect(reduction.repeats.count == 1 && reduction.repeats[0].ops == ["scan"] && reduction.repeats[0].times == 1)
    #expect(reduction.splits.isEmpty && reduction.unlimited == 96_032 && reduction.reached == 64_032)
    #expect(reduction.work == reduction.repeats[0].work && reduction.work.bytes == 64_000)
    #expect(model.plan.peak == 64_000 && model.warnings.isEmpty)
    try check(text, model)
  }

  @Test func batchesAreSplit() throws {
    let text = Self.waiting(across: false)
    let model = try compile(text, limit: 40_000)
    let reduction = try #require(model.loops.reduction)
    #expect(!reduction.splits.isEmpty && reduction.reached <= 40_000)
    try check(text, model)
  }

  @Test func nothingIsDoneWhereThereIsRoom() throws {
    let model = try compile(Self.waiting(across: true), limit: 96_032)
    #expect(model.loops.reduction == nil && model.plan.peak == 96_000)
  }

  /// What a refusal names works, and a byte less does not.
  @Test(arguments: [true, false]) func refusalsNameTheSmallestLimit(_ across: Bool) throws {
    let text = Self.waiting(across: across)
    var smallest = 0
    do {
      _ = try compile(text, limit: 1)
    } catch let error as DiagnosticError {
      #expect(error.diagnostics.map(\.id) == ["limit.memory"])
      smallest = try #require(error.diagnostics[0].hint.flatMap { Int($0.prefix { $0.isNumber }) })
    }
    let model = try compile(text, limit: smallest)
    #expect(model.loops.reduction?.reached == smallest)
    try check(text, model)
    #expect(throws: DiagnosticError.self) { try compile(text, limit: smallest - 1) }
  }

  /// A budget that cannot be kept is missed by as little as was found, with a warning.
  @Test func budgetsAreNoLimits() throws {
    let text = Self.waiting(across: true)
    let model = try compile(text, budget: 1)
    let reduction = try #require(model.loops.reduction)
    #expect(model.warnings.map(\.id) == ["memory.budget"] && model.warnings[0].severity == .warning)
    #expect(model.warnings[0].message == "a run takes \(reduction.reached) bytes, \(reduction.reached - 1) more than the budget of 1")
    try check(text, model)
    #expect(try compile(text, budget: 70_000).warnings.isEmpty)
  }

  /// Reshapes of what is computed again, branches that read it, and what must not move.
  @Test func otherFormsAndRegions() throws {
    let text = """
      func @f(%x: s32[8, 1000], %c: bool[]) -> s32[8] {
        %0: s32[8, 1000] = scan %x, axis: 1
        %view: s32[2, 4, 1000] = reshape %0
        %1: s32[8, 1000] = scan %0, axis: 0
        %2: s32[8, 1000] = scan %1, axis: 0, reverse: true
        %3: s32[8, 1000] = scan %2, axis: 0
        %4: s32[8] = reduce_sum %3, axes: [1]
        %5: s32[8] = if %c {
          %6: s32[8] = reduce_max %0, axes: [1]
          yield %6
        } else {
          yield %4
        }
        %7: s32[2, 4] = reduce_max %view, axes: [2]
        %8: s32[8] = reshape %7
        %9: s32[8] = add %5, %8
        %10: s32[8] = add %9, %4
        return %10
      }

      """
    let module = try self.module(text)
    let model = try compile(text, budget: 70_000)
    #expect(model.loops.reduction?.repeats.isEmpty == false, "\(String(describing: model.loops.reduction))")
    let problems = Module(model.loops.scheduled).verify() + model.loops.module.verify()
    #expect(problems.isEmpty)
    for condition in [true, false] {
      let inputs = [Self.x, Tensor([condition], shape: [])]
      #expect(try model.executable.run(inputs) == Interpreter(module).run(inputs))
    }
  }

  /// What is drawn at random is drawn once, and what is said of a run is said once.
  @Test func effectsHappenOnce() throws {
    let text = """
      func @f(%x: s32[8, 1000], %seed: u64[]) -> s32[8] {
        %r: u32[8, 1000] = random_bits %seed
        %s: s32[8, 1000] = convert %r
        %0: s32[8, 1000] = scan %s, axis: 1
        %1: s32[8, 1000] = scan %0, axis: 0
        %2: s32[8, 1000] = scan %1, axis: 0, reverse: true
        %3: s32[8, 1000] = scan %2, axis: 0
        %4: s32[8, 1000] = add %s, %3
        %5: s32[8] = reduce_sum %4, axes: [1]
        return %5
      }

      """
    let model = try compile(text, budget: 1)
    let random = model.loops.scheduled.allOps().filter { model.loops.scheduled.opcode(of: $0) == .randomBits }
    #expect(random.count == 1)
    let inputs = [Self.x, Tensor([UInt64(7)], shape: [])]
    #expect(try model.executable.run(inputs) == Interpreter(module(text)).run(inputs))
  }

  /// Sizes that only a run knows are not refused before it; those with bounds are planned at their largest.
  @Test func openSizes() throws {
    let text = Self.waiting(across: true).replacing("8, 1000", with: "N, 1000").replacing("s32[8]", with: "s32[N]")
    let open = try compile(text.replacing("s32[N] {", with: "s32[N] where N in 0... {"), limit: 100)
    #expect(open.loops.reduction == nil)
    #expect(throws: DiagnosticError.self) { try Model(open).run([Self.x]) }
    let bounded = try compile(text.replacing("s32[N] {", with: "s32[N] where N in 0...8 {"), limit: 70_000)
    #expect(bounded.loops.reduction?.repeats.count == 1)
    #expect(try Model(bounded).run([Self.x]) == Interpreter(module(text.replacing("s32[N] {", with: "s32[N] where N in 0...8 {"))).run([Self.x]))
  }

  @Test func exactPlansAreNoWorse() throws {
    let text = Self.waiting(across: true)
    let exact = try Compiler(CompilerOptions(threads: 1, planEffort: .exact)).compile(module(text))
    #expect(exact.plan.peak == 96_000 && exact.loops.order?.isProven == true)
  }
}
