import ApusIR
import ApusTensor

extension Operators {
  /// Elementary functions.
  static var functions: [OperatorRule] {
    [
      unary("Sqrt", .sqrt), unary("Exp", .exp), unary("Log", .log),
      unary("Sin", .sin), unary("Cos", .cos), unary("Tan", .tan),
      unary("Asin", .asin), unary("Acos", .acos), unary("Atan", .atan),
      unary("Sinh", .sinh), unary("Cosh", .cosh), unary("Tanh", .tanh),
      unary("Asinh", .asinh), unary("Acosh", .acosh), unary("Atanh", .atanh),
      OperatorRule("Erf") { n in
        let x = try n.value(0)
        guard !n.element(x).isFloat else { return [.value(try n.call(.erf, x))] }
        // Opsets 9 and 13 take integers as well.
        return [.value(n.convert(try n.call(.erf, n.convert(x, to: .f64)), to: n.element(x)))]
      },
    ]
  }
}
