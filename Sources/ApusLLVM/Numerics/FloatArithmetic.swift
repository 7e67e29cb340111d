import ApusIR
import ApusSupport
import ApusTensor

extension Emitter {
  /// Ops on f32 or f64 lanes; f16 and bf16 are computed in f32 and rounded by the caller, which rounds once in effect:
  /// f32 has more than twice their digits, and two (Figueroa 1995).
  func floatArithmetic(_ code: OpCode, _ x: [CodeValue]) -> CodeValue {
    switch code {
    case .add: return contractable(add(x[0], x[1]))
    case .sub: return contractable(sub(x[0], x[1]))
    case .mul: return contractable(mul(x[0], x[1]))
    case .div: return divide(x[0], x[1])
    case .rem: return exactRemainder(x[0], x[1])
    case .max: return maximumOrNaN(x[0], x[1])
    case .min: return minimumOrNaN(x[0], x[1])
    case .sqrt: return squareRoot(x[0])
    case .floor: return floor(x[0])
    case .ceil: return ceiling(x[0])
    case .trunc: return truncate(x[0])
    case .round: return roundEven(x[0])
    case .sign:
      // ±0 and NaN are their own sign.
      let one = copySign(float(1, x[0].type), x[0])
      let isOwn = isPlanted(.signOfZeroIsOne) ? isNaN(x[0]) : or(isNaN(x[0]), compare(x[0], .equal, zero(x[0].type)))
      return select(isOwn, x[0], one)
    case _:
      guard let function = MathFunction(code) else { preconditionFailure("\(code.name) is not an op on floats") }
      return sharedMath(function, x)
    }
  }

  /// Ops that touch the sign bit alone, which must not disturb a NaN's bits; nil for others.
  func signArithmetic(_ code: OpCode, _ x: [CodeValue], _ element: ElementType) -> CodeValue? {
    let isHalf = element == .f16 || element == .bf16
    switch code {
    case .neg: return isHalf ? xor(x[0], int(0x8000, x[0].type)) : neg(x[0])
    case .abs: return isHalf ? and(x[0], int(0x7fff, x[0].type)) : absolute(x[0])
    case _: return nil
    }
  }

  /// The larger value; NaN if either is, and −0 < +0.
  func maximumOrNaN(_ a: CodeValue, _ b: CodeValue) -> CodeValue {
    guard needsTwoSided(a, b) else { return intrinsic("llvm.maximum", [a.type], [a, b]) }
    let (x, y) = (picked(a, .greater, b), picked(b, .greater, a))
    return orNaN(isPlanted(.maximumOfZerosIsNegative) ? or(x, y) : and(x, y), a, b)
  }

  /// The smaller value; NaN if either is, and −0 < +0.
  func minimumOrNaN(_ a: CodeValue, _ b: CodeValue) -> CodeValue {
    guard needsTwoSided(a, b) else { return intrinsic("llvm.minimum", [a.type], [a, b]) }
    return orNaN(or(picked(a, .less, b), picked(b, .less, a)), a, b)
  }
}

extension Emitter {
  /// x86's instruction gives its second operand for zeros and NaN. Asked both ways round, the two answers differ for
  /// zeros only in the sign, which `and` and `or` decide: three steps deep where LLVM's own form has five, which
  /// a reduction waits for. With a constant LLVM's is shorter.
  private func needsTwoSided(_ a: CodeValue, _ b: CodeValue) -> Bool {
    switch target.architecture {
    case .x86_64: a.type.isVector && !a.isConstant && !b.isConstant
    case .aarch64: false
    }
  }

  /// The bits of `a` where the comparison holds, else of `b`: one instruction.
  private func picked(_ a: CodeValue, _ how: Comparison, _ b: CodeValue) -> CodeValue {
    bitPattern(select(compare(a, how, b), a, b))
  }

  private func orNaN(_ bits: CodeValue, _ a: CodeValue, _ b: CodeValue) -> CodeValue {
    let allOnes = resize(isUnordered(a, b), to: bits.type.scalar, signed: true)
    return bitcast(or(bits, allOnes), to: a.type)
  }
}

extension Emitter {
  /// An elementary function: in place where it is short and common, else a call of one copy for the module. The long
  /// ones take milliseconds to compile, and an unrolled loop with its rest would repeat them six times.
  func sharedMath(_ function: MathFunction, _ x: [CodeValue]) -> CodeValue {
    let type = x[0].type
    if function.isShort, type.isVector, type.scalar == types.f32 { return math(function, x) }
    let shape = "\(type.scalar == types.f64 ? "f64" : "f32").\(type.laneCount)"
    let name = "apus.\(function.rawValue).\(shape)"
    let parameters = x.map { CodeParameter(type: $0.type) }
    let shared =
      definedFunction(name, parameters, result: type)
      ?? self.function(name, parameters, result: type, isExported: false) { returnValue(math(function, $0.parameters)) }
    return call(shared, x)
  }
}

extension MathFunction {
  fileprivate init?(_ code: OpCode) {
    switch code {
    case .exp: self = .exp
    case .expm1: self = .expm1
    case .log: self = .log
    case .log1p: self = .log1p
    case .sin: self = .sin
    case .cos: self = .cos
    case .tan: self = .tan
    case .asin: self = .asin
    case .acos: self = .acos
    case .atan: self = .atan
    case .sinh: self = .sinh
    case .cosh: self = .cosh
    case .tanh: self = .tanh
    case .asinh: self = .asinh
    case .acosh: self = .acosh
    case .atanh: self = .atanh
    case .erf: self = .erf
    case .logistic: self = .logistic
    case .pow: self = .pow
    case _: return nil
    }
  }

  /// Whether a call would cost about as much as the function.
  fileprivate var isShort: Bool {
    switch self {
    case .exp, .expOfNonpositive, .log, .tanh, .erf, .logistic: true
    case .expm1, .log1p, .sin, .cos, .tan, .asin, .acos, .atan, .sinh, .cosh, .asinh, .acosh, .atanh, .pow:
      false
    }
  }
}
