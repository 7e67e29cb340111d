#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@testable import ApusLLVM

/// The C library's function, in more precision than what is judged by it. `y` is the second operand where there
/// is one.
func mathReference(_ function: MathFunction, _ x: Double, _ y: Double) -> Double {
  switch function {
  case .exp: exp(x)
  case .expOfNonpositive: exp(x.isNaN ? x : min(x, 0))
  case .expm1: expm1(x)
  case .log: log(x)
  case .log1p: log1p(x)
  case .tanh: tanh(x)
  case .erf: erf(x)
  case .logistic: 1 / (1 + exp(-x))
  case .sin: sin(x)
  case .cos: cos(x)
  case .tan: tan(x)
  case .asin: asin(x)
  case .acos: acos(x)
  case .atan: atan(x)
  case .sinh: sinh(x)
  case .cosh: cosh(x)
  case .asinh: asinh(x)
  case .acosh: acosh(x)
  case .atanh: atanh(x)
  case .pow: pow(x, y)
  }
}

#if arch(x86_64) && !os(Windows)
  func mathReference(_ function: MathFunction, _ x: Float80, _ y: Float80) -> Float80 {
    switch function {
    case .exp: expl(x)
    case .expOfNonpositive: expl(x.isNaN ? x : min(x, 0))
    case .expm1: expm1l(x)
    case .log: logl(x)
    case .log1p: log1pl(x)
    case .tanh: tanhl(x)
    case .erf: erfl(x)
    case .logistic: 1 / (1 + expl(-x))
    case .sin: sinl(x)
    case .cos: cosl(x)
    case .tan: tanl(x)
    case .asin: asinl(x)
    case .acos: acosl(x)
    case .atan: atanl(x)
    case .sinh: sinhl(x)
    case .cosh: coshl(x)
    case .asinh: asinhl(x)
    case .acosh: acoshl(x)
    case .atanh: atanhl(x)
    case .pow: powl(x, y)
    }
  }
#endif

/// How far `got` lies from `want`, in units of the last place that `want` has in the narrower format; infinite where
/// one is NaN, infinite or of a sign that the other is not.
func unitsInTheLastPlace<Narrow: BinaryFloatingPoint, Wide: BinaryFloatingPoint>(
  _ got: Narrow, _ want: Wide
) -> Double {
  let nearest = Narrow(want)
  if nearest.isNaN || got.isNaN { return nearest.isNaN && got.isNaN ? 0 : .infinity }
  if nearest == got && nearest.sign == got.sign { return nearest.isFinite ? 0.5 : 0 }
  if got.isInfinite {
    // One too far at the edge of the range counts as the next number would.
    let edge = Wide(Narrow.greatestFiniteMagnitude)
    guard want.isFinite, want.magnitude >= edge else { return .infinity }
    return 1
  }
  guard want.isFinite, got.sign == nearest.sign else { return .infinity }
  let unit = min(Narrow(nearest.magnitude).ulp, Narrow.greatestFiniteMagnitude.ulp)
  return Double(abs(Wide(got) - want) / Wide(unit))
}
