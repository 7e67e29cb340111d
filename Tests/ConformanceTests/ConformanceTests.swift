import Foundation
import Testing

/// ONNX's own tests, which the command runs in `serve`. `APUS_CONFORMANCE_FULL=1` takes all of them, which takes minutes;
/// without it a few stand for the rest.
@Suite(.serialized) struct ConformanceTests {
  private static let sample = "^test_(abs|add|relu|softmax_axis_1|reduce_sum_keepdims_example|where_example|clip)$"

  @Test func theSuitePassesAsItDid() throws {
    var reason = ""
    guard let suite = Conformance(reason: &reason) else {
      print("conformance: skipped, as \(reason)")
      return
    }
    let isFull = ProcessInfo.processInfo.environment["APUS_CONFORMANCE_FULL"] == "1"
    let outcomes = try suite.outcomes(filter: isFull ? nil : Self.sample)
    let found = isFull ? try tally(outcomes, suite) : sampled(outcomes)
    for (list, count) in found.passes.sorted(by: { $0.key < $1.key }) { print("conformance: \(list): \(count) pass") }
    for (status, count) in found.failures.sorted(by: { $0.key < $1.key }) { print("conformance: \(status): \(count)") }
    for (test, outcome) in outcomes.sorted(by: { $0.key < $1.key })
    where ["wrong", "crash", "timeout"].contains(outcome.status) {
      print("conformance: \(test): \(outcome.status): \(outcome.why)")
    }
    let floor = try Floor()
    let shortfalls = floor.shortfalls(of: found)
    #expect(shortfalls.isEmpty, "\(shortfalls.joined(separator: "; "))")
    if ProcessInfo.processInfo.environment["BLESS"] == "1" { try floor.raised(to: found).write() }
  }

  /// Files that nobody should write, and some that somebody should: what is asked for each is in the corpus.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["APUS_CONFORMANCE_FULL"] == "1")) func hostileFilesAreHandled() throws {
    var reason = ""
    guard let suite = Conformance(reason: &reason) else {
      print("conformance: skipped, as \(reason)")
      return
    }
    let verdicts = try suite.verdictsOnHostileFiles()
    let bad = verdicts.filter { $0.value != "good" }
    print("conformance: hostile: \(verdicts.count - bad.count) of \(verdicts.count) good")
    for (name, verdict) in bad.sorted(by: { $0.key < $1.key }) { print("conformance: \(name): \(verdict)") }
    let unsafe = bad.values.count { ["crash", "timeout", "memory", "leak"].contains($0) }
    let found = Floor(passes: ["hostile": verdicts.count - bad.count], failures: ["unsafe": unsafe])
    let shortfalls = try Floor().shortfalls(of: found)
    #expect(shortfalls.isEmpty, "\(shortfalls.joined(separator: "; "))")
  }

  @Test func aFloorOnlyRises() {
    let floor = Floor(passes: ["a": 5, "b": 2], failures: ["wrong": 3])
    let found = Floor(passes: ["a": 4, "b": 7], failures: ["wrong": 4])
    #expect(floor.shortfalls(of: found).count == 2)
    #expect(floor.raised(to: found) == Floor(passes: ["a": 5, "b": 7], failures: ["wrong": 3]))
    #expect(floor.shortfalls(of: Floor(passes: ["b": 2], failures: [:])).isEmpty)
  }

  private func sampled(_ outcomes: [String: Conformance.Outcome]) -> Floor {
    Floor(passes: ["sample": outcomes.values.count { $0.status == "pass" }], failures: [:])
  }

  private func tally(_ outcomes: [String: Conformance.Outcome], _ suite: Conformance) throws -> Floor {
    let passed = Set(outcomes.filter { $0.value.status == "pass" }.keys)
    var passes = ["node-const": passed.count { $0.hasPrefix("node-const/") }]
    for list in ["tier1", "tier2", "tier3"] { passes[list] = passed.intersection(try suite.list(list)).count }
    // What draws random numbers agrees with nobody's.
    let random = try suite.list("known_bad")
    var failures: [String: Int] = [:]
    for status in ["wrong", "crash", "timeout"] {
      failures[status] = outcomes.count { $0.value.status == status && !(status == "wrong" && random.contains($0.key)) }
    }
    return Floor(passes: passes, failures: failures)
  }
}
