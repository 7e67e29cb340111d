import ApusIR
import ApusSupport
import ApusTensor

extension Operators {
  /// Comparison, logic and choice.
  static var logic: [OperatorRule] {
    [
      binary("And", .and), binary("Or", .or), binary("Xor", .xor), unary("Not", .not),
      comparison("Equal", .equal) { $0.equal($1, $2) },
      comparison("Less", .less) { !$0.lessOrEqual($2, $1) },
      comparison("LessOrEqual", .lessEqual) { $0.lessOrEqual($1, $2) },
      comparison("Greater", .greater) { !$0.lessOrEqual($1, $2) },
      comparison("GreaterOrEqual", .greaterEqual) { $0.lessOrEqual($2, $1) },
      unary("IsNaN", .isNan),
      OperatorRule("IsInf") { n in
        let attributes: KeyValuePairs<String, Meaning> = [
          "positive": .bool(try n.flag("detect_positive", true)), "negative": .bool(try n.flag("detect_negative", true)),
        ]
        return [.value(try n.call(.isInf, n.value(0), attributes: attributes))]
      },
      OperatorRule("Where") { n in
        if let sizes = try n.selectedSizes() { return [sizes] }
        return [.value(try n.call(.select, n.value(0), n.value(1), n.value(2)))]
      },
      OperatorRule("Identity", folds: false) { [$0.input(0)] },
    ]
  }

  private static func comparison(
    _ name: String, _ code: OpCode, onSizes: @escaping (SymbolTable, Dim, Dim) -> Trilean
  ) -> OperatorRule {
    OperatorRule(name) { n in
      if let known = try n.comparedSizes(onSizes) { return [known] }
      return [.value(try n.call(code, n.value(0), n.value(1)))]
    }
  }
}

extension Trilean {
  fileprivate static prefix func ! (value: Trilean) -> Trilean {
    switch value {
    case .yes: .no
    case .no: .yes
    case .unknown: .unknown
    }
  }
}
