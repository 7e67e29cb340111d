import ApusTensor
import Testing

/// Composites against numbers that NumPy computed from their textbook definitions, element by element.
@Suite struct NumericTests {
  private func check(_ results: [Tensor], _ expected: [Double]..., within tolerance: Double = 3e-6) {
    #expect(results.count == expected.count)
    for (tensor, numbers) in zip(results, expected) {
      #expect(close(doubles(tensor), numbers, within: tolerance), "\(doubles(tensor))")
    }
  }

  @Test func lstm() throws {
    let text = """
      graph f(x: f32[T, B, 2], w: f32[8, 2], r: f32[8, 2], h: f32[B, 2], c: f32[B, 2], b: f32[16]) {
        return lstm(x, w, r, h, c, b)
      }
      """
    let results = try run(
      text, ramp([3, 2, 2]), ramp([8, 2], scale: 0.05), ramp([8, 2], scale: 0.04, from: -0.3),
      ramp([2, 2], from: 0), ramp([2, 2], scale: 0.2, from: -0.1), ramp([16], scale: 0.03, from: -0.2))
    check(
      results,
      [
        0.01304303, 0.1582865, 0.09826619, 0.01631284, 0.01601364, 0.06223346, 0.02949353, -0.03919299, -0.02310633,
        -0.03082319, -0.02990868, -0.1111127,
      ],
      [-0.02310633, -0.03082319, -0.02990868, -0.1111127], [-0.04038888, -0.05573055, -0.05296485, -0.2094588])
  }

  @Test(arguments: [
    (
      false,
      [
        -0.01280725, 0.1613136, 0.03793353, 0.03993355, -0.1127895, 0.033858, 0.09768023, 0.1152263, -0.01561332,
        0.08357645, 0.01280892, 0.0936783,
      ]
    ),
    (
      true,
      [
        -0.03795504, 0.1741603, 0.01042397, 0.05383154, -0.1524154, 0.05490304, 0.05542511, 0.1327444, -0.06513605,
        0.1045638, -0.03825934, 0.1153845,
      ]
    ),
  ]) func gru(linearBeforeReset: Bool, expected: [Double]) throws {
    let text = """
      graph f(x: f32[3, 2, 2], w: f32[6, 2], r: f32[6, 2], h: f32[2, 2], b: f32[12]) {
        return gru(x, w, r, h, b, linear_before_reset: \(linearBeforeReset))
      }
      """
    let results = try run(
      text, ramp([3, 2, 2]), ramp([6, 2], scale: 0.05), ramp([6, 2], scale: 0.04, from: -0.3), ramp([2, 2], from: 0),
      ramp([12], scale: 0.03, from: -0.2))
    check(results, expected, Array(expected.suffix(4)))
  }

  @Test func noStepsReturnTheInitialState() throws {
    let text = """
      graph f(x: f32[T, 2, 2], w: f32[6, 2], r: f32[6, 2], h: f32[2, 2]) { return gru(x, w, r, h) }
      """
    let h = ramp([2, 2], from: 0)
    let results = try run(text, Tensor([Float](), shape: [0, 2, 2]), ramp([6, 2]), ramp([6, 2]), h)
    #expect(results[0].shape == [0, 2, 2])
    #expect(results[1] == h)
  }

  @Test func groupedAttention() throws {
    let text = """
      graph f(q: f32[B, 2, S, 2], k: f32[B, G, T, 2], v: f32[B, G, T, 2]) { return attention(q, k, v) }
      """
    let results = try run(
      text, ramp([1, 2, 2, 2], scale: 0.3), ramp([1, 1, 3, 2], scale: 0.2), ramp([1, 1, 3, 2], scale: 0.5, from: -1))
    check(
      results,
      [0.2041404, 0.7041404, 0.4056634, 0.9056634, 0.2041403, 0.7041403, -0.01885366, 0.4811463])
  }

