import ApusIR
import ApusTensor

extension Operators {
  /// Folds that run along an axis.
  static var cumulations: [OperatorRule] { [cumulation("CumSum", "sum"), cumulation("CumProd", "prod")] }

  private static func cumulation(_ name: String, _ kind: String) -> OperatorRule {
    OperatorRule(name) { n in
      let x = try n.value(0)
      let axes = try n.integers(1, "the axis")
      guard axes.count == 1 else { throw n.error("onnx.operand", "the axis has \(axes.count) elements, not one") }
      let attributes: KeyValuePairs<String, Meaning> = [
        "axis": .integer(try n.axis(axes[0], rank: n.rank(x))), "kind": .name(kind),
        "exclusive": .bool(try n.flag("exclusive")), "reverse": .bool(try n.flag("reverse")),
      ]
      return [.value(try n.call(.scan, x, attributes: attributes))]
    }
  }
}
