import ApusIR
import ApusTensor

extension Operators {
  static var droppingOut: [OperatorRule] { [OperatorRule("Dropout", dropout)] }

  /// The operand as it is, unless the node trains: then elements are dropped at random, and the others grow for it.
  private static func dropout(_ n: NodeTranslation) throws -> [Imported] {
    let x = try n.value(0)
    if n.version >= 12, n.has(2), try n.isTrue(2, "whether the node trains") {
      let ratio = try n.optionalValue(1) ?? n.scalar(0.5, .f32)
      return try n.results(formula, [
        "x": .value(x), "ratio": .value(n.convert(ratio, to: .f64)), "uniform": .value(n.uniform(n.dims(x), seed: n.int("seed", 0))),
      ]).map { .value($0) }
    }
    let mask: ElementType = n.version >= 10 ? .bool : n.element(x)
    return [n.input(0), n.wants(1) ? .value(try n.filled(1, mask, n.dims(x))) : .absent]
  }

  private static let formula = Formula(
    "Dropout",
    """
    kept = uniform >= ratio
    w = if type(x) == f64 { x } else { convert(x, to: f32) }
    grown = select(ratio == 0, w, w * convert(1 / (1 - ratio), to: type(w)))
    convert(select(kept, grown, 0), to: type(x)), kept
    """)
}

extension NodeTranslation {
  fileprivate func isTrue(_ index: Int, _ what: String) throws -> Bool {
    let flag = try constant(index, what)
    guard flag.count == 1 else { throw error("onnx.operand", "\(what) is one value, not \(flag.count)") }
    return flag.integer(at: 0) != 0
  }

  /// Numbers in 0 ..< 1 of f64 that `seed` determines: those of ONNX's reference implementation where the sizes are known.
  func uniform(_ dims: [Dim], seed: Int) throws -> ValueID {
    let sizes = dims.compactMap(\.constantValue)
    let count = sizes.reduce(1.0) { $0 * Double($1) }
    if sizes.count == dims.count, count <= 1_048_576 {
      var generator = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed))
      return try constant(Tensor((0..<Int(count)).map { _ in generator.uniform() }, shape: sizes))
    }
    let key = try constant(Tensor([UInt64(bitPattern: Int64(seed))], shape: []))
    let bits = try call(.randomBits, [.value(key)], ["shape": .sizes(dims), "to": .elementType(.u32)])
    return try call(.mul, [.value(convert(bits, to: .f64)), .number(1 / 4_294_967_296)])
  }
}
