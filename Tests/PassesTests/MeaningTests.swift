import ApusFuzz
import ApusIR
import ApusInterpreter
import ApusPasses
import ApusSupport
import ApusTensor
import Foundation
import Testing

/// Each pass by itself, and all of them together, keep what a function means.
@Suite struct MeaningTests {
  static let pipelines = [
    "canonicalize", "fold-constants", "cse", "dce", "decompose-composites", "plain", "plain,fuse-elementwise",
    "plain,fuse-elementwise(recompute=false)", "plain,fuse-epilogues", "plain,fuse-reductions", "plain,fuse-prologues",
    "plain,fuse-outputs", "plain,cse,dce", "prepare,fuse", "simplify", "standard",
  ]

  /// How many graphs; a debug build interprets a few hundred a second.
  private let seeds = ProcessInfo.processInfo.environment["SEEDS"].flatMap { UInt64($0) } ?? 20

  /// All ops but those that somebody has to register.
  private static let limits = {
    var limits = GraphGenerator.Limits()
    limits.codes.removeAll { $0 == .customCall }
    return limits
  }()

  @Test(arguments: pipelines) func keepsMeaning(_ text: String) throws {
    let pipeline = try Pipeline.parse(text)
    var compared: UInt64 = 0
    for seed in 0..<seeds {
      // Each graph comes from its seed alone.
      var generator = GraphGenerator(limits: Self.limits)
      let before = generator.module(seed: seed, ops: 1 + Int(seed % 16))
      var drawing = InputDrawing(seed: seed)
      let inputs = try drawing.inputs(of: before.functions[0])
      var after = before
      try pipeline.run(on: &after, checked)
      let wanted = Result { try Interpreter(before).run(inputs) }
      let found = Result { try Interpreter(after).run(inputs) }
      switch (wanted, found) {
      case (.success(let a), .success(let b)):
        compared += 1
        #expect(a.count == b.count)
        for (x, y) in zip(a, b) where !areEqual(x, y) {
          Issue.record("\(text) seed \(seed): \(x.values) became \(y.values)\n\(before.text())\n\(after.text())")
          return
        }
      // What makes a run fail may be what nobody needs.
      case (.failure, _): continue
      case (.success, .failure(let error)):
        Issue.record("\(text) seed \(seed): \(error)\n\(before.text())\n\(after.text())")
        return
      }
    }
    #expect(compared * 10 >= seeds * 8, "\(compared) of \(seeds) graphs run")
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
