import Foundation
import Testing

/// What the contract of the command promises beyond its verbs' own tests.
@Suite struct ContractTests {
  private let digits = "Examples/digits/digits.apus"
  private let controls = """
    graph f(x: f32[N], n: s64[], b: bool[]) where N in 1...8 {
      i, y = while i = 0, y = x; i < n { i + 1, softmax(y * y, axis: 0) }
      return i, if b { y } else { x }
    }
    """

  private static let optimizer = ["/usr/bin/mlir-opt-19", "/usr/lib/llvm-19/bin/mlir-opt"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  @Test(.enabled(if: optimizer != nil), arguments: ["graph", "fused", "loops"]) func mlirIsAccepted(phase: String) throws {
    let scratch = try Scratch()
    let file = try scratch.file("f.apus", controls)
    for model in [file, digits] {
      let run = try Command(
        shell: "$APUS opt $MODEL --to=\(phase) --emit=mlir | $MLIR --allow-unregistered-dialect -o /dev/null",
        environment: ["MODEL": model, "MLIR": Self.optimizer ?? ""])
      #expect(run.status == 0 && run.errors == "", "\(model): \(run.errors.prefix(400))")
    }
  }

  @Test func timesAndPrintsSinglePasses() throws {
    let run = try Command("opt", digits, "--passes=prepare,canonicalize,cse,dce", "--timing", "--print-ir-after=cse")
    #expect(run.status == 0 && run.output.hasPrefix("apus-ir 1"))
    #expect(run.errors.components(separatedBy: "// ----- after ").count == 2 && run.errors.contains("// ----- after cse\napus-ir 1"))
    let tail = run.errors.split(separator: "\n").suffix(6).map { $0.split(separator: ":")[0] }
    #expect(tail == ["inline-calls", "decompose-composites", "canonicalize", "cse", "dce", "total"])
  }

  /// Every variable of the environment that the sources read, by name.
  @Test func knobsNameAllVariables() throws {
    let sources = Command.checkout.appendingPathComponent("Sources").path
    var variables: Set<String> = []
    for path in FileManager.default.subpaths(atPath: sources) ?? [] where path.hasSuffix(".swift") || path.hasSuffix(".c") {
      let text = try String(contentsOfFile: sources + "/" + path, encoding: .utf8)
      for pattern in [#/(?:environment|getenv)[\[\(]"([A-Z_]+)"/#, #/"((?:APUS|OMP|XDG)_[A-Z_]+)"/#] {
        for match in text.matches(of: pattern) { variables.insert(String(match.1)) }
      }
    }
    // A build with planted bugs reads it; the product does not.
    variables.remove("APUS_PLANTED_BUG")
    #expect(variables.isSuperset(of: ["APUS_THREADS", "APUS_MAX_MEMORY", "APUS_MAX_TIME", "OMP_NUM_THREADS", "NO_COLOR"]))
    let text = try Command("list-knobs").output
    for variable in variables { #expect(text.contains(variable), "\(variable) is read, and list-knobs does not say so") }
    // And every flag with a variable of its own.
    for flag in ["--threads", "--max-memory", "--max-time", "--fast-math"] { #expect(text.contains(flag)) }
  }

  @Test func knobsSayWhereTheyComeFrom() throws {
    func value(_ name: String, _ environment: [String: String]) throws -> String? {
      let json = try Command(["list-knobs", "--json"], environment: environment).json()
      let knob = (json["knobs"] as? [[String: Any]])?.first { $0["name"] as? String == name }
      return knob.map { "\($0["value"] ?? "") \($0["source"] ?? "")" }
    }
    #expect(try value("threads", ["OMP_NUM_THREADS": "1,4", "APUS_THREADS": ""]) == "1 OMP_NUM_THREADS")
    #expect(try value("threads", ["OMP_NUM_THREADS": "2", "APUS_THREADS": "1"]) == "1 APUS_THREADS")
    #expect(try value("max-memory", ["APUS_MAX_MEMORY": "2g"]) == "2147483648 APUS_MAX_MEMORY")
    #expect(try value("max-time", ["APUS_MAX_TIME": "2m"]) == "120.0 s APUS_MAX_TIME")
    #expect(try value("max-time", [:]) == "unlimited default")
    #expect(try value("color", ["NO_COLOR": "1"]) == "false NO_COLOR")
    let ignored = try Command(["list-knobs"], environment: ["APUS_THREADS": "0", "OMP_NUM_THREADS": ""])
    #expect(ignored.errors.contains("warning[environment.threads]"))
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/taskset"))) func affinityIsHonoured() throws {
    let run = try Command(
      shell: "taskset -c $(taskset -cp $$ | sed 's/.*: //; s/[-,].*//') $APUS doctor --json", environment: ["APUS_THREADS": ""])
    #expect(try run.json()["usable_threads"] as? Int == 1, "\(run.output)\(run.errors)")
    let bench = try Command(
      shell: "taskset -c $(taskset -cp $$ | sed 's/.*: //; s/[-,].*//') $APUS bench $DIGITS --iterations 1 --json",
      environment: ["DIGITS": digits, "APUS_THREADS": ""])
    #expect(try bench.json()["threads"] as? Int == 1)
  }

  @Test func checkingWhatCannotBeRead() throws {
    let scratch = try Scratch()
    let file = try scratch.file("m.apus", "graph f(x: f32[N]) {\n  a = x + y\n  return z\n}\n")
    let run = try Command("check", file, "--json")
    #expect(run.status == 1)
    let problems = try #require(try run.json()["problems"] as? [[String: Any]])
    #expect(problems.map { $0["id"] as? String } == ["name.unknown", "name.unknown"])
    #expect(problems.map { $0["line"] as? Int } == [2, 3] && problems.map { $0["column"] as? Int } == [11, 10])
    #expect(problems.allSatisfy { $0["severity"] as? String == "error" && $0["file"] as? String == file })
  }

  @Test func benchSetsFiguresAgainstTheMachine() throws {
    let run = try Command("bench", digits, "--batch", "4", "--iterations", "2", "--warmup", "0")
    #expect(run.status == 0)
    for name in [
      "min_ms", "median_ms", "p90_ms", "p99_ms", "runs_per_s", "first_result_s", "cache", "gflop_per_s", "gb_per_s",
      "peak_gflop_per_s", "peak_gb_per_s", "roofline_share", "cpu", "vector_bytes",
    ] { #expect(run.output.contains("\n\(name): "), "\(name)") }
    let json = try Command("bench", digits, "--batch", "4", "--iterations", "2", "--warmup", "0", "--json").json()
    let share = try #require(json["roofline_share"] as? Double)
    #expect(share > 0 && share.isFinite)
  }

  /// What is not built is refused, not ignored.
  @Test(arguments: [
    ["run", "--precision=bf16"], ["run", "--deterministic"],
    ["compile"], ["profile"], ["diff"], ["cost"], ["tune"], ["reduce"], ["serve"], ["cache"],
  ])
  func unbuiltFeaturesDoNotExist(_ arguments: [String]) throws {
    #expect(try Command(arguments + [digits]).status == 3)
  }
}
