import ApusIR
import ApusTensor

extension Operators {
  /// Numbers drawn at random. A node without a seed has one of its own, which its name determines: a model gives the same
  /// numbers each time that it runs.
  static var randomTensors: [OperatorRule] {
    [
      OperatorRule("RandomUniform", value: { try uniform($0, stated($0), standard: .f32) }),
      OperatorRule("RandomUniformLike", folds: false, value: { try uniform($0, $0.inputType(0).dims, standard: $0.inputType(0).element) }),
      OperatorRule("RandomNormal", value: { try normal($0, stated($0), standard: .f32) }),
      OperatorRule("RandomNormalLike", folds: false, value: { try normal($0, $0.inputType(0).dims, standard: $0.inputType(0).element) }),
      OperatorRule("Bernoulli", folds: false, value: { n in
        let x = try n.value(0)
        let isOne = try n.call(.less, n.uniform(n.dims(x), seed: seed(n)), n.convert(x, to: .f64))
        return n.convert(isOne, to: try n.optionalElementType("dtype") ?? n.element(x))
      }),
      OperatorRule("Multinomial", folds: false, value: multinomial),
    ]
  }

  private static func stated(_ n: NodeTranslation) throws -> [Dim] {
    let shape = try n.ints("shape")
    guard shape.allSatisfy({ $0 >= 0 }) else { throw n.error("onnx.attribute", "the shape \(shape) has a negative size") }
    return shape.map { .constant($0) }
  }

  private static func seed(_ n: NodeTranslation) throws -> Int {
    if let given = try n.optionalFloat("seed") {
      guard let seed = Int(exactly: given.rounded(.towardZero)) else { throw n.error("onnx.attribute", "the seed is \(given)") }
      return seed
    }
    // FNV-1a.
    let hash = (n.node.outputs.first ?? "").utf8.reduce(2_166_136_261 as UInt32) { ($0 ^ UInt32($1)) &* 16_777_619 }
    return Int(hash)
  }

  private static func element(_ n: NodeTranslation, _ standard: ElementType) throws -> ElementType {
    let element = try n.optionalElementType("dtype") ?? standard
    guard element.isFloat else { throw n.error("onnx.attribute", "'dtype' is \(element), no type of floats") }
    return element
  }

  private static func uniform(_ n: NodeTranslation, _ dims: [Dim], standard: ElementType) throws -> ValueID {
    let element = try element(n, standard)
    try n.checkSize(TensorType(.f64, dims))
    let (low, high) = (try n.float("low", 0), try n.float("high", 1))
    let scaled = try n.call(.mul, [.value(n.uniform(dims, seed: seed(n))), .number(high - low)])
    return n.convert(try n.call(.add, [.value(scaled), .number(low)]), to: element)
  }

  /// By Box and Muller's transform of two uniform numbers.
  private static func normal(_ n: NodeTranslation, _ dims: [Dim], standard: ElementType) throws -> ValueID {
    let element = try element(n, standard)
    try n.checkSize(TensorType(.f64, [2] + dims))
    let y = try n.result(normalFormula, [
      "u": .value(n.uniform([2] + dims, seed: seed(n))), "rest": .sizes(dims), "mean": .number(n.float("mean", 0)),
      "scale": .number(n.float("scale", 1)),
    ])
    return n.convert(try n.reshape(y, dims), to: element)
  }

  private static let normalFormula = Formula(
    "RandomNormal",
    """
    pairs = reshape(u, shape: [2, product(rest)])
    a = slice(pairs, starts: [0, 0], limits: [1, product(rest)])
    b = slice(pairs, starts: [1, 0], limits: [2, product(rest)])
    mean + scale * sqrt(-2 * log1p(-a)) * cos(6.283185307179586 * b)
    """)

  /// Draws classes by the logarithms of their weights.
  private static func multinomial(_ n: NodeTranslation) throws -> ValueID {
    let x = n.convert(try n.value(0), to: .f64)
    let count = try n.int("sample_size", 1)
    guard n.rank(x) == 2, count >= 0 else { throw n.error("onnx.operand", "\(count) samples of \(n.rank(x)) axes: there are 2") }
    let element = try n.optionalElementType("dtype") ?? .s32
    guard element == .s32 || element == .s64 else { throw n.error("onnx.attribute", "'dtype' is \(element), not s32 or s64") }
    let dims = [n.dims(x)[0], Dim.constant(count)]
    try n.checkSize(TensorType(.f64, dims + [n.dims(x)[1]]))
    let drawn = try n.result(multinomialFormula, ["x": .value(x), "u": .value(n.uniform(dims, seed: seed(n)))])
    return n.convert(drawn, to: element)
  }

  private static let multinomialFormula = Formula(
    "Multinomial",
    """
    b = shape(x)[0]
    c = shape(x)[1]
    ends = reshape(scan(softmax(x, axis: 1), axis: 1), shape: [b, 1, c])
    below = reduce_sum(convert(ends <= reshape(u, shape: [b, shape(u)[1], 1]), to: s64), axes: [2])
    min(below, c - 1)
    """)
}
