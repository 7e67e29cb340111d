import ApusTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Functions of one float that are not exact: they come from the C library in a wider type than that of the
/// operand, and are rounded once.
enum ElementaryFunction: Sendable, CaseIterable {
  case exp, expm1, log, log1p
  case sin, cos, tan, asin, acos, atan
  case sinh, cosh, tanh, asinh, acosh, atanh
  case erf, logistic

  /// The function on elements of `type`; its result has yet to be rounded to `type`.
  func function(on type: ElementType) -> (Double) -> Double {
    #if arch(x86_64) && os(Linux)
      if type == .f64 {
        let wide = extendedFunction(self)
        return { Double(wide(Float80($0))) }
      }
    #endif
    return doubleFunction(self)
  }
}

private func doubleFunction(_ function: ElementaryFunction) -> (Double) -> Double {
  switch function {
  case .exp: { exp($0) }
  case .expm1: { expm1($0) }
  case .log: { log($0) }
  case .log1p: { log1p($0) }
  case .sin: { sin($0) }
  case .cos: { cos($0) }
  case .tan: { tan($0) }
  case .asin: { asin($0) }
  case .acos: { acos($0) }
  case .atan: { atan($0) }
  case .sinh: { sinh($0) }
  case .cosh: { cosh($0) }
  case .tanh: { tanh($0) }
  case .asinh: { asinh($0) }
  case .acosh: { acosh($0) }
  case .atanh: { atanh($0) }
  case .erf: { erf($0) }
  case .logistic: { 1 / (1 + exp(-$0)) }
  }
}

#if arch(x86_64) && os(Linux)
  private func extendedFunction(_ function: ElementaryFunction) -> (Float80) -> Float80 {
    switch function {
    case .exp: { exp($0) }
    case .expm1: { expm1($0) }
    case .log: { log($0) }
    case .log1p: { log1p($0) }
    case .sin: { sin($0) }
    case .cos: { cos($0) }
    case .tan: { tan($0) }
    case .asin: { asin($0) }
    case .acos: { acos($0) }
    case .atan: { atan($0) }
    case .sinh: { sinh($0) }
    case .cosh: { cosh($0) }
    case .tanh: { tanh($0) }
    case .asinh: { asinh($0) }
    case .acosh: { acosh($0) }
    case .atanh: { atanh($0) }
    case .erf: { erf($0) }
    case .logistic: { 1 / (1 + exp(-$0)) }
    }
  }
#endif

/// lhs to the power rhs, not yet rounded to `type`.
func power(on type: ElementType) -> (Double, Double) -> Double {
  #if arch(x86_64) && os(Linux)
    if type == .f64 { return { Double(pow(Float80($0), Float80($1))) } }
  #endif
  return { pow($0, $1) }
}

/// The exact remainder of division towards zero.
func floatRemainder(_ lhs: Double, _ rhs: Double) -> Double { fmod(lhs, rhs) }

/// NaN if either is, and −0 < +0.
func floatMaximum(_ lhs: Double, _ rhs: Double) -> Double {
  if lhs.isNaN || rhs.isNaN { return .nan }
  if lhs == rhs { return lhs.sign == .minus ? rhs : lhs }
  return lhs > rhs ? lhs : rhs
}

/// NaN if either is, and −0 < +0.
func floatMinimum(_ lhs: Double, _ rhs: Double) -> Double {
  if lhs.isNaN || rhs.isNaN { return .nan }
  if lhs == rhs { return lhs.sign == .minus ? lhs : rhs }
  return lhs < rhs ? lhs : rhs
}

/// −1 or 1; a zero and a NaN are themselves.
func floatSign(_ value: Double) -> Double {
  if value > 0 { return 1 }
  return value < 0 ? -1 : value
}
