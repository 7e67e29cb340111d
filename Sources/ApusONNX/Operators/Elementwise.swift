import ApusIR
import ApusTensor

extension Operators {
  /// Arithmetic, comparison and logic element by element.
  static var elementwise: [OperatorRule] {
    [
      unary("Abs", .abs), unary("Neg", .neg), unary("Exp", .exp), unary("Log", .log), unary("Sqrt", .sqrt), unary("Relu", .relu),
      binary("Add", .add), binary("Sub", .sub), binary("Mul", .mul), binary("Div", .div),
    ]
  }

  private static func unary(_ name: String, _ code: OpCode) -> OperatorRule {
    OperatorRule(name, value: { try $0.call(code, $0.value(0)) })
  }

  private static func binary(_ name: String, _ code: OpCode) -> OperatorRule {
    OperatorRule(name, value: { try $0.call(code, $0.value(0), $0.value(1)) })
  }
}
