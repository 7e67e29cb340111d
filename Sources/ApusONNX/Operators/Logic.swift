import ApusIR
import ApusSupport
import ApusTensor

extension Operators {
  /// Comparison, logic and choice.
  static var logic: [OperatorRule] {
    [
      binary("And", .and), binary("Or", .or), binary("Xor", .xor), unary("Not", .not),
      binary("Equal", .equal), binary("Less", .less), binary("LessOrEqual", .lessEqual), binary("Greater", .greater),
      binary("GreaterOrEqual", .greaterEqual), unary("IsNaN", .isNan),
      OperatorRule("IsInf") { n in
        let attributes: KeyValuePairs<String, Meaning> = [
          "positive": .bool(try n.flag("detect_positive", true)), "negative": .bool(try n.flag("detect_negative", true)),
        ]
        return [.value(try n.call(.isInf, n.value(0), attributes: attributes))]
      },
      OperatorRule("Where", value: { n in try n.call(.select, n.value(0), n.value(1), n.value(2)) }),
      OperatorRule("Identity", folds: false) { [$0.input(0)] },
    ]
  }
}
