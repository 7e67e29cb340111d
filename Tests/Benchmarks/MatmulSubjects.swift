extension SubjectGroup {
  /// Matrix products, the right side once as a constant weight and once as an input.
  static func matmul() -> SubjectGroup {
    var subjects: [Subject] = []
    for (m, k, n) in [(512, 512, 512), (1024, 1024, 1024), (128, 768, 3072)] {
      let work = Work.flops(2 * Double(m) * Double(k) * Double(n))
      subjects.append(
        .graph(
          "gemm-\(m)x\(k)x\(n)-weight", work,
          """
          graph gemm(x: f32[\(m), \(k)]) {
            w = weight f32[\(k), \(n)] random(seed: 1)
            return x @ w
          }
          """
        ).against(Peer(inputs: ["x": [m, k]], weights: ["w": [k, n]], op: "MatMul", operands: ["x", "w"])))
      subjects.append(
        .graph(
          "gemm-\(m)x\(k)x\(n)-input", work,
          "graph gemm(x: f32[\(m), \(k)], w: f32[\(k), \(n)]) { return x @ w }"
        ).against(Peer(inputs: ["x": [m, k], "w": [k, n]], op: "MatMul", operands: ["x", "w"])))
    }
    // The weight on the left, as in W·x.
    subjects.append(
      .graph(
        "gemm-512x512x512-left-weight", .flops(2 * 512 * 512 * 512),
        """
        graph gemm(x: f32[512, 512]) {
          w = weight f32[512, 512] random(seed: 1)
          return w @ x
        }
        """
      ).against(Peer(inputs: ["x": [512, 512]], weights: ["w": [512, 512]], op: "MatMul", operands: ["w", "x"])))
    // What attention asks for: scores · values.
    subjects.append(
      .graph(
        "batched-12x128x64x128", .flops(2 * 12 * 128 * 64 * 128),
        "graph batched(q: f32[12, 128, 64], k: f32[12, 64, 128]) { return q @ k }"
      ).against(Peer(inputs: ["q": [12, 128, 64], "k": [12, 64, 128]], op: "MatMul", operands: ["q", "k"])))
    return SubjectGroup("matmul", subjects)
  }
}
