import ApusIR
import ApusSupport
import ApusTensor

extension Emitter {
  /// Ops on integer and bool lanes.
  func integerArithmetic(_ code: OpCode, _ x: [CodeValue], _ element: ElementType) -> CodeValue {
    let signed = element.isSignedInteger
    switch code {
    case .add: return add(x[0], x[1])
    case .sub: return sub(x[0], x[1])
    case .mul: return mul(x[0], x[1])
    case .fma: return add(mul(x[0], x[1]), x[2])
    case .neg: return neg(x[0])
    case .abs: return signed ? absolute(x[0]) : x[0]
    case .sign: return integerSign(x[0], signed: signed)
    case .not: return not(x[0])
    case .and: return and(x[0], x[1])
    case .or: return or(x[0], x[1])
    case .xor: return xor(x[0], x[1])
    case .max: return maximum(x[0], x[1], signed: signed)
    case .min: return minimum(x[0], x[1], signed: signed)
    case .div: return totalQuotient(x[0], x[1], signed: signed)
    case .rem:
      let rest = sub(x[0], mul(x[1], totalQuotient(x[0], x[1], signed: signed)))
      return select(compare(x[1], .equal, zero(x[1].type)), zero(x[0].type), rest)
    case .pow: return power(x[0], x[1], signed: signed)
    case .shiftLeft: return shift(x[0], x[1]) { shiftLeft($0, $1) }
    case .shiftRight: return shift(x[0], x[1]) { shiftRight($0, $1, signed: signed) }
    case _: preconditionFailure("\(code.name) is not an op on integers")
    }
  }
}

extension Emitter {
  private func integerSign(_ x: CodeValue, signed: Bool) -> CodeValue {
    let (zero, one) = (zero(x.type), int(1, x.type))
    let positive = select(compare(x, .notEqual, zero), one, zero)
    return signed ? select(compare(x, .less, zero), int(-1, x.type), positive) : positive
  }

  /// Towards zero; 0 where the divisor is 0, and the smallest number over −1 wraps.
  private func totalQuotient(_ a: CodeValue, _ b: CodeValue, signed: Bool) -> CodeValue {
    let isZero = compare(b, .equal, zero(b.type))
    guard signed else {
      let quotient = plainQuotient(a, select(isZero, int(1, b.type), b), signed: false)
      return select(isZero, zero(a.type), quotient)
    }
    let isMinusOne = compare(b, .equal, allOnes(b.type))
    let quotient = plainQuotient(a, select(or(isZero, isMinusOne), int(1, b.type), b), signed: true)
    return select(isZero, zero(a.type), select(isMinusOne, neg(a), quotient))
  }

  /// A quotient that exists. CPUs divide vectors of floats only; f64 holds 32-bit operands exactly, and a quotient
  /// that is no whole number is far enough from one not to round to it.
  private func plainQuotient(_ a: CodeValue, _ b: CodeValue, signed: Bool) -> CodeValue {
    guard a.type.isVector, a.type.scalarBits <= 32 else { return quotient(a, b, signed: signed) }
    let float = a.type.scalarBits == 8 || isPlanted(.quotientsOfWordsAreNarrow) ? types.f32 : types.f64
    let wide = divide(toFloat(a, float, signed: signed), toFloat(b, float, signed: signed))
    let bits = max(32, a.type.scalarBits)
    return resize(
      toInteger(wide, types.integer(bits: bits), signed: signed || a.type.scalarBits < 32), to: a.type.scalar,
      signed: signed)
  }

  private func shift(_ a: CodeValue, _ count: CodeValue, _ shift: (CodeValue, CodeValue) -> CodeValue) -> CodeValue {
    // Negative counts are large as unsigned numbers.
    let fits = compare(count, .less, int(a.type.scalarBits, a.type), signed: isPlanted(.negativeShiftIsTaken))
    return select(fits, shift(a, select(fits, count, zero(a.type))), zero(a.type))
  }

  /// By repeated squaring, for as many bits as the largest exponent has.
  private func power(_ base: CodeValue, _ exponent: CodeValue, signed: Bool) -> CodeValue {
    let (zero, one) = (zero(base.type), int(1, base.type))
    let isNegative = signed ? compare(exponent, .less, zero) : compare(exponent, .notEqual, exponent)
    let start = select(isNegative, zero, exponent)
    let last = whileLoop(carrying: [one, base, start]) { state in
      anyLane(compare(state[2], .notEqual, zero))
    } _: { state in
      let isOdd = compare(and(state[2], one), .notEqual, zero)
      return [
        select(isOdd, mul(state[0], state[1]), state[0]), mul(state[1], state[1]),
        shiftRight(state[2], one, signed: false),
      ]
    }
    guard signed else { return last[0] }
    let minusOne = allOnes(base.type)
    let alternating = select(compare(and(exponent, one), .notEqual, zero), minusOne, one)
    let ofMinusOne = select(compare(base, .equal, minusOne), alternating, zero)
    let inverse = select(compare(base, .equal, one), one, ofMinusOne)
    return select(isNegative, inverse, last[0])
  }
}

extension Emitter {
  /// Whether any lane of a mask is set.
  func anyLane(_ mask: CodeValue) -> CodeValue {
    mask.type.isVector ? intrinsic("llvm.vector.reduce.or", [mask.type], [mask]) : mask
  }
}
