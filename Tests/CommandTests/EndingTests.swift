import Foundation
import Testing

/// Commands that end before they are done.
@Suite struct EndingTests {
  /// Runs long enough for a signal to meet it.
  private let long = "bench Examples/digits/digits.apus --batch 1 --duration 60"

  @Test func interruption() throws {
    let run = try Command(shell: "timeout --preserve-status -s INT 1 $APUS \(long)")
    #expect(run.status == 130, "\(run.errors)")
  }

  @Test func deadlines() throws {
    let flag = try Command(shell: "$APUS \(long) --max-time 500ms")
    #expect(flag.status == 5 && flag.errors.contains("error[limit.time]"), "\(flag.errors)")
    let variable = try Command(shell: "$APUS \(long)", environment: ["APUS_MAX_TIME": "0.2s"])
    #expect(variable.status == 5 && variable.errors.contains("error[limit.time]"))
    let first = try Command(
      ["check", "Examples/digits/digits.apus", "--max-time", "5m"], environment: ["APUS_MAX_TIME": "1ms"])
    #expect(first.status == 0)
    let wrong = try Command(["check", "Examples/digits/digits.apus"], environment: ["APUS_MAX_TIME": "soon"])
    #expect(wrong.status == 1 && wrong.errors.contains("error[environment.time]"))
  }

  @Test func ourBugsLeaveWhatReproducesThem() throws {
    let scratch = try Scratch()
    let graph = try scratch.file("model.apus", "graph g(x: f32[N]) { return exp(x) }")
    let run = try Command(
      shell: "$APUS bench $MODEL --duration 60 --input 'x=2xf32=1' & sleep 1; kill -SEGV $!; wait $!",
      environment: ["MODEL": graph, "TMPDIR": scratch.url.path, "APUS_THREADS": "1"])
    #expect(run.status == 70, "\(run.errors)")
    let last = run.errors.split(separator: "\n").last ?? ""
    #expect(last.hasPrefix("error[internal]: this is a bug in Apus; please report it with what lies in \(scratch.url.path)"))
    let folder = try #require(
      try FileManager.default.contentsOfDirectory(atPath: scratch.url.path).first { $0.hasPrefix("apus-bug-") })
    #expect(try contents(scratch, "\(folder)/0-model.apus") == contents(scratch, "model.apus"))
    let command = try contents(scratch, "\(folder)/command.txt")
    #expect(command.contains("APUS_THREADS='1' '") && command.contains("apus' 'bench' '\(graph)' '--duration' '60'"))
    #expect(command.hasPrefix("cd '\(Command.checkout.path)'\n"), "\(command)")
  }

  private func contents(_ scratch: Scratch, _ name: String) throws -> String {
    try String(contentsOfFile: scratch.path(name), encoding: .utf8)
  }
}