  @Test func causalAttentionWithMask() throws {
    let text = """
      graph f(q: f32[1, 2, 2, 2], k: f32[1, 1, 3, 2], v: f32[1, 1, 3, 2], m: f32[2, 3]) {
        return attention(q, k, v, mask: m, causal: true, scale: 0.5)
      }
      """
    let results = try run(
      text, ramp([1, 2, 2, 2], scale: 0.3), ramp([1, 1, 3, 2], scale: 0.2), ramp([1, 1, 3, 2], scale: 0.5, from: -1),
      ramp([2, 3], scale: 0.25, from: -0.2))
    check(
      results,
      [-0.3846162, 0.1153838, 0.4374664, 0.9374664, -0.3846162, 0.1153838, 0.1519967, 0.6519967])
  }

  @Test func headsThatDoNotDivideAreRefusedWhenRun() throws {
    let text = """
      graph f(q: f32[1, H, 2, 2], k: f32[1, G, 3, 2], v: f32[1, G, 3, 2]) { return attention(q, k, v) }
      """
    #expect(throws: (any Error).self) {
      try run(text, ramp([1, 3, 2, 2]), ramp([1, 2, 3, 2]), ramp([1, 2, 3, 2]))
    }
  }

  private let cos = floats([0.9950042, 0.8775826, 0.6216099, 0.2674988, -0.1288445, -0.504846], 3, 2)
  private let sin = floats([0.09983342, 0.4794255, 0.7833269, 0.9635582, 0.9916648, 0.8632094], 3, 2)

  @Test(arguments: [
    (
      false,
      [
        -0.7271189, 0.7418817, 2.238593, 0.5192413, 1.5, 2.9, 0.5134597, -0.6908783, 0.4861679, 2.371221, 2.7, 0.5,
        -1.335636, -2.00657, 1.742434, -1.521078, 0.3, 1.7,
      ]
    ),
    (
      true,
      [
        -0.5873522, 0.845587, 1.970497, 1.190437, 1.5, 2.9, -1.20986, 1.85371, -1.279376, 0.2513926, 2.7, 0.5,
        0.05269481, 1.922817, -2.713354, -0.3125847, 0.3, 1.7,
      ]
    ),
  ]) func rope(interleaved: Bool, expected: [Double]) throws {
    let text = """
      graph f(x: f32[B, H, T, 6], c: f32[T, P], s: f32[T, P]) { return rope(x, c, s, interleaved: \(interleaved)) }
      """
    check(try run(text, ramp([1, 1, 3, 6], scale: 0.2), cos, sin), expected)
  }

  @Test func convTranspose() throws {
    let text = """
      graph f(x: f32[B, 2, T], w: f32[2, 2, 3]) {
        return conv_transpose(x, w, strides: [2], pads: [1, 1], output_pads: [1])
      }
      """
    check(
      try run(text, ramp([1, 2, 4]), ramp([2, 2, 3], scale: 0.2)),
      [-0.42, -0.3, 0.24, -0.5, 0.18, -0.62, 0.12, -0.44, -0.3, -0.66, -0.24, 0.34, -0.42, -0.02, -0.6, -0.2])
  }

  @Test func groupedDilatedConvTranspose() throws {
    let text = """
      graph f(x: f32[1, 2, 3], w: f32[2, 1, 2]) {
        return conv_transpose(x, w, pads: [0, 1], dilations: [2], groups: 2)
      }
      """
    check(
      try run(text, ramp([1, 2, 3]), ramp([2, 1, 2], scale: 0.3)),
      [0.25, 0.2, -0.05, -0.16, -0.02, -0.01, 0.04, 0.02])
  }

  @Test(arguments: [
    ("8, mode: nearest", [-0.5, -0.5, 0.1, 0.7, 0.7, -0.2, 0.4, 0.4]),
    ("3, mode: nearest, rounding: round_prefer_ceil", [-0.5, 0.7, 0.4]),
    ("7, coordinates: asymmetric, rounding: floor", [-0.5, -0.5, 0.1, 0.7, 0.7, -0.2, 0.4]),
    ("7, coordinates: align_corners, rounding: ceil", [-0.5, 0.1, 0.7, 0.7, -0.2, 0.4, 0.4]),
    ("8, mode: linear", [-0.5, -0.2375, 0.1375, 0.5125, 0.41875, -0.14375, 0.1375, 0.4]),
    ("3, mode: linear, coordinates: align_corners", [-0.5, 0.7, 0.4]),
    ("1, mode: linear, coordinates: pytorch_half_pixel", [-0.5]),
    ("8, mode: cubic", [-0.5557007, -0.290564, 0.1570008, 0.6544983, 0.4731324, -0.1783569, 0.06943972, 0.4557007]),
    ("9, mode: cubic, coordinates: align_corners", [-0.5, -0.25625, 0.1, 0.540625, 0.7, 0.25, -0.2, 0.01562502, 0.4]),
  ]) func resizeAxis(arguments: String, expected: [Double]) throws {
    for type in ["f32[5]", "f32[B]"] {
      let text = "graph f(x: \(type)) { return resize_axis(x, axis: 0, size: \(arguments)) }"
      check(try run(text, ramp([5], scale: 0.3)), expected)
    }
  }

  @Test func resizeGoesAxisByAxis() throws {
    let text = """
      graph f(x: f32[1, 1, H, W]) {
        y = resize_axis(resize_axis(x, axis: 2, size: 4, mode: linear), axis: 3, size: 5, mode: linear)
        return resize(x, sizes: [4, 5], mode: linear), y
      }
      """
    let results = try run(text, ramp([1, 1, 2, 3]))
    #expect(results[0].shape == [1, 1, 4, 5])
    #expect(results[0] == results[1])
  }

  @Test func groupNorm() throws {
    let text = """
      graph f(x: f32[B, 4, S], scale: f32[4], bias: f32[4]) { return group_norm(x, scale, bias, groups: 2) }
      """
    let results = try run(
      text, ramp([2, 4, 3]), ramp([4], scale: 0.5, from: 0.5), ramp([4], scale: 0.2, from: -0.1))
    check(
      results,
      [
        -0.7934664, -0.2824912, 0.228484, 3.857837, -1.105922, 0.9379787, 1.615675, -1.825321, -0.4084403, 0.5722935,
        1.516881, -0.7771166, -0.2094947, 0.3014805, -0.9394593, -0.8139362, 1.229965, 3.273865, -1.096148, 0.6807677,
        2.457683, -1.338455, -0.1538451, 1.030765,
      ])
  }

  @Test func crossEntropy() throws {
    let text = "graph f(x: f32[B, 4], y: s64[B]) { return cross_entropy(x, y) }"
    check(try run(text, ramp([3, 4], scale: 0.7), Tensor([Int64(1), 0, 3])), [3.438612])
  }

  @Test(arguments: [
    ("none", [-0.04550026, -0.1542688, 0.8413447, 2.99595]), ("tanh", [-0.04540231, -0.154286, 0.841192, 2.996363]),
  ]) func gelu(approximate: String, expected: [Double]) throws {
    let text = "graph f(x: f32[4]) { return gelu(x, approximate: \(approximate)) }"
    check(try run(text, floats([-2, -0.5, 1, 3], 4)), expected)
  }

  /// Sums of f16 are kept in f32: 70 000 ones have the mean 1, though neither their sum nor their count is an f16.
  @Test func meanOfManyHalves() throws {
    let text = """
      graph f(x: f32[N]) { return mean(convert(x, to: f16), axes: [0]), variance(convert(x, to: bf16), axes: [0]) }
      """
    let results = try run(text, floats([Float](repeating: 1, count: 70_000), 70_000))
    check(results, [1], [0])
  }
}
