import ApusIR
import ApusTensor

/// Indices as operands: ONNX counts negative ones from the end, our ops take none.
extension NodeTranslation {
  /// The operand, of indices into an axis of that size.
  func indices(_ index: Int, _ size: Dim) throws -> ValueID {
    if let sizes = context.sizeTensor(of: input(index)), sizes.dims.allSatisfy({ isAtMost(0, $0) == .yes }) {
      return try value(index)
    }
    if let known = constantIfKnown(index) {
      guard let smallest = (0..<known.count).lazy.map({ known.integer(at: $0) }).min(), smallest < 0 else {
        return try value(index)
      }
      if let size = size.constantValue {
        var counted = known
        for place in 0..<known.count {
          let own = known.integer(at: place)
          if own < 0 { counted.setScalar(.signed(Int64(own + size)), at: place) }
        }
        return try constant(counted)
      }
    }
    return try wrapped(value(index), .size(size))
  }

  /// The operand, whose last axis holds indices of these axes.
  func indexVectors(_ index: Int, _ axes: [Dim]) throws -> ValueID {
    let indices = try value(index)
    guard let depth = dims(indices).last?.constantValue else {
      throw unsupported("how many axes an index names is not known before the model runs")
    }
    guard depth <= axes.count else { throw error("onnx.shape", "an index names \(depth) axes of \(axes.count)") }
    if let known = constantIfKnown(index), (0..<known.count).allSatisfy({ known.integer(at: $0) >= 0 }) { return indices }
    let sizes = try value(of: SizeTensor(Array(axes[..<depth]), shape: [depth], element(indices)).imported)
    return try wrapped(indices, .value(sizes))
  }

  /// Indices, with `size` added to those below 0.
  func wrapped(_ indices: ValueID, _ size: Meaning) throws -> ValueID {
    let isNegative = try call(.less, [.value(indices), .integer(0)])
    let fromEnd = try call(.add, [.value(indices), size])
    return try call(.select, isNegative, fromEnd, indices)
  }
}
