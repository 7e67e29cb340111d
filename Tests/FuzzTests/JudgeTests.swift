import ApusIR
import ApusPasses
import ApusSupport
import Testing

@testable import ApusFuzz

@Suite struct JudgeTests {
  @Test func drawnGraphsPass() throws {
    var generator = GraphGenerator()
    let judge = Judge()
    var (failures, useless) = ([String](), [String]())
    for seed in 0..<40 as Range<UInt64> {
      let module = generator.module(seed: seed, ops: 1 + Int(seed % 6))
      do {
        if let failure = try judge.judge(FuzzCase(module, seed: seed)) {
          failures.append("seed \(seed): \(failure.key) \(failure.detail.prefix(600))\n\(module.text().prefix(3000))")
        }
      } catch {
        useless.append("seed \(seed): \(error)")
      }
    }
    #expect(failures.isEmpty, "\(failures.count): \(failures.joined(separator: "\n----\n"))")
    #expect(useless.count <= 3, "\(useless)")
  }
}
