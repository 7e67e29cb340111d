import ApusIR
import ApusInterpreter
import ApusSupport
import ApusTensor
import Testing

/// A call of a composite over operands of some types.
struct CompositeCall: Sendable, CustomTestStringConvertible {
  var call: String
  /// Parameters of the graph around it.
  var parameters: String
  var testDescription: String { "\(call) over (\(parameters))" }
  var name: String { String(call.prefix { $0 != "(" }) }
}

private let calls: [(String, [String])] = [
  // Tensors without elements.
  ("softmax(x)", ["x: f32[2, 0]", "x: f32[0, 2]"]), ("logsumexp(x, axes: [1])", ["x: f32[2, 0]"]),
  ("mean(x, axes: [0])", ["x: f16[0, 3]"]), ("variance(x, axes: [0, 1])", ["x: f32[0, 3]"]),
  ("layer_norm(x)", ["x: f32[0, 8]", "x: bf16[2, 0]"]), ("cumsum(x, axis: 0)", ["x: s32[0]"]),
  ("group_norm(x, y, z, groups: 2)", ["x: f32[0, 4, 5], y: f32[4], z: f32[4]", "x: f32[2, 4, 0], y: f32[4], z: f32[4]"]),
  ("attention(x, y, z)", [
    "x: f32[1, 2, 0, 4], y: f32[1, 2, 5, 4], z: f32[1, 2, 5, 6]",
    "x: f32[1, 2, 3, 4], y: f32[1, 2, 0, 4], z: f32[1, 2, 0, 6]",
    "x: f32[0, 2, 3, 4], y: f32[0, 1, 5, 4], z: f32[0, 1, 5, 0]",
  ]),
  ("rope(x, c, s)", ["x: f32[1, 2, 0, 8], c: f32[0, 4], s: f32[0, 4]", "x: f32[1, 2, 3, 8], c: f32[3, 0], s: f32[3, 0]"]),
  ("one_hot(x, depth: 0)", ["x: s64[2]", "x: s64[0]"]), ("cross_entropy(x, y)", ["x: f32[0, 10], y: s64[0]"]),
  ("conv_transpose(x, w)", ["x: f32[1, 3, 0], w: f32[3, 2, 3]", "x: f32[0, 3, 4], w: f32[3, 2, 3]"]),
  ("conv_transpose(x, w, strides: [2, 2], pads: [1, 0, 1, 0], output_pads: [1, 1])", [
    "x: f32[1, 3, 0, 4], w: f32[3, 2, 3, 3]"
  ]),
  ("depth_to_space(x, block: 2)", ["x: f32[1, 8, 0, 5]", "x: f32[1, 0, 3, 5]"]),
  ("space_to_depth(x, block: 2)", ["x: f32[1, 8, 0, 6]"]),
  ("resize_axis(x, axis: 0, size: 0, mode: cubic)", ["x: f32[3, 2]"]),
  ("resize_axis(x, axis: 0, size: 4)", ["x: f32[0, 2]", "x: f32[3, 0]"]),
  ("max_pool(x, window: [1], pads: [1, 0])", ["x: f32[1, 3, 0]"]),
  ("average_pool(x, window: [1], pads: [1, 0])", ["x: f32[1, 3, 0]"]),
  ("lstm(x, w, r, h, c)", [
    "x: f32[0, 2, 5], w: f32[16, 5], r: f32[16, 4], h: f32[2, 4], c: f32[2, 4]",
    "x: f32[3, 0, 5], w: f32[16, 5], r: f32[16, 4], h: f32[0, 4], c: f32[0, 4]",
    "x: f32[3, 2, 0], w: f32[0, 0], r: f32[0, 0], h: f32[2, 0], c: f32[2, 0]",
  ]),
  ("gru(x, w, r, h)", ["x: f32[0, 2, 5], w: f32[12, 5], r: f32[12, 4], h: f32[2, 4]"]),
  ("reciprocal(x)", ["x: f32[3, 4]", "x: f64[B, T]"]),
  ("rsqrt(x)", ["x: f16[3]", "x: f32[B, 4]"]),
  ("square(x)", ["x: s32[3]", "x: f32[B]"]),
  ("is_nan(x)", ["x: f32[3]", "x: bf16[B]"]),
  ("is_inf(x)", ["x: f32[3]", "x: f64[B]"]),
  ("is_inf(x, positive: false)", ["x: f32[3]"]),
  ("is_inf(x, negative: false)", ["x: f32[B]"]),
  ("is_inf(x, positive: false, negative: false)", ["x: f32[3]"]),
  ("mod(x, y)", ["x: f32[3], y: f32[3]", "x: s8[B], y: s8[B]", "x: u16[], y: u16[]"]),
  ("relu(x)", ["x: f32[0]", "x: s64[B]"]),
  ("leaky_relu(x, slope: 0.2)", ["x: f32[2, 2]", "x: f16[B]"]),
  ("prelu(x, y)", ["x: f32[2], y: f32[2]", "x: s32[B, 3], y: s32[3]"]),
  ("elu(x, alpha: 2)", ["x: f32[2]", "x: f64[B]"]),
  ("selu(x)", ["x: f32[2]", "x: bf16[B]"]),
  ("celu(x, alpha: 2)", ["x: f32[2]", "x: f32[B]"]),
  ("softplus(x)", ["x: f32[]", "x: f32[B]"]),
  ("softsign(x)", ["x: f32[]", "x: f32[B]"]),
  ("silu(x)", ["x: f32[]", "x: f32[B]"]),
  ("mish(x)", ["x: f32[4]", "x: f32[B]"]),
  ("hard_sigmoid(x)", ["x: f32[4]", "x: f32[B]"]),
  ("hard_swish(x)", ["x: f32[4]", "x: f16[B]"]),
  ("gelu(x)", ["x: f32[4]", "x: f16[B]"]),
  ("gelu(x, approximate: tanh)", ["x: f32[4]", "x: f64[B]"]),
  ("clamp(x, 0, 6)", ["x: f32[4]", "x: s32[B, T]"]),
  ("mean(x, axes: [1])", ["x: f32[2, 3]", "x: f16[B, T]"]),
  ("mean(x, axes: [0, -1], keep_dims: true)", ["x: f64[2, 3, 4]", "x: f32[B, T, 4]"]),
  ("variance(x, axes: [0])", ["x: f32[2, 3]", "x: bf16[B, T]"]),
  ("variance(x, axes: [1], keep_dims: true, correction: 1)", ["x: f64[2, 3]", "x: f32[B, T]"]),
  ("logsumexp(x, axes: [1])", ["x: f32[2, 3]", "x: f32[B, T]"]),
  ("logsumexp(x, axes: [0], keep_dims: true)", ["x: f32[2, 3]", "x: f16[B, T]"]),
  ("softmax(x)", ["x: f32[2, 3]", "x: f32[B, T]"]),
  ("softmax(x, axis: 0)", ["x: f16[2, 3]", "x: f64[B]"]),
  ("log_softmax(x)", ["x: f32[2, 3]", "x: f32[B, T]"]),
  ("layer_norm(x)", ["x: f32[2, 8]", "x: f16[B, T]", "x: f64[B, 8]"]),
  ("layer_norm(x, y)", ["x: f32[2, 8], y: f32[8]", "x: f16[B, T], y: f16[T]"]),
  (
    "layer_norm(x, y, z, axis: 1)",
    ["x: f32[2, 3, 4], y: f32[3, 4], z: f32[3, 4]", "x: bf16[B, T, 4], y: bf16[T, 4], z: bf16[4]"]
  ),
  ("rms_norm(x)", ["x: f32[2, 8]", "x: f16[B, T]"]),
  ("rms_norm(x, y)", ["x: f64[2, 8], y: f64[8]", "x: f32[B, 8], y: f32[8]"]),
  (
    "group_norm(x, y, z, groups: 2)",
    [
      "x: f32[2, 4, 5], y: f32[4], z: f32[4]", "x: f32[B, 4, H, W], y: f32[4], z: f32[4]",
      "x: f16[B, C], y: f16[C], z: f16[C]",
    ]
  ),
  (
    "instance_norm(x, y, z)",
    [
      "x: f32[2, 4, 5], y: f32[4], z: f32[4]", "x: f32[B, C, H, W], y: f32[C], z: f32[C]",
      "x: f16[B, C], y: f16[C], z: f16[C]",
    ]
  ),
  (
    "batch_norm(x, y, z, u, v)",
    [
      "x: f32[2, 4, 5], y: f32[4], z: f32[4], u: f32[4], v: f32[4]",
      "x: f16[B, C, H, W], y: f16[C], z: f16[C], u: f16[C], v: f16[C]",
      "x: f32[B, 4], y: f32[4], z: f32[4], u: f32[4], v: f32[4]",
    ]
  ),
  ("l2_normalize(x)", ["x: f32[2, 3]", "x: f32[B, T]"]),
  (
    "attention(x, y, z)",
    [
      "x: f32[1, 2, 3, 4], y: f32[1, 2, 5, 4], z: f32[1, 2, 5, 6]",
      "x: f32[B, 8, S, 64], y: f32[B, 2, T, 64], z: f32[B, 2, T, E]",
      "x: f16[B, H, S, D], y: f16[B, G, T, D], z: f16[B, G, T, E]",
    ]
  ),
  (
    "attention(x, y, z, m, causal: true, scale: 0.5)",
    [
      "x: f32[1, 4, 3, 4], y: f32[1, 2, 5, 4], z: f32[1, 2, 5, 6], m: f32[3, 5]",
      "x: f32[B, 8, S, 64], y: f32[B, 8, T, 64], z: f32[B, 8, T, 64], m: f32[S, T]",
      "x: f64[B, 8, S, 64], y: f64[B, 8, T, 64], z: f64[B, 8, T, 64], m: f64[B, 1, 1, T]",
    ]
  ),
  (
    "rope(x, c, s)",
    ["x: f32[1, 2, 3, 8], c: f32[3, 4], s: f32[3, 4]", "x: f32[B, H, T, 64], c: f32[T, 16], s: f32[T, 16]"]
  ),
  (
    "rope(x, c, s, interleaved: true)",
    ["x: f32[1, 2, 3, 8], c: f32[3, 3], s: f32[3, 3]", "x: f16[B, H, T, D], c: f16[T, P], s: f16[T, P]"]
  ),
  ("cross_entropy(x, y)", ["x: f32[4, 10], y: s64[4]", "x: f32[B, C], y: s32[B]"]),
  ("one_hot(x, depth: 10)", ["x: s64[2, 3]", "x: s32[B]"]),
  ("one_hot(x, depth: [B * 2])", ["x: s64[B]"]),
  ("cumsum(x, axis: -1)", ["x: f32[2, 3]", "x: s32[B, T]"]),
  ("cumsum(x, axis: 0, exclusive: true, reverse: true)", ["x: f32[2, 3]"]),
  ("max_pool(x, window: [2, 2], strides: [2, 2])", ["x: f32[1, 3, 8, 8]", "x: f32[B, C, H, W]"]),
  ("max_pool(x, window: [3], pads: [1, 1], dilations: [2])", ["x: s8[1, 3, 9]", "x: f16[B, C, T]"]),
  ("average_pool(x, window: [2, 2], strides: [2, 2])", ["x: f32[1, 3, 8, 8]", "x: f32[B, C, H, W]"]),
  ("average_pool(x, window: [3], pads: [1, 1], count_padding: true)", ["x: f32[1, 3, 9]", "x: f64[B, C, T]"]),
  ("conv_transpose(x, w)", ["x: f32[1, 3, 4, 4], w: f32[3, 2, 3, 3]", "x: f32[B, 3, H, W], w: f32[3, 2, 3, 3]"]),
  (
    "conv_transpose(x, w, strides: [2], pads: [1, 1], output_pads: [1], groups: 2)",
    ["x: f32[1, 4, 5], w: f32[4, 3, 3]", "x: f32[B, 4, T], w: f32[4, 3, 3]"]
  ),
  ("conv_transpose(x, w, strides: [3], dilations: [2])", ["x: s32[1, 1, 5], w: s32[1, 1, 3]"]),
  ("depth_to_space(x, block: 2)", ["x: f32[1, 8, 3, 5]", "x: f32[B, 16, H, W]", "x: s8[B, C, H, W]"]),
  ("depth_to_space(x, block: 2, mode: crd)", ["x: bool[1, 8, 3, 5]", "x: f32[B, 4*C, H, W], y: f32[C]"]),
  ("space_to_depth(x, block: 2)", ["x: f32[1, 8, 4, 6]", "x: f32[B, C, H, W]"]),
  ("resize_axis(x, axis: 0, size: 7)", ["x: f32[3, 2]", "x: f32[B, 2]"]),
  ("resize_axis(x, axis: -1, size: 7, mode: linear, coordinates: align_corners)", ["x: f32[3, 2]", "x: f16[B, T]"]),
  ("resize_axis(x, axis: 1, size: [2 * T], mode: cubic, coordinates: pytorch_half_pixel)", ["x: f64[B, T]"]),
  ("resize_axis(x, axis: 0, size: 2, scale: 0.5, rounding: ceil, coordinates: asymmetric)", ["x: f32[4]"]),
  ("resize(x, sizes: [6, 8], mode: linear)", ["x: f32[1, 2, 3, 4]", "x: f32[B, C, H, W]"]),
  ("resize(x, sizes: [2 * H, 2 * W], mode: cubic)", ["x: f32[B, C, H, W]"]),
  ("resize(x, sizes: [6], scales: [2], rounding: floor)", ["x: f32[1, 2, 3]"]),
  (
    "lstm(x, w, r, h, c)",
    [
      "x: f32[3, 2, 5], w: f32[16, 5], r: f32[16, 4], h: f32[2, 4], c: f32[2, 4]",
      "x: f32[T, B, 5], w: f32[16, 5], r: f32[16, 4], h: f32[B, 4], c: f32[B, 4]",
      "x: f32[T, B, I], w: f32[4*N, I], r: f32[4*N, N], h: f32[B, N], c: f32[B, N]",
    ]
  ),
  (
    "lstm(x, w, r, h, c, b)",
    [
      "x: f64[3, 2, 5], w: f64[16, 5], r: f64[16, 4], h: f64[2, 4], c: f64[2, 4], b: f64[32]",
      "x: f16[T, B, 5], w: f16[16, 5], r: f16[16, 4], h: f16[B, 4], c: f16[B, 4], b: f16[32]",
    ]
  ),
  (
    "gru(x, w, r, h)",
    [
      "x: f32[3, 2, 5], w: f32[12, 5], r: f32[12, 4], h: f32[2, 4]",
      "x: f32[T, B, 5], w: f32[12, 5], r: f32[12, 4], h: f32[B, 4]",
    ]
  ),
  (
    "gru(x, w, r, h, b, linear_before_reset: true)",
    [
      "x: f32[3, 2, 5], w: f32[12, 5], r: f32[12, 4], h: f32[2, 4], b: f32[24]",
      "x: f32[T, B, I], w: f32[3*N, I], r: f32[3*N, N], h: f32[B, N], b: f32[6*N]",
    ]
  ),
]

