import Foundation
import Testing

@Suite struct VerbTests {
  private let digits = "Examples/digits/digits.apus"

  @Test func check() throws {
    let text = try Command("check", digits)
    #expect(text.status == 0)
    #expect(text.output.contains("input images: f32[B, 1, 8, 8]") && text.output.contains("peak memory: "))
    let json = try Command("check", digits, "--json").json()
    #expect(json["constant_bytes"] as? Int == 153_128)
    #expect(try #require(json["peak_bytes"] as? Int) > 4096 * 64 * 4)
    #expect((json["problems"] as? [Any])?.isEmpty == true)
  }

  @Test func types() throws {
    let lines = try Command("types", digits, "--function", "network").output.split(separator: "\n")
    #expect(lines.first == "images\tFLOAT\t?,1,8,8")
    #expect(lines.contains("w1\tFLOAT\t16,1,3,3"))
    let evaluate = try Command("types", digits, "--function", "evaluate").output
    #expect(evaluate.contains("labels\tINT64\t?\n") && evaluate.contains("accuracy\tFLOAT\tscalar\n"))
  }

  @Test func ops() throws {
    let list = try Command("ops")
    #expect(list.status == 0 && list.output.contains("  softmax(x: [..s]T"))
    let one = try Command("ops", "concat")
    #expect(one.output.hasPrefix("concat(") && one.output.contains("concat.C1"))
    let none = try Command("ops", "sofmax")
    #expect(none.status == 1 && none.errors.contains("error[op.unknown]"))
  }

  @Test func bench() throws {
    let run = try Command(
      "bench", digits, "--batch", "2", "--iterations", "3", "--warmup", "0", "--threads", "1", "--json")
    #expect(run.status == 0)
    let json = try run.json()
    for name in ["median_ms", "min_ms", "first_result_s", "compile_ms", "peak_rss_mb"] {
      #expect(try #require(json[name] as? Double) > 0, "\(name)")
    }
    #expect(json["threads"] as? Int == 1 && json["iterations"] as? Int == 3 && json["schema_version"] as? Int == 1)
    #expect((json["machine"] as? [String: Any])?["cpu"] is String)
  }

  @Test func doctor() throws {
    let json = try Command("doctor", "--json").json()
    #expect(json["compiler"] as? String == "works")
    #expect(try #require(json["usable_threads"] as? Int) >= 1)
  }

  @Test func knobs() throws {
    let text = try Command(["list-knobs"], environment: ["APUS_THREADS": "1", "APUS_MAX_MEMORY": "64m"]).output
    #expect(text.contains("threads\t1\tAPUS_THREADS\t"))
    #expect(text.contains("max-memory\t67108864\tAPUS_MAX_MEMORY\t"))
    let wrong = try Command(["list-knobs"], environment: ["APUS_MAX_MEMORY": "lots"])
    #expect(wrong.status == 1 && wrong.errors.contains("error[environment.memory]"))
    let flag = try Command(
      ["bench", digits, "--threads", "1", "--iterations", "1", "--json"], environment: ["APUS_THREADS": "2"])
    #expect(try flag.json()["threads"] as? Int == 1)
  }
}
