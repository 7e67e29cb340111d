import ApusIR
import ApusTensor

extension Operators {
  /// Elements read at indices.
  static var gathering: [OperatorRule] {
    [
      OperatorRule("Gather", value: gather),
      OperatorRule("GatherElements", value: { n in
        let x = try n.value(0)
        let axis = try n.axis(n.int("axis", 0), rank: n.rank(x))
        let indices = try n.indices(1, n.dims(x)[axis])
        return try n.call(.gatherElements, [.value(x), .value(indices)], ["axis": .integer(axis)])
      }),
      OperatorRule("GatherND", value: { n in
        let x = try n.value(0)
        let batch = try n.int("batch_dims", 0)
        guard batch >= 0, batch < max(n.rank(x), 1) else { throw n.error("onnx.attribute", "there are not \(batch) batch axes") }
        let indices = try n.indexVectors(1, Array(n.dims(x)[batch...]))
        return try n.call(.gatherNd, [.value(x), .value(indices)], ["batch_axes": .integer(batch)])
      }),
      OperatorRule("NonZero", value: { n in try n.call(.nonZero, [.value(n.value(0))]) }),
      OperatorRule("Compress", value: { n in
        let (x, axis) = try n.alongAxis()
        return try n.call(.gather, [.value(x), .value(kept(n))], ["axis": .integer(axis)])
      }),
      OperatorRule("OneHot", value: oneHot),
      OperatorRule("ReverseSequence", value: reverseSequence),
    ]
  }

  /// The indices of what a condition keeps.
  private static func kept(_ n: NodeTranslation) throws -> ValueID {
    if let condition = n.constantIfKnown(1) {
      return try n.constant(Tensor((0..<condition.count).filter { condition.integer(at: $0) != 0 }.map { Int64($0) }))
    }
    let places = try n.call(.nonZero, [.value(n.value(1))])
    return try n.reshape(places, [n.dims(places)[1]])
  }

  private static func gather(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let dims = n.dims(x)
    let axis = try n.axis(n.int("axis", 0), rank: dims.count)
    if let known = n.constantIfKnown(1), known.rank == 0 {
      // One index that is known: a view of what it names.
      let index = known.integer(at: 0)
      if let size = dims[axis].constantValue, index < -size || index >= size {
        throw n.error("onnx.index", "the index \(index) is outside of an axis of \(size)")
      }
      let start = index < 0 ? try n.sum(dims[axis], .constant(index)) : .constant(index)
      var kept = dims
      kept.remove(at: axis)
      return try n.reshape(n.slice(x, axis: axis, start, n.sum(start, 1)), kept)
    }
    return try n.call(.gather, [.value(x), .value(n.indices(1, dims[axis]))], ["axis": .integer(axis)])
  }

  private static func oneHot(_ n: NodeTranslation) throws -> ValueID {
    var indices = try n.value(0)
    let depths = try n.sizes(1, "the depth")
    guard depths.count == 1, let depth = depths.first else { throw n.error("onnx.operand", "the depth is not one number") }
    let values = try n.value(2)
    guard n.dims(values) == [2] else { throw n.error("onnx.operand", "the values are not two") }
    indices = n.convert(indices, to: n.element(indices).isFloat ? .f64 : .s64)
    indices = try n.wrapped(indices, .size(depth))
    var dims = n.dims(indices)
    let axis = try n.axis(n.int("axis", -1), rank: dims.count + 1)
    dims.insert(1, at: axis)
    let wide = try n.reshape(indices, dims)
    dims[axis] = depth
    let isHot = try n.call(.equal, wide, n.iota(n.element(indices), dims, axis: axis))
    func value(_ index: Int) throws -> ValueID { try n.reshape(n.slice(values, [.constant(index)], [.constant(index + 1)]), []) }
    return try n.call(.select, isHot, value(1), value(0))
  }

  private static func reverseSequence(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let dims = n.dims(x)
    let time = try n.axis(n.int("time_axis", 0), rank: dims.count)
    let batch = try n.axis(n.int("batch_axis", 1), rank: dims.count)
    guard time != batch else { throw n.error("onnx.attribute", "time and batch are the same axis") }
    var across = dims.map { _ in Dim.constant(1) }
    across[batch] = dims[batch]
    let lengths = try n.reshape(n.convert(n.value(1), to: .s64), across)
    var along = dims.map { _ in Dim.constant(1) }
    along[time] = dims[time]
    let position = try n.iota(.s64, along, axis: time)
    let last = try n.call(.sub, [.value(lengths), .integer(1)])
    let mirrored = try n.call(.sub, last, position)
    let source = try n.call(.select, n.call(.less, position, lengths), mirrored, position)
    return try n.call(
      .gatherElements, [.value(x), .value(n.expand(source, to: dims))], ["axis": .integer(time)])
  }
}
