/// The elementary functions that are emitted as vector code of our own.
///
/// A result depends on its operands' values only: never on the lane count, on the lane, or on the neighbours.
/// NaN in gives NaN out (but pow(x, 0) = pow(1, y) = 1), outside the domain the result is NaN, poles and overflow give
/// infinities, odd functions keep the sign of zero, and denormals are neither flushed nor treated as zero.
enum MathFunction: String, CaseIterable, Sendable {
  case exp, expm1
  /// e^min(x, 0).
  case expOfNonpositive
  /// Natural logarithms; `log1p` is log(1 + x).
  case log, log1p
  case tanh, erf
  /// 1 / (1 + exp(−x)).
  case logistic
  case sin, cos, tan
  case asin, acos, atan
  case sinh, cosh, asinh, acosh, atanh
  /// x to the power of y, with the special cases of IEEE 754-2019.
  case pow

  var operandCount: Int { self == .pow ? 2 : 1 }
}

extension Emitter {
  /// Emits `function` for f32 or f64 operands of any lane count, all of one type.
  ///
  /// The error stays within 2 units in the last place, with and without fused multiply-add hardware: measured over all
  /// f32 and over samples of f64. The figures stand in `IR-specs/math.md`. No library is called. Emission may end in
  /// another basic block than it began in.
  func math(_ function: MathFunction, _ operands: [CodeValue]) -> CodeValue {
    precondition(operands.count == function.operandCount, "\(function) takes \(function.operandCount) operands")
    let lanes = operands.map { Lanes($0, self) }
    precondition(
      lanes.allSatisfy { $0.type == lanes[0].type } && (lanes[0].type.scalar == types.f32 || lanes[0].isDouble),
      "\(function) is emitted for f32 and f64, all operands alike")
    if lanes[0].isDouble { return inDouble(function, lanes, .double).value }
    if let direct = inSingle(function, lanes) { return direct.value }
    return inDouble(function, lanes.map { $0.asDouble() }, .single).asSingle().value
  }

  /// Functions that pay for an algorithm in f32 of their own.
  private func inSingle(_ function: MathFunction, _ x: [Lanes]) -> Lanes? {
    switch function {
    case .exp: exponential(x[0], .single)
    case .expOfNonpositive: exponentialOfNonpositive(x[0])
    case .log: logarithmInSingle(x[0])
    case .tanh: hyperbolicTangent(x[0])
    case .erf: errorFunctionInSingle(x[0])
    case .logistic: logistic(x[0], .single)
    case .pow: powerInSingle(x[0], x[1])
    case .expm1, .log1p, .sin, .cos, .tan, .asin, .acos, .atan, .sinh, .cosh, .asinh, .acosh, .atanh:
      nil
    }
  }

  private func inDouble(_ function: MathFunction, _ x: [Lanes], _ accuracy: MathAccuracy) -> Lanes {
    switch function {
    case .exp: exponential(x[0], accuracy)
    case .expOfNonpositive: exponential(x[0].atMost(0), accuracy)
    case .expm1: exponentialMinusOne(x[0], accuracy)
    case .log: logarithm(x[0], accuracy)
    case .log1p: logarithmOfOnePlus(x[0], accuracy)
    case .tanh: hyperbolicTangent(x[0])
    case .erf: errorFunction(x[0])
    case .logistic: logistic(x[0], accuracy)
    case .sin: sine(x[0], accuracy)
    case .cos: cosine(x[0], accuracy)
    case .tan: tangent(x[0], accuracy)
    case .asin: arcSine(x[0], accuracy)
    case .acos: arcCosine(x[0], accuracy)
    case .atan: arcTangent(x[0], accuracy)
    case .sinh: hyperbolicSine(x[0], accuracy)
    case .cosh: hyperbolicCosine(x[0], accuracy)
    case .asinh: inverseHyperbolicSine(x[0], accuracy)
    case .acosh: inverseHyperbolicCosine(x[0], accuracy)
    case .atanh: inverseHyperbolicTangent(x[0], accuracy)
    case .pow: power(x[0], x[1])
    }
  }
}

/// How good a result must be, whatever it is computed in.
enum MathAccuracy {
  /// Relative error below 2⁻³⁴: rounds to a f32 within 0.6 units in the last place. In f32 arithmetic: 2 units.
  case single
  /// Within 2 units in the last place of a f64.
  case double
}
