import Foundation
import Testing

@Suite struct FuzzTests {
  @Test func aShortCampaign() throws {
    let scratch = try Scratch()
    let arguments = [
      "fuzz", "--cases", "5", "--seed", "1", "--ops", "12", "--workers", "2", "--corpus", scratch.path("corpus"),
      "--log", scratch.path("log.jsonl"),
    ]
    let json = try Command(arguments + ["--json"]).json()
    #expect(json["schema_version"] as? Int == 1 && json["cases"] as? Int == 5 && json["seed"] as? Int == 1)
    #expect(json["valid_rate"] as? Double == 1 && json["lost_workers"] as? Int == 0, "\(json)")
    #expect(try #require(json["pairs_reached"] as? Int) > 10)
    let violations = try #require(json["violations"] as? Int)
    #expect((1...20).contains(violations) && (json["missing_constraints"] as? [String])?.isEmpty == false)
    // The next one goes on.
    let text = try Command(arguments)
    #expect(text.output.contains("seed: 1\ncases: 10, ") && text.errors == "", "\(text.output)\(text.errors)")
    let log = try String(contentsOfFile: scratch.path("log.jsonl"), encoding: .utf8).split(separator: "\n")
    let events = try log.map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    #expect(events.compactMap { $0?["event"] as? String }.filter { $0 != "failure" } == ["start", "end", "start", "end"])
    #expect((events.first??["settings"] as? [String: Any])?["versions"] is [String: Any])
  }

  @Test func seedsAreDrawnAndSaid() throws {
    let scratch = try Scratch()
    let seeds = try (0..<2).map { _ in
      try Command("fuzz", "--cases", "1", "--workers", "1", "--json", "--output", scratch.path("out")).json()["seed"] as? Int
    }
    #expect(seeds[0] != nil && seeds[0] != seeds[1])
  }

  /// A case by its number, and from the file that says it.
  @Test func oneCase() throws {
    let scratch = try Scratch()
    let arguments = ["fuzz", "--seed", "5", "--case", "3", "--ops", "2"]
    let run = try Command(arguments)
    #expect(run.output.hasPrefix("// passes: ") && run.output.contains("\nverdict: "), "\(run.errors)")
    #expect(try Command(arguments).output == run.output)
    #expect(try Command(["fuzz", "--seed", "5", "--case", "4", "--ops", "2"]).output != run.output)
    let file = try scratch.file(
      "case.ir",
      """
      // passes: inline-calls,decompose-composites,cse,form-kernels
      // seed: 17
      apus-ir 1

      func @f(%x: f32[4]) -> f32[4] {
        %0: f32[4] = softmax %x, axis: 0
        return %0
      }
      """)
    let again = try Command("fuzz", file)
    #expect(again.status == 0 && again.output.hasPrefix("// passes: inline-calls,decompose-composites,cse,form-kernels\n// seed: 17\n"))
    #expect(again.output.hasSuffix("verdict: all agree\n"), "\(again.output)")
    let json = try Command("fuzz", file, "--passes", "plain", "--seed", "2", "--json").json()
    #expect(json["verdict"] as? String == "all agree" && json["seed"] as? Int == 2)
    #expect(json["passes"] as? String == "inline-calls,decompose-composites,form-kernels")
  }

  @Test(arguments: [
    ["--cases", "0"], ["--workers", "0"], ["--ops", "0"], ["--seed", "-1"], ["--time", "soon"], ["--case", "3"],
    ["--passes", "no-such-pass"], ["--target", "apus", "--oracles", "code"], ["--oracles", "code,crash"], ["--seed", "9999999999999999999"], ["x.ir", "--seed", "1", "--case", "1"],
  ])
  func badFlags(_ arguments: [String]) throws {
    let run = try Command(["fuzz"] + arguments)
    #expect(run.status == 3 && run.output == "" && run.errors != "", "\(run.status) \(run.output)")
  }

  /// Our own `serve`, and a tool that ends at once.
  @Test func anotherProgramIsJudged() throws {
    let scratch = try Scratch()
    let own = try Command(
      shell: "$APUS fuzz --target=$APUS --seed 4 --cases 6 --workers 1 --output $OUT", environment: ["OUT": scratch.path("own")])
    #expect(own.status == 0 && own.output.contains("failures: 0 cases"), "\(own.output)\(own.errors)")
    let none = try Command("fuzz", "--target", "/no/such/tool", "--seed", "4", "--cases", "1", "--output", scratch.path("none"))
    #expect(none.status == 1 && none.errors.contains("error[fuzz.target]"), "\(none.status) \(none.errors)")
    // It gives back its first input, if there is one.
    let liar = try scratch.file(
      "liar.sh",
      """
      while read -r verb model inputs outputs; do
        cp $inputs/input_0.pb $outputs/output_0.pb 2> /dev/null
        echo '@@ ok'
      done
      """)
    let file = try scratch.file("neg.ir", "apus-ir 1\n\nfunc @f(%x: s32[3]) -> s32[3] {\n  %0: s32[3] = add %x, %x\n  return %0\n}\n")
    let lie = try Command("fuzz", file, "--target", "sh \(liar)")
    #expect(lie.status == 1 && lie.errors.contains("error[fuzz.target]"), "\(lie.output)\(lie.errors)")
  }

  @Test func interruptionEndsWithTheSummary() throws {
    let scratch = try Scratch()
    let run = try Command(
      // One signal: a second one ends the command at once.
      shell: "timeout --foreground --preserve-status -s INT 5 $APUS fuzz --time 10m --seed 1 --workers 1 --output $OUT",
      environment: ["OUT": scratch.path("out")])
    #expect([0, 1].contains(run.status) && run.output.contains("seed: 1\ncases: "), "\(run.status) \(run.errors)")
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/script")))
  func terminalsSeeProgress() throws {
    let scratch = try Scratch()
    let run = try Command(
      shell: "cd $OUT && script -qec '$APUS fuzz --cases 8 --seed 1 --workers 1' /dev/null",
      environment: ["OUT": scratch.url.path])
    #expect(run.output.contains(" failures, ") && run.output.contains("seed: 1"), "\(run.output)")
  }
}
