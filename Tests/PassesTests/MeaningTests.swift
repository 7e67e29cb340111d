import ApusIR
import ApusInterpreter
import ApusPasses
import ApusSupport
import ApusTensor
import Foundation
import OpCases
import Testing

/// Each pass by itself, and all of them together, keep what a function means.
@Suite struct MeaningTests {
  static let pipelines = [
    "canonicalize", "fold-constants", "cse", "dce", "decompose-composites", "plain", "plain,fuse-elementwise",
    "plain,fuse-elementwise(recompute=false)", "plain,fuse-epilogues", "plain,fuse-reductions", "plain,fuse-prologues",
    "plain,fuse-outputs", "plain,cse,dce", "prepare,fuse", "simplify", "standard",
  ]

  /// Graphs for each element type; a debug build interprets a few hundred a second.
  private let seeds = ProcessInfo.processInfo.environment["SEEDS"].flatMap { Int($0) } ?? 10

  @Test(arguments: pipelines) func keepsMeaning(_ text: String) throws {
    let pipeline = try Pipeline.parse(text)
    for (index, element) in [ElementType.f32, .s32, .f32, .f16].enumerated() {
      for seed in 0..<UInt64(seeds) {
        var graph = RandomGraph(
          seed: seed &* 4 &+ UInt64(index) &* 1_000_003, ops: 4 + Int(seed * 3 % 29), element: element)
        let inputs = graph.inputs()
        let before = Module(graph.function)
        var after = before
        try pipeline.run(on: &after, checked)
        let wanted = Result { try Interpreter(before).run(inputs) }
        let found = Result { try Interpreter(after).run(inputs) }
        switch (wanted, found) {
        case (.success(let a), .success(let b)):
          #expect(a.count == b.count)
          for (x, y) in zip(a, b) where !areEqual(x, y) {
            Issue.record(
              "\(text) seed \(seed) \(element): \(x.values) became \(y.values)\n\(before.text())\n\(after.text())")
            return
          }
        case (.failure(let a), .failure(let b)): #expect("\(a)" == "\(b)")
        case (.failure(let error), .success): Issue.record("the graph fails: \(error)\n\(before.text())")
        case (.success, .failure(let error)):
          Issue.record("\(text) seed \(seed): \(error)\n\(before.text())\n\(after.text())")
          return
        }
      }
    }
  }
}

/// Bit for bit, but for what a NaN looks like.
func areEqual(_ a: Tensor, _ b: Tensor) -> Bool {
  guard a.elementType == b.elementType, a.shape == b.shape else { return false }
  return (0..<a.count).allSatisfy { index in
    let (x, y) = (a.scalar(at: index), b.scalar(at: index))
    if case .float(let p) = x, case .float(let q) = y, p.isNaN, q.isNaN { return true }
    return x == y
  }
}

extension Tensor {
  var values: [Scalar] { (0..<count).map { scalar(at: $0) } }
}
