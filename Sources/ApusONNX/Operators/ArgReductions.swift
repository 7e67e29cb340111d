import ApusIR
import ApusTensor

extension Operators {
  /// Where the largest and smallest elements are.
  static var argReductions: [OperatorRule] {
    [
      argReduction("ArgMax", .argMax), argReduction("ArgMin", .argMin),
      OperatorRule("TopK") { n in
        let x = try n.value(0)
        let count: Dim
        if n.version < 10 {
          count = .constant(try n.int("k", 0))
        } else {
          let counts = try n.sizes(1, "the number of elements")
          guard counts.count == 1 else { throw n.error("onnx.operand", "K has \(counts.count) elements, not one") }
          count = counts[0]
        }
        let axis = try n.axis(n.int("axis", -1), rank: n.rank(x))
        let attributes: KeyValuePairs<String, Meaning> = [
          "k": .sizes([count]), "axis": .integer(axis), "largest": .bool(try n.flag("largest", true)),
        ]
        return try n.calls(.topK, [.value(x)], attributes).map { .value($0) }
      },
    ]
  }

  private static func argReduction(_ name: String, _ code: OpCode) -> OperatorRule {
    OperatorRule(name) { n in
      let x = try n.value(0)
      let attributes: KeyValuePairs<String, Meaning> = [
        "axis": .integer(try n.axis(n.int("axis", 0), rank: n.rank(x))),
        "keep_dims": .bool(try n.flag("keepdims", true)), "last": .bool(try n.flag("select_last_index")),
      ]
      return [.value(try n.call(code, x, attributes: attributes))]
    }
  }
}
