import ApusIR
import ApusSupport
import ApusTensor
import Foundation
import OpCases
import Testing

/// Random graphs of up to 20 ops through the whole compiler, against the interpreter.
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
      let element = Self.elements[Int(seed % UInt64(Self.elements.count))]
      let length = [3, 19, 7, 33, 3][Int(seed / 3 % 5)]
      var graph = RandomGraph(seed: seed, ops: 1 + Int(seed % 20), element: element, length: length)
      let compiled: CompiledFunction
      do {
        compiled = try CompiledFunction(graph.function)
      } catch {
        Issue.record("seed \(seed): \(error)\n\(Module(graph.function).text())")
        continue
      }
      for _ in 0..<2 {
        let judgement = try compiled.judge(graph.inputs())
        elements += judgement.elements
        judged += judgement.judged
        guard !judgement.problems.isEmpty else { continue }
        let problems = judgement.problems.joined(separator: "\n")
        Issue.record("seed \(seed), \(element), length \(length): \(problems)\n\(compiled.module.text())")
        break
      }
    }
    // Bounds that say nothing would find nothing.
    #expect(judged * 10 >= elements * 7, "\(judged) of \(elements) elements are judged")
  }

  private static let elements: [ElementType] = [.f32, .s32, .f32, .f16, .f64, .f32, .bf16, .u8, .f32, .s64]
}
