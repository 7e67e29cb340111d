import ApusIR
import Foundation
import Testing

@testable import ApusFuzz

/// Modules with one mistake each: the verifier finds exactly that.
///
/// `APUS_VIOLATIONS=100000` says how many are drawn.
@Suite struct ViolationTests {
  @Test func theVerifierNamesTheBrokenRule() {
    let count = ProcessInfo.processInfo.environment["APUS_VIOLATIONS"].flatMap { UInt64($0) } ?? 4000
    var generator = ViolationGenerator()
    var wrong: [String: String] = [:]
    var tried = 0
    for seed in 0..<count {
      guard let violation = generator.violation(seed: seed) else { continue }
      tried += 1
      if let disagreement = violation.disagreement, wrong[disagreement] == nil {
        wrong[disagreement] = "seed \(seed): \(disagreement)\n\(violation.module.text())"
      }
    }
    #expect(wrong.isEmpty, "\(wrong.count): \(wrong.values.sorted().prefix(30).joined(separator: "\n"))")
    #expect(tried * 2 > Int(count))
    let missing = Set(ViolationGenerator.constraints).subtracting(generator.counts.keys)
    #expect(missing.isEmpty, "never broken: \(missing.sorted())")
  }

  @Test func theJudgeTriesAModuleWithAMistake() throws {
    var source = DrawnCases(CaseSettings(seed: 2))
    let judge = Judge(oracles: [.violations])
    for number in 0..<40 {
      let failure = try judge.judge(source.draw(number))
      #expect(failure == nil)
    }
    #expect(judge.violations.tried > 20)
    var generator = ViolationGenerator()
    let violation = try #require((0..<40).lazy.compactMap { generator.violation(seed: $0) }.first)
    #expect(violation.disagreement == nil)
    #expect(Violation(module: violation.module, rule: "type.other").disagreement?.contains("found is \(violation.rule)") == true)
    #expect(Violation(module: source.draw(0).module, rule: "concat.C2").disagreement?.contains("nothing is found") == true)
  }
}
