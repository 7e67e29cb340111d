/// Models as text, of any size.
enum GeneratedText {
  /// IR of so many ops, the `return` aside, each of which reads the one before.
  ///
  /// - Parameter distinctTypes: gives each op's result a type that no other has; otherwise there are four types.
  static func ir(ops count: Int, distinctTypes: Bool) -> String {
    var lines = ["apus-ir 1", ""]
    lines.reserveCapacity(count + 8)
    if distinctTypes {
      lines.append("func @chain(%x: f32[1], %zero: f32[]) -> f32[\(count + 1)] {")
      var last = "%x"
      for index in 0..<count {
        lines.append("  %v\(index): f32[\(index + 2)] = pad \(last), %zero, low: [0], high: [1]")
        last = "%v\(index)"
      }
      lines.append("  return \(last)")
    } else {
      lines.append("func @chain(%x: f32[32, 64], %w: f32[64, 64], %b: f32[64]) -> f32[32, 64] {")
      var last = "%x"
      for index in 0..<count {
        let (value, type) = ("%v\(index)", "f32[32, 64]")
        switch index % 8 {
        case 0: lines.append("  \(value): \(type) = matmul \(last), %w")
        case 1: lines.append("  \(value): \(type) = broadcast %b, axes: [1]")
        case 2: lines.append("  \(value): \(type) = add %v\(index - 2), \(last)")
        case 3: lines.append("  \(value): f32[32] = reduce_sum \(last), axes: [1]")
        case 4: lines.append("  \(value): \(type) = broadcast \(last), axes: [0]")
        case 5: lines.append("  \(value): \(type) = sub %v\(index - 3), \(last)")
        case 6: lines.append("  \(value): \(type) = tanh \(last)")
        case _: lines.append("  \(value): \(type) = mul \(last), %v\(index - 2)")
        }
        // A row of sums is no operand of the ops that follow the last one.
        last = index % 8 == 3 && index == count - 1 ? "%v\(index - 1)" : value
      }
      lines.append("  return \(last)")
    }
    lines.append("}")
    lines.append("")
    return lines.joined(separator: "\n")
  }

  /// A transformer of so many layers in the language of graphs, its weights random.
  ///
  /// - Parameter varied: gives the hidden part of each layer a width of its own, so that no layer shares its kernels.
  static func transformer(layers: Int, varied: Bool) -> String {
    let (heads, width, head) = (4, 64, 16)
    var lines = ["graph transformer(x0: f32[B, 32, \(width)]) where B in 1...16 {"]
    for layer in 0..<layers {
      let hidden = 4 * width + (varied ? 8 * layer : 0)
      func weight(_ name: String, _ shape: String, _ seed: Int) -> String {
        "  \(name)\(layer) = weight f32[\(shape)] random(seed: \(layer * 8 + seed))"
      }
      lines += [
        weight("wq", "\(width), \(width)", 1), weight("wk", "\(width), \(width)", 2),
        weight("wv", "\(width), \(width)", 3), weight("wo", "\(width), \(width)", 4),
        weight("w1", "\(width), \(hidden)", 5), weight("b1", "\(hidden)", 6),
        weight("w2", "\(hidden), \(width)", 7), weight("b2", "\(width)", 8),
        "  n\(layer) = layer_norm(x\(layer))",
      ]
      for name in ["q", "k", "v"] {
        lines += [
          "  \(name)\(layer) = transpose(reshape(n\(layer) @ w\(name)\(layer), shape: [B, 32, \(heads), \(head)]), "
            + "perm: [0, 2, 1, 3])"
        ]
      }
      lines += [
        "  a\(layer) = transpose(attention(q\(layer), k\(layer), v\(layer)), perm: [0, 2, 1, 3])",
        "  y\(layer) = x\(layer) + reshape(a\(layer), shape: [B, 32, \(width)]) @ wo\(layer)",
        "  h\(layer) = gelu(layer_norm(y\(layer)) @ w1\(layer) + b1\(layer))",
        "  x\(layer + 1) = y\(layer) + h\(layer) @ w2\(layer) + b2\(layer)",
      ]
    }
    lines += ["  return x\(layers)", "}", ""]
    return lines.joined(separator: "\n")
  }
}
