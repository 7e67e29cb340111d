import ApusIR
import ApusTensor

extension Operators {
  /// Turns pairs of features by angles that depend on the position.
  static func rotaryEmbedding(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let isPacked = n.rank(x) == 3
    let split = try n.heads(x, n.optionalInt("num_heads"))
    let turned = try n.int("rotary_embedding_dim", 0)
    let features: Dim = turned == 0 ? n.dims(split)[3] : .constant(turned)
    let y = try n.result(rotaryFormula, [
      "x": .value(split), "cos": .value(n.value(1)), "sin": .value(n.value(2)), "positions": n.operand(3),
      "features": .size(features), "interleaved": .bool(n.flag("interleaved")),
    ])
    guard isPacked else { return y }
    return try n.reshape(n.transpose(y, [0, 2, 1, 3]), n.dims(x))
  }

  private static let rotaryFormula = Formula(
    "RotaryEmbedding",
    """
    n = shape(x)[0:3]
    p = floordiv(features, 2)
    d = shape(x)[3]
    cosines = if has(positions) { gather(cos, positions, axis: 0) } else { cos }
    sines = if has(positions) { gather(sin, positions, axis: 0) } else { sin }
    c = reshape(cosines, shape: [n[0], 1, n[2], p])
    s = reshape(sines, shape: [n[0], 1, n[2], p])
    turned = slice(x, starts: [0, 0, 0, 0], limits: n ++ [2 * p])
    rest = slice(x, starts: [0, 0, 0, 2 * p], limits: n ++ [d])
    rotated = if interleaved {
      pairs = reshape(turned, shape: n ++ [p, 2])
      a = reshape(slice(pairs, starts: [0, 0, 0, 0, 0], limits: n ++ [p, 1]), shape: n ++ [p])
      b = reshape(slice(pairs, starts: [0, 0, 0, 0, 1], limits: n ++ [p, 2]), shape: n ++ [p])
      real = reshape(c * a - s * b, shape: n ++ [p, 1])
      imaginary = reshape(s * a + c * b, shape: n ++ [p, 1])
      reshape(concat(real, imaginary, axis: 4), shape: n ++ [2 * p])
    } else {
      a = slice(turned, starts: [0, 0, 0, 0], limits: n ++ [p])
      b = slice(turned, starts: [0, 0, 0, p], limits: n ++ [2 * p])
      concat(c * a - s * b, s * a + c * b, axis: 3)
    }
    concat(rotated, rest, axis: 3)
    """)
}
