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
}
