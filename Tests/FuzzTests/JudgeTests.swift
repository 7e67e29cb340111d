import ApusIR
import ApusPasses
import ApusSupport
import ApusTarget
import ApusTensor
import Testing

@testable import ApusFuzz

@Suite struct JudgeTests {
  @Test func drawnGraphsPass() throws {
    var generator = GraphGenerator()
    let judge = Judge()
    var (failures, useless) = ([String](), [String]())
    for seed in 0..<40 as Range<UInt64> {
      let module = generator.module(seed: seed, ops: 1 + Int(seed % 6))
      do {
        if let failure = try judge.judge(FuzzCase(module, seed: seed)) {
          failures.append("seed \(seed): \(failure.key) \(failure.detail.prefix(600))\n\(module.text().prefix(3000))")
        }
      } catch {
        useless.append("seed \(seed): \(error)")
      }
    }
    #expect(failures.isEmpty, "\(failures.count): \(failures.joined(separator: "\n----\n"))")
    #expect(useless.count <= 3, "\(useless)")
  }

  /// What reads a scalar behind the last whole vector must not read a vector: the inputs end where memory ends.
  @Test(arguments: CodeEffort.allCases) func scalarsAreReadAsSuch(_ effort: CodeEffort) throws {
    let text = """
      apus-ir 1

      func @f(%x: f32[33], %y: f32[33]) -> f32[33] {
        %0: bool[33] = convert %y
        %1: f32[33] = select %0, %x, %y
        return %1
      }
      """
    let judge = Judge()
    judge.efforts = [effort]
    #expect(try judge.judge(FuzzCase(Module.parse(SourceText(name: "case.ir", text: text)), seed: 1)) == nil)
  }

  @Test func loopsWithoutEndSayNothing() throws {
    let text = """
      apus-ir 1

      func @f(%x: s32[]) -> s32[] {
        %0: s32[] = while %1 = %x {
          %2: bool[] = equal %1, %1
          continue %2
        } do {
          yield %1
        }
        return %0
      }
      """
    let module = try Module.parse(SourceText(name: "f.ir", text: text))
    let error = #expect(throws: DiagnosticError.self) { try Judge().judge(FuzzCase(module, seed: 1)) }
    #expect(error?.diagnostics.first?.id == "limit.steps")
  }

  /// What the interpreter fails at must fail elsewhere too, where the results need it.
  @Test func failuresAreJudged() throws {
    func reference(returning result: String) throws -> Reference {
      let text = """
        apus-ir 1

        func @f(%x: f32[4], %i: s32[2]) -> \(result == "%x" ? "f32[4]" : "f32[2]") {
          %0: f32[2] = gather %x, %i, axis: 0
          return \(result)
        }
        """
      let module = try Module.parse(SourceText(name: "f.ir", text: text))
      return try Reference(module, [Tensor([Float(1), 2, 3, 4]), Tensor([Int32(0), 4])])
    }
    let (needed, unneeded) = (try reference(returning: "%0"), try reference(returning: "%x"))
    #expect(!needed.hasResults && !unneeded.hasResults)
    let results = RunOutcome.results([Tensor([Float(1), 0])])
    #expect(needed.contradiction(results) == "must fail with index.range, and has results")
    #expect(unneeded.contradiction(results) == nil)
    #expect(needed.contradiction(.failure(id: "index.range", "")) == nil)
    #expect(needed.contradiction(.failure(id: "assert.failed", "")) == nil)
    #expect(needed.contradiction(.failure(id: "run.internal", ""))?.contains("run.internal") == true)
  }
}
