import ApusIR
import ApusTensor

extension Operators {
  /// Softmax and its kin. Before opset 13 they see a matrix: the axes from `axis` on are one.
  static var softmaxes: [OperatorRule] {
    [
      overAxis("Softmax") { n, x, axis in try n.rounded(x) { try n.call(.softmax, [.value($0)], ["axis": .integer(axis)]) } },
      overAxis("LogSoftmax") { n, x, axis in
        try n.rounded(x) { try n.call(.logSoftmax, [.value($0)], ["axis": .integer(axis)]) }
      },
      overAxis("Hardmax") { n, x, axis in
        let largest = try n.call(.argMax, [.value(x)], ["axis": .integer(axis), "keep_dims": .bool(true)])
        let positions = try n.call(
          .iota, [], ["axis": .integer(axis), "shape": .sizes(n.dims(x)), "to": .elementType(.s64)])
        return n.convert(try n.call(.equal, positions, largest), to: n.element(x))
      },
    ]
  }

  private static func overAxis(
    _ name: String, _ compute: @escaping (NodeTranslation, ValueID, Int) throws -> ValueID
  ) -> OperatorRule {
    OperatorRule(name) { n in
      let x = try n.value(0)
      let dims = n.dims(x)
      if n.version >= 13 {
        // A scalar is a vector of one.
        guard !dims.isEmpty else { return [.value(try n.reshape(compute(n, n.reshape(x, [1]), 0), []))] }
        return [.value(try compute(n, x, n.axis(n.int("axis", -1), rank: dims.count)))]
      }
      let given = try n.int("axis", 1)
      let axis = given == dims.count ? given : try n.axis(given, rank: dims.count)
      let matrix = try n.reshape(x, dims[..<axis] + [n.product(dims[axis...])])
      return [.value(try n.reshape(compute(n, matrix, axis), dims))]
    }
  }
}

extension NodeTranslation {
  /// What `compute` makes of an operand widened to f32 where it is narrower, rounded to its type.
  func rounded(_ x: ValueID, _ compute: (ValueID) throws -> ValueID) rethrows -> ValueID {
    convert(try compute(widened(x)), to: element(x))
  }
}
