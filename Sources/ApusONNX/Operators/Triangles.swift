import ApusIR
import ApusTensor

extension Operators {
  /// Matrices by their diagonals.
  static var triangles: [OperatorRule] {
    [
      OperatorRule("Trilu") { n in
        let x = try n.value(0)
        guard n.rank(x) >= 2 else { throw n.error("onnx.shape", "a matrix has two axes, not \(n.rank(x))") }
        var offset = try n.diagonal(Array(n.dims(x).suffix(2)))
        if let k = try n.optionalValue(1) { offset = try n.call(.sub, offset, n.reshape(k, [])) }
        let isUpper = try n.flag("upper", true)
        let isKept = try n.call(isUpper ? .greaterEqual : .lessEqual, [.value(offset), .integer(0)])
        let zero = try n.scalar(0, n.element(x))
        return [.value(try n.call(.select, isKept, x, zero))]
      },
      OperatorRule("EyeLike") { n in
        let type = try n.inputType(0)
        guard type.rank == 2 else { throw n.error("onnx.shape", "a matrix has two axes, not \(type.rank)") }
        let element = try n.optionalElementType("dtype") ?? type.element
        let isOne = try n.call(.equal, [.value(n.diagonal(type.dims)), .integer(n.int("k", 0))])
        return [.value(n.convert(isOne, to: element))]
      },
    ]
  }
}

extension NodeTranslation {
  /// Each element's diagonal, counted upwards from the main one: its column less its row.
  fileprivate func diagonal(_ dims: [Dim]) throws -> ValueID {
    func positions(_ axis: Int) throws -> ValueID {
      try call(.iota, [], ["axis": .integer(axis), "shape": .sizes(dims), "to": .elementType(.s64)])
    }
    return try call(.sub, positions(1), positions(0))
  }
}
