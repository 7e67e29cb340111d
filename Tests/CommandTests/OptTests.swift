import Foundation
import Testing

@Suite struct OptTests {
  private let double = """
    apus-ir 1

    func @f(%x: f32[N]) -> f32[N] where N in 0...100 {
      %0: f32[N] = constant 0.0
      %1: f32[N] = add %x, %x
      %2: f32[N] = exp %1
      return %2
    }

    """

  @Test func printsWhatItReads() throws {
    let run = try Command(["opt", "-"], input: double)
    #expect(run.status == 0 && run.output == double)
  }

  @Test func runsPasses() throws {
    let run = try Command(["opt", "-", "--passes", "dce", "--verify-each", "--verify-semantics"], input: double)
    #expect(run.status == 0, "\(run.errors)")
    #expect(!run.output.contains("constant") && run.output.contains("exp"))
    let fused = try Command(["opt", "-", "--passes=standard", "--timing", "--print-ir-after=all"], input: double)
    #expect(fused.output.contains("phase fused") && fused.output.contains("kernel"))
    #expect(fused.errors.contains("// ----- after form-kernels") && fused.errors.contains("total: "))
  }

  @Test func goesToPhases() throws {
    let fused = try Command(["opt", "-", "--to=fused"], input: double)
    #expect(fused.output.contains("phase fused"))
    let loops = try Command(["opt", "-", "--to=loops"], input: double)
    #expect(loops.output.contains("phase loops") && loops.output.contains("launch"))
    let again = try Command(["opt", "-"], input: loops.output)
    #expect(again.status == 0 && again.output == loops.output)
    let back = try Command(["opt", "-", "--to=graph"], input: loops.output)
    #expect(back.status == 1 && back.errors.contains("error[phase.order]"))
  }

  @Test func writesToAFile() throws {
    let scratch = try Scratch()
    let run = try Command(["opt", "-", "-o", scratch.path("o.ir")], input: double)
    #expect(run.status == 0 && run.output == "")
    #expect(try String(contentsOfFile: scratch.path("o.ir"), encoding: .utf8) == double)
  }

  @Test func writesConstantsBesideTheText() throws {
    let scratch = try Scratch()
    let digits = "Examples/digits/digits.apus"
    let fused = try Command("opt", digits, "--to=fused", "-o", scratch.path("d.ir"))
    #expect(fused.status == 0, "\(fused.errors)")
    let held = "Examples/digits/heldout.npz"
    let run = try Command(
      "run", scratch.path("d.ir"), "--inputs", held, "--expect", "probabilities=\(held):expected")
    #expect(run.status == 0, "\(run.errors)")
  }

  @Test func printsMLIR() throws {
    let run = try Command(["opt", "-", "--emit=mlir"], input: double)
    #expect(run.status == 0 && run.output.contains("\"apus.exp\"("), "\(run.output)\(run.errors)")
    #expect(try Command(["opt", "-", "--emit=xml"], input: double).status == 3)
  }

  @Test func namesUnknownPasses() throws {
    let run = try Command(["opt", "-", "--passes", "canonicalise"], input: double)
    #expect(run.status == 1 && run.errors.contains("error[passes.unknown]"))
    #expect(try Command(["opt", "-", "--print-ir-after", "nothing"], input: double).status == 1)
  }

  @Test func splitsAndVerifiesDiagnostics() throws {
    let wrong = """
      apus-ir 1
      func @g(%x: f32[2, 3]) -> f32[2, 2] {
        %0: f32[2, 2] = matmul %x, %x  // error: matmul.k
        return %0
      }
      """
    let both = double + "// -----\n" + wrong
    let stated = try Command(["opt", "-", "--split-input-file", "--verify-diagnostics"], input: both)
    #expect(stated.status == 0, "\(stated.errors)")
    let unstated = try Command(["opt", "-", "--split-input-file"], input: both)
    #expect(unstated.status == 1 && unstated.errors.contains("<stdin>:12:"), "\(unstated.errors)")
    let missing = try Command(
      ["opt", "-", "--verify-diagnostics"], input: double.replacing("exp %1", with: "exp %1  // error: a.b"))
    #expect(missing.status == 1 && missing.errors.contains("error[verify.missing]"))
  }
}
