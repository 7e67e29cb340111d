import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

@testable import ApusFuzz

@Suite struct GeneratorTests {
  @Test func graphsAreValid() throws {
    var generator = GraphGenerator()
    var invalid: [String] = []
    let count: UInt64 = 400
    for seed in 0..<count {
      let module = generator.module(seed: seed, ops: 1 + Int(seed % 9))
      let found = module.verify()
      if !found.isEmpty { invalid.append("seed \(seed): \(DiagnosticError(found))\n\(module.text())") }
    }
    let refused = generator.coverage.refusals.sorted { $0.value > $1.value }.map { "\($0.key.code.name) \($0.key.rule) \($0.value)" }
    print(generator.coverage.attempts, refused, generator.coverage.missingPairs.count, generator.coverage.edges.count)
    #expect(invalid.isEmpty, "\(invalid.prefix(3).joined(separator: "\n"))")
    #expect(generator.coverage.refusalCount * 200 <= generator.coverage.attempts)
  }
}
