import ApusIR
import ApusSupport
import ApusTensor
import Foundation
import Testing

@testable import ApusFuzz

/// Drawn graphs through the whole compiler, against the interpreter.
///
/// `APUS_GRAPHS=2000` says how many, `APUS_SEED` with which to begin.
@Suite struct GraphTests {
  private static func setting(_ name: String) -> UInt64? { ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } }

  /// Graphs are shared out among this many tests, which run side by side.
  private static let shares: UInt64 = 4

  @Test(arguments: 0..<shares) func compiledGraphsMeanTheSame(_ share: UInt64) throws {
    let (first, count) = (Self.setting("APUS_SEED") ?? 0, Self.setting("APUS_GRAPHS") ?? 40)
    var (elements, judged) = (0, 0)
    for seed in stride(from: first + share, to: first + count, by: Int(Self.shares)) {
      // Each graph comes from its seed alone: every other one has ops that fuse, and more of them.
      let fuses = seed / Self.shares % 2 == 0
      var generator = GraphGenerator(limits: GraphGenerator.Limits(codes: fuses ? Self.fusing : nil))
      let module = generator.module(seed: seed, ops: 1 + Int(seed % (fuses ? 8 : 4)))
      let compiled: CompiledFunction
      do {
        compiled = try CompiledFunction(module)
      } catch {
        Issue.record("seed \(seed): \(error)\n\(module.text())")
        continue
      }
      var drawing = InputDrawing(seed: seed)
      for _ in 0..<2 {
        guard let inputs = try? drawing.inputs(of: module.functions[0]) else { break }
        let judgement = try compiled.judge(inputs)
        elements += judgement.elements
        judged += judgement.judged
        guard !judgement.problems.isEmpty else { continue }
        Issue.record("seed \(seed): \(judgement.problems.joined(separator: "\n"))\n\(module.text())")
        break
      }
    }
    // Bounds that say nothing would find nothing.
    #expect(judged * 10 >= elements * 7, "\(judged) of \(elements) elements are judged")
  }

  private static let fusing = GraphGenerator.Limits().codes.filter { code in
    let traits: OpTraits = [.elementwise, .movement, .reduction, .contraction, .controlFlow]
    return !code.traits.isDisjoint(with: traits)
  }
}
