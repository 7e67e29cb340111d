import ApusGraph
import ApusIR
import ApusSupport
import ApusTarget
import ApusTensor
import Testing

@testable import ApusCompiler

/// What every phase of the way to code looks like as text: it reads back to the same module, and the
/// verifier accepts both.
@Suite struct PhaseTextTests {
  static let graphs: [String] = [
    """
    graph mlp(x: f32[B, 20]) where B in 1...64 {
      w = weight f32[20, 30] random(seed: 1, scale: 0.1); b = weight f32[30] = 0.5
      return softmax(x @ w + b, axis: -1)
    }
    """,
    """
    graph attention(q: f32[B, H, S, 8], k: f32[B, H, T, 8], v: f32[B, H, T, 8]) {
      scores = q @ transpose(k, perm: [0, 1, 3, 2]) * 0.125
      return softmax(scores, axis: -1) @ v
    }
    """,
    """
    graph power(x: f32[B], limit: s32[], flag: bool[]) {
      i, y = while i = 0, a = x; i < limit { i + 1, a * a }
      return if flag { y } else { x }
    }
    """,
    """
    graph layers(x: f32[N, 3, 8, 8], w: f32[4, 3, 3, 3]) {
      y = relu(conv(x, w, pads: [1, 1, 1, 1]))
      z = max_pool(y, window: [2, 2], strides: [2, 2])
      return softmax(z, axis: 1), reduce_sum(z, axes: [2, 3])
    }
    """,
    """
    graph order(x: f32[B, 9], i: s32[K]) {
      values, indices = top_k(x, k: [3], axis: 1)
      return gather(values, i, axis: 0), indices, cumsum(x, axis: 1)
    }
    """,
  ]

  private struct Blocks: ConstantLoader {
    var blocks: [ModuleText.Block]

    func load(_ file: String) throws(DiagnosticError) -> TensorStorage {
      let end = blocks.map { $0.offset + $0.tensor.byteCount }.max() ?? 0
      var bytes = [UInt8](repeating: 0, count: end)
      for block in blocks {
        block.tensor.withUnsafeBytes { source in
          for (index, byte) in source.enumerated() { bytes[block.offset + index] = byte }
        }
      }
      return Tensor(bytes).storage
    }
  }

  private func check(_ module: Module, _ phase: Phase) throws {
    let found = module.verify()
    #expect(found.isEmpty, "\(phase): \(DiagnosticError(found))\n\(module.text())")
    let document = module.document()
    let source = SourceText(name: "\(phase).ir", text: document.text)
    let read: Module
    do {
      read = try Module.parse(source, constants: Blocks(blocks: document.blocks))
    } catch {
      Issue.record("\(phase): \(error)\n\(document.text)")
      return
    }
    #expect(read.text() == document.text)
    let isSame = read.isIdentical(to: module)
    #expect(isSame, "\(phase)")
    let again = read.verify()
    #expect(again.isEmpty, "\(phase), read: \(DiagnosticError(again))\n\(document.text)")
    _ = module.mlir()
  }

  @Test(arguments: graphs) func everyPhaseReadsBack(_ text: String) throws {
    var module = try GraphFile.parse(SourceText(name: "test.apus", text: text))
    try check(module, .graph)
    for phase in [Phase.fused, .loops] {
      var timing = Timing()
      try Optimization(phase: phase).run(on: &module, timing: &timing)
      try check(module, phase)
    }
  }
}
