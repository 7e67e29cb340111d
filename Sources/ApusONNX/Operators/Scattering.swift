import ApusIR
import ApusTensor

extension Operators {
  /// Elements written at indices.
  static var scattering: [OperatorRule] {
    [
      OperatorRule("Scatter", value: scatterElements), OperatorRule("ScatterElements", value: scatterElements),
      OperatorRule("ScatterND", value: { n in
        let x = try n.value(0)
        let indices = try n.indexVectors(1, n.dims(x))
        return try n.call(
          .scatterNd, [.value(x), .value(indices), .value(n.value(2))], ["reduction": reduction(n)])
      }),
      OperatorRule("TensorScatter", value: tensorScatter),
    ]
  }

  private static func scatterElements(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let axis = try n.axis(n.int("axis", 0), rank: n.rank(x))
    let indices = try n.indices(1, n.dims(x)[axis])
    return try n.call(
      .scatterElements, [.value(x), .value(indices), .value(n.value(2))],
      ["axis": .integer(axis), "reduction": reduction(n)])
  }

  private static func reduction(_ n: NodeTranslation) throws -> Meaning {
    let name = try n.string("reduction", "none")
    guard ["none", "add", "mul", "min", "max"].contains(name) else {
      throw n.error("onnx.attribute", "there is no reduction '\(name)'")
    }
    return .name(name)
  }

  /// Writes what each sequence gains into its cache.
  private static func tensorScatter(_ n: NodeTranslation) throws -> ValueID {
    let (cache, update) = (try n.value(0), try n.value(1))
    let dims = n.dims(update)
    let axis = try n.axis(n.int("axis", -2), rank: n.rank(cache))
    guard axis > 0, dims.count == n.rank(cache) else {
      throw n.error("onnx.attribute", "the axis of a cache comes after that of its sequences")
    }
    var along = dims.map { _ in Dim.constant(1) }
    along[axis] = dims[axis]
    var index = try n.iota(.s64, along, axis: axis)
    if let starts = try n.optionalValue(2) {
      var across = dims.map { _ in Dim.constant(1) }
      across[0] = n.dims(cache)[0]
      index = try n.call(.add, n.reshape(n.convert(starts, to: .s64), across), index)
    }
    switch try n.string("mode", "linear") {
    case "linear": break
    case "circular": index = try n.call(.mod, [.value(index), .size(n.dims(cache)[axis])])
    case let mode: throw n.error("onnx.attribute", "there is no mode '\(mode)'")
    }
    let indices = try n.expand(index, to: dims)
    return try n.call(.scatterElements, [.value(cache), .value(indices), .value(update)], ["axis": .integer(axis)])
  }
}
