import Foundation
import Testing

@Suite struct ReduceTests {
  private let model = """
    // a model
    // passes: canonicalize,cse,dce
    // seed: 7
    apus-ir 1

    func @main(%x: f32[B, 6], %flag: bool[]) -> (f32[B, 6], f32[B]) where B in 1...64 {
      %0: f32[B, 6] = exp %x
      %1: f32[B, 6] = if %flag {
        %2: f32[B, 6] = softmax %0, axis: 1
        yield %2
      } else {
        yield %x
      }
      %3: f32[B] = reduce_sum %1, axes: [1]
      return %1, %3
    }

    """

  @Test func keepsWhatTheCommandAsksFor() throws {
    let scratch = try Scratch()
    let file = try scratch.file("m.ir", model)
    let run = try Command("reduce", file, "--test", "grep -q softmax {}", "-o", scratch.path("o.ir"))
    #expect(run.status == 0 && run.output.contains("o.ir: 1 op"), "\(run.output)\(run.errors)")
    #expect(run.output.contains("before: 4 ops and 3 passes"), "\(run.output)")
    let left = try String(contentsOfFile: scratch.path("o.ir"), encoding: .utf8)
    #expect(left.hasPrefix("// a model\n// passes: \n// seed: 7\napus-ir 1\n") && left.contains("softmax"), "\(left)")
    #expect(try Command("opt", scratch.path("o.ir")).status == 0)
    // Without {} the path comes last.
    let appended = try Command("reduce", file, "--test", "grep -q reduce_sum", "-o", scratch.path("a.ir"))
    #expect(appended.status == 0 && appended.output.contains("a.ir: 1 op"), "\(appended.errors)")
  }

  @Test func reducesPasses() throws {
    let scratch = try Scratch()
    let file = try scratch.file("it's.ir", model)
    let test = "case {passes} in *form-kernels*fuse-outputs*) grep -q exp {};; *) false;; esac"
    let run = try Command("reduce", file, "--passes", "standard", "--test", test, "-o", scratch.path("o.ir"))
    #expect(run.status == 0 && run.output.contains("passes: form-kernels,fuse-outputs"), "\(run.output)\(run.errors)")
  }

  @Test func runsTheCommandItself() throws {
    let scratch = try Scratch()
    _ = try scratch.file("m.ir", model)
    let script = """
      cd '\(scratch.url.path)' && "$APUS" reduce m.ir --max-tries 200 \
        --test '"$APUS" opt {} --passes standard 2>/dev/null | grep -q "exp %"' && ls
      """
    let run = try Command(shell: script)
    #expect(run.status == 0 && run.output.contains("m.reduced.ir: 1 op"), "\(run.output)\(run.errors)")
  }

  @Test func wantsAnInterestingModel() throws {
    let scratch = try Scratch()
    let file = try scratch.file("m.ir", model)
    let run = try Command("reduce", file, "--test", "echo why >&2; grep -q matmul {}", "-o", scratch.path("o.ir"))
    #expect(run.status == 1 && run.errors.contains("error[reduce.test]") && run.errors.contains("why"), "\(run.errors)")
    #expect(!FileManager.default.fileExists(atPath: scratch.path("o.ir")))
    let late = try Command("reduce", file, "--test", "sleep 60; true", "--test-timeout", "100ms")
    #expect(late.status == 1 && late.errors.contains("longer than"), "\(late.errors)")
    #expect(try Command("reduce", file).status == 3)
    #expect(try Command("reduce", file, "--test", " ").status == 3)
    #expect(try Command("reduce", scratch.path("none.ir"), "--test", "true").status == 1)
    #expect(try Command("reduce", file, "--test", "true", "--passes", "nothing").status == 1)
  }

  @Test func keepsConstantsBesideTheText() throws {
    let scratch = try Scratch()
    let values = (0..<100).map { "\($0)" }.joined(separator: ", ")
    let file = try scratch.file(
      "w.ir",
      """
      apus-ir 1

      func @main(%x: s32[100]) -> s32[100] {
        %w: s32[100] = constant [\(values)]
        %0: s32[100] = add %x, %w
        %1: s32[100] = neg %0
        return %1
      }

      """)
    let run = try Command("reduce", file, "--test", "test -s {}.bin && grep -q add {}", "-o", scratch.path("o.ir"))
    #expect(run.status == 0 && run.output.contains("1 op"), "\(run.output)\(run.errors)")
    #expect(try Command("opt", scratch.path("o.ir")).status == 0)
    let graph = try Command(
      "reduce", "Examples/digits/digits.apus", "--test", "grep -q matmul {}", "-o", scratch.path("g.ir"))
    #expect(graph.status == 0 && graph.output.contains("1 op"), "\(graph.output)\(graph.errors)")
  }
}
