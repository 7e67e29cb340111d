import ApusIR
import Testing

struct OpReferenceTests {
  @Test func oneOp() {
    #expect(
      OpCode.softmax.info.reference == """
        softmax(x: [..s]T, axis: axis(x) = -1) -> [..s]T  where T: float
          eˣ / Σ eˣ along an axis.

          axis: an axis; -1 if left out
          group: composite   phases: graph
          error: grows with the number of terms of the reduction
          body:
            e = exp(x - reduce_max(x, axes: [axis], keep_dims: true))
            e * (1 / reduce_sum(e, axes: [axis], keep_dims: true))
          example: softmax([0, 0]) = [0.5, 0.5]
        """)
    let concat = OpCode.concat.info.reference
    #expect(concat.contains("\n  concat.C1: ranks agree and are at least 1\n"))
    #expect(concat.contains("\n  group: movement   phases: graph, fused\n"))
    #expect(OpCode.exp.info.reference.contains("\n  error: at most 2.0 ulp"))
    #expect(OpCode.load.info.reference.contains("\n  along: an integer; may be left out\n"))
    #expect(OpCode.kernel.info.reference.contains("\n  regions: body (isolated)\n"))
  }

  @Test func everyOpIsInTheOverview() {
    let lines = OpInfo.overview.split(separator: "\n")
    for info in OpInfo.all { #expect(lines.contains { $0.hasPrefix("  \(info.name)(") }) }
    #expect(lines.first == "source:" && lines.contains("loops:"))
  }
}

struct BuilderTests {
  @Test func builders() throws {
    var function = Function(name: "f")
    let n = function.symbols.intern("N")
    let x = function.addParameter(TensorType(.f32, [.symbol(n), 8]))
    let scale = function.addParameter(TensorType(.f32, [8]))
    let end = InsertionPoint.end(of: function.entry)
    let normal = try function.layerNorm(x, scale: scale, axis: -1, at: end)
    let wide = try function.broadcast(scale, axes: [1], as: TensorType(.f32, [.symbol(n), 8]), at: end)
    let total = try function.reduceSum(function.mul(normal, wide, at: end), axes: [1], keepDims: true, at: end)
    let top = try function.topK(x, k: [2], axis: 1, at: end)
    let number = try function.constant(value: .float(0.5), as: .scalar(.f32), at: end)
    #expect(function.type(of: total).dims == [.symbol(n), 1])
    #expect(function.type(of: top.indices) == TensorType(.s64, [.symbol(n), 2]))
    #expect(function.type(of: number).rank == 0)
    let op = try function.return([total, top.values], at: end)
    #expect(function.operandCount(of: op) == 2 && function.opcode(of: op) == .return)
  }

  /// Operands are told apart by position, so none in the middle can be left out.
  @Test func optionalOperands() throws {
    var function = Function(name: "f")
    let x = function.addParameter(TensorType(.f32, [8]))
    let error = #expect(throws: InferenceError.self) {
      try function.layerNorm(x, bias: x, at: .end(of: function.entry))
    }
    #expect(error?.id == "op.operands")
    #expect(error?.message == "layer_norm cannot take `bias` without `scale`")
  }

  @Test func wrongOperands() {
    var function = Function(name: "f")
    let x = function.addParameter(TensorType(.f32, [2, 3]))
    let error = #expect(throws: InferenceError.self) { try function.matmul(x, x, at: .end(of: function.entry)) }
    #expect(error?.id == "matmul.k" && function.firstOp(of: function.entry) == nil)
  }
}