private let compositeCalls = calls.flatMap { call, list in
  list.map { CompositeCall(call: call, parameters: $0) }
}

@Suite struct CompositeTests {
  /// The body gives what the declaration's shape rule says, for sizes that are known and for symbolic ones.
  @Test(arguments: compositeCalls) func bodyHasTheDeclaredType(_ call: CompositeCall) throws {
    let module = try module("graph f(\(call.parameters)) {\n  return \(call.call)\n}")
    var function = module.functions[0]
    let op = try #require(function.allOps().first { function.opcode(of: $0).name == call.name })
    let code = function.opcode(of: op)
    let declared = function.results(of: op).map { function.type(of: $0) }
    let built = try CompositeExpansion.build(
      code, operandTypes: function.operands(of: op).map { function.type(of: $0) },
      attributes: function.attributes(of: op), symbols: function.symbols)
    try expectSame(built.resultTypes, declared, built.symbols)

    try function.inlineComposite(op)
    let result = try #require(function.terminator(of: function.entry))
    #expect(function.operands(of: result).map { function.type(of: $0) } == declared)
    #expect(!ops(function).contains(call.name))
    #expect(function.name == "f")
    #expect(function.verify().isEmpty, "\(DiagnosticError(function.verify()))")
    #expect(built.verify().isEmpty, "\(DiagnosticError(built.verify()))")
  }

  private func expectSame(_ built: [TensorType], _ declared: [TensorType], _ symbols: SymbolTable) throws {
    try #require(built.count == declared.count)
    for (a, b) in zip(built, declared) {
      #expect(a.element == b.element && a.rank == b.rank, "\(symbols.text(a)) for \(symbols.text(b))")
      for (x, y) in zip(a.dims, b.dims) {
        #expect(symbols.equal(x, y) != .no, "\(symbols.text(a)) for \(symbols.text(b))")
        if x.constantValue != nil || y.constantValue != nil {
          #expect(x == y, "\(symbols.text(a)) for \(symbols.text(b))")
        }
      }
    }
  }

  @Test func everyCompositeIsCalled() {
    let called = Set(compositeCalls.map(\.name))
    for info in OpInfo.all where info.isComposite { #expect(called.contains(info.name), "\(info.name) is not tested") }
  }
}
