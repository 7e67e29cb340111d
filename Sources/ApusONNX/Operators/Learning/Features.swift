import ApusIR
import ApusTensor

extension Operators {
  /// Operators of `ai.onnx.ml` that choose, map and rescale features.
  static var features: [OperatorRule] {
    [
      OperatorRule("ArrayFeatureExtractor", domain: learning, value: extracted),
      OperatorRule("Binarizer", domain: learning, value: { n in
        let x = try n.value(0)
        let threshold = try n.float("threshold", 0)
        guard n.element(x).isFloat else {
          let isAbove = try n.call(.greater, [.value(n.convert(x, to: .f64)), .number(threshold)])
          return n.convert(isAbove, to: n.element(x))
        }
        return n.convert(try n.call(.greater, [.value(x), .number(threshold)]), to: n.element(x))
      }),
      OperatorRule("LabelEncoder", domain: learning, value: encoded),
      OperatorRule("Scaler", domain: learning, value: { n in
        var x = n.convert(try n.value(0), to: .f32)
        if let offset = try features(n, "offset") { x = try n.call(.sub, x, offset) }
        if let scale = try features(n, "scale") { x = try n.call(.mul, x, scale) }
        return x
      }),
      OperatorRule("Normalizer", domain: learning, value: normalized),
      OperatorRule("FeatureVectorizer", domain: learning, value: { n in
        try n.concat((0..<n.inputCount).map { index in
          let x = try n.value(index)
          guard n.rank(x) == 1 || n.rank(x) == 2 else { throw n.error("onnx.shape", "an operand has \(n.rank(x)) axes, not 1 or 2") }
          return n.convert(n.rank(x) == 1 ? try n.reshape(x, [n.dims(x)[0], 1]) : x, to: .f32)
        }, axis: 1)
      }),
    ]
  }

  static let learning = "ai.onnx.ml"

  /// Features by their number, of all rows. A vector is one row.
  private static func extracted(_ n: NodeTranslation) throws -> ValueID {
    let (x, given) = (try n.value(0), try n.value(1))
    guard n.rank(x) > 0 else { throw n.error("onnx.shape", "the operand is a scalar") }
    let count = try n.product(n.dims(given))
    let found = try n.call(.gather, [.value(x), .value(n.reshape(given, [count]))], ["axis": .integer(n.rank(x) - 1)])
    return n.rank(x) == 1 ? try n.reshape(found, [1, count]) : found
  }

  /// Numbers that are one for all features or one for each; nil without any.
  private static func features(_ n: NodeTranslation, _ name: String) throws -> ValueID? {
    guard let given = try n.optionalFloats(name), !given.isEmpty else { return nil }
    return try n.constant(Tensor(given.map { Float($0) }))
  }

  private static func normalized(_ n: NodeTranslation) throws -> ValueID {
    let x = n.convert(try n.value(0), to: .f32)
    guard n.rank(x) == 1 || n.rank(x) == 2 else { throw n.error("onnx.shape", "the operand has \(n.rank(x)) axes, not 1 or 2") }
    let name = try n.string("norm", "MAX")
    guard ["MAX", "L1", "L2"].contains(name) else { throw n.error("onnx.attribute", "there is no norm '\(name)'") }
    return try n.result(normFormula, ["x": .value(x), "largest": .bool(name == "MAX"), "squares": .bool(name == "L2")])
  }

  /// A row whose norm is 0 stays as it is.
  private static let normFormula = Formula(
    "Normalizer",
    """
    last = [rank(x) - 1]
    norm = if largest {
      reduce_max(abs(x), axes: last, keep_dims: true)
    } else {
      if squares { sqrt(reduce_sum(x * x, axes: last, keep_dims: true)) } else { reduce_sum(abs(x), axes: last, keep_dims: true) }
    }
    select(norm == 0, x, x / norm)
    """)

  // MARK: Labels

  private static func encoded(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    guard let keys = try table(n, "keys"), let values = try table(n, "values") else {
      throw n.error("onnx.attribute", "'keys' and 'values' are missing")
    }
    guard keys.count == values.count, keys.rank <= 1, values.rank <= 1 else {
      throw n.error("onnx.attribute", "\(keys.count) keys and \(values.count) values: each key has one")
    }
    guard keys.elementType == n.element(x) else {
      throw n.error("onnx.type", "the keys are of \(keys.elementType), and the operand of \(n.element(x))")
    }
    let standard = try standard(n, values.elementType)
    // Of equal keys the last one counts; a number that no key has is the one behind them.
    let place = try n.result(placeFormula, [
      "x": .value(n.reshape(x, n.dims(x) + [1])), "keys": .value(try n.constant(keys.reshaped([keys.count]))),
    ])
    let all = try n.concat([n.reshape(n.constant(standard), [1]), n.constant(values.reshaped([values.count]))], axis: 0)
    return try n.call(.gather, [.value(all), .value(place)], ["axis": .integer(0)])
  }

  private static let placeFormula = Formula(
    "LabelEncoder",
    """
    number = iota(axis: 0, shape: shape(keys), to: s64) + 1
    isFound = x == keys || x != x && keys != keys
    max(reduce_max(select(isFound, number, 0), axes: [rank(x) - 1]), 0)
    """)

  private static func table(_ n: NodeTranslation, _ name: String) throws -> Tensor? {
    if n.attribute(name + "_strings") != nil || n.attribute("classes_strings") != nil {
      throw n.unsupported("tensors of strings are not supported")
    }
    if let proto = n.attribute(name + "_tensor")?.tensor { return try n.context.externalData.tensor(proto) }
    if let integers = try n.optionalInts(name + "_int64s") { return Tensor(integers.map { Int64($0) }) }
    return try n.optionalFloats(name + "_floats").map { Tensor($0.map { Float($0) }) }
  }

  /// What becomes of an element that is no key.
  private static func standard(_ n: NodeTranslation, _ element: ElementType) throws -> Tensor {
    if let proto = n.attribute("default_tensor")?.tensor {
      let tensor = try n.context.externalData.tensor(proto)
      guard tensor.count == 1, tensor.elementType == element else {
        throw n.error("onnx.attribute", "'default_tensor' is no \(element)")
      }
      return try tensor.reshaped([])
    }
    let value: Scalar = element.isFloat
      ? .float(try n.float("default_float", -0.0)) : .signed(Int64(try n.int("default_int64", -1)))
    return try Tensor(repeating: value, element, shape: [])
  }
}
