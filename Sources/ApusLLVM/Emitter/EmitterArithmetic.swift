internal import CLLVM

/// How two values are compared. Floats compare ordered, so a NaN gives false, except in `notEqual`.
enum Comparison {
  case equal, notEqual, less, lessEqual, greater, greaterEqual
}

/// Arithmetic on scalars and vectors alike. Where an operation exists for integers and floats the operand type
/// chooses. Integers wrap; floats are never contracted or reassociated.
extension Emitter {
  func add(_ a: CodeValue, _ b: CodeValue) -> CodeValue {
    if knownInteger(a) == 0 { return b }
    if knownInteger(b) == 0 { return a }
    return value(a.type.isFloat ? LLVMBuildFAdd(builder, a.ref, b.ref, "") : LLVMBuildAdd(builder, a.ref, b.ref, ""))
  }

  func sub(_ a: CodeValue, _ b: CodeValue) -> CodeValue {
    if knownInteger(b) == 0 { return a }
    return value(a.type.isFloat ? LLVMBuildFSub(builder, a.ref, b.ref, "") : LLVMBuildSub(builder, a.ref, b.ref, ""))
  }

  func mul(_ a: CodeValue, _ b: CodeValue) -> CodeValue {
    if knownInteger(a) == 1 { return b }
    if knownInteger(b) == 1 { return a }
    return value(a.type.isFloat ? LLVMBuildFMul(builder, a.ref, b.ref, "") : LLVMBuildMul(builder, a.ref, b.ref, ""))
  }

  func neg(_ a: CodeValue) -> CodeValue {
    value(a.type.isFloat ? LLVMBuildFNeg(builder, a.ref, "") : LLVMBuildNeg(builder, a.ref, ""))
  }

  /// Float division.
  func divide(_ a: CodeValue, _ b: CodeValue) -> CodeValue { value(LLVMBuildFDiv(builder, a.ref, b.ref, "")) }

  /// Integer division towards zero. Undefined for b = 0 and, signed, for the overflowing quotient.
  func quotient(_ a: CodeValue, _ b: CodeValue, signed: Bool) -> CodeValue {
    value(signed ? LLVMBuildSDiv(builder, a.ref, b.ref, "") : LLVMBuildUDiv(builder, a.ref, b.ref, ""))
  }

  /// Remainder with the sign of `a`. Undefined where `quotient` is.
  func remainder(_ a: CodeValue, _ b: CodeValue, signed: Bool) -> CodeValue {
    value(signed ? LLVMBuildSRem(builder, a.ref, b.ref, "") : LLVMBuildURem(builder, a.ref, b.ref, ""))
  }

  func and(_ a: CodeValue, _ b: CodeValue) -> CodeValue { value(LLVMBuildAnd(builder, a.ref, b.ref, "")) }
  func or(_ a: CodeValue, _ b: CodeValue) -> CodeValue { value(LLVMBuildOr(builder, a.ref, b.ref, "")) }
  func xor(_ a: CodeValue, _ b: CodeValue) -> CodeValue { value(LLVMBuildXor(builder, a.ref, b.ref, "")) }
  func not(_ a: CodeValue) -> CodeValue { value(LLVMBuildNot(builder, a.ref, "")) }

  /// Shifts are undefined from the width of a lane on.
  func shiftLeft(_ a: CodeValue, _ b: CodeValue) -> CodeValue { value(LLVMBuildShl(builder, a.ref, b.ref, "")) }

  /// `signed` shifts in copies of the sign bit.
  func shiftRight(_ a: CodeValue, _ b: CodeValue, signed: Bool) -> CodeValue {
    value(signed ? LLVMBuildAShr(builder, a.ref, b.ref, "") : LLVMBuildLShr(builder, a.ref, b.ref, ""))
  }

  /// Lets a product and a sum be fused where the emitter's user allows it.
  func contractable(_ a: CodeValue) -> CodeValue {
    if contractsProducts, LLVMCanValueUseFastMathFlags(a.ref) != 0 {
      LLVMSetFastMathFlags(a.ref, LLVMFastMathFlags(LLVMFastMathAllowContract))
    }
    return a
  }

  /// a · b + c, rounded once.
  func fma(_ a: CodeValue, _ b: CodeValue, _ c: CodeValue) -> CodeValue { intrinsic("llvm.fma", [a.type], [a, b, c]) }

  func absolute(_ a: CodeValue) -> CodeValue {
    a.type.isFloat ? intrinsic("llvm.fabs", [a.type], [a]) : intrinsic("llvm.abs", [a.type], [a, bool(false)])
  }

  func squareRoot(_ a: CodeValue) -> CodeValue { intrinsic("llvm.sqrt", [a.type], [a]) }
  /// The magnitude of `a` with the sign of `b`.
  func copySign(_ a: CodeValue, _ b: CodeValue) -> CodeValue { intrinsic("llvm.copysign", [a.type], [a, b]) }

  /// The product of two integers ≥ 0, or the largest signed one where it does not fit.
  func saturatingProduct(_ a: CodeValue, _ b: CodeValue) -> CodeValue {
    let (x, y) = (knownInteger(a), knownInteger(b))
    if x == 1 { return b }
    if y == 1 { return a }
    if let x, let y {
      let (product, overflows) = x.multipliedReportingOverflow(by: y)
      let most = Int.max >> (64 - a.type.scalarBits)
      return int(overflows ? most : min(product, most), a.type)
    }
    let pair = intrinsic("llvm.smul.with.overflow", [a.type], [a, b])
    let product = value(LLVMBuildExtractValue(builder, pair.ref, 0, ""))
    let overflows = value(LLVMBuildExtractValue(builder, pair.ref, 1, ""))
    return select(overflows, int(Int.max >> (64 - a.type.scalarBits), a.type), product)
  }

  // MARK: Comparison and choice

  /// One `i1` a lane. `signed` matters for ordering integers only.
  func compare(_ a: CodeValue, _ how: Comparison, _ b: CodeValue, signed: Bool = true) -> CodeValue {
    if a.type.isFloat { return value(LLVMBuildFCmp(builder, how.floatPredicate, a.ref, b.ref, "")) }
    let predicate = signed ? how.signedPredicate : how.unsignedPredicate
    return value(LLVMBuildICmp(builder, predicate, a.ref, b.ref, ""))
  }

  /// Whether a float lane is NaN.
  func isNaN(_ a: CodeValue) -> CodeValue { value(LLVMBuildFCmp(builder, LLVMRealUNO, a.ref, a.ref, "")) }

  /// Whether either of two float lanes is NaN.
  func isUnordered(_ a: CodeValue, _ b: CodeValue) -> CodeValue {
    value(LLVMBuildFCmp(builder, LLVMRealUNO, a.ref, b.ref, ""))
  }

  /// Lane by lane `a` where the condition holds, else `b`; both are evaluated.
  func select(_ condition: CodeValue, _ a: CodeValue, _ b: CodeValue) -> CodeValue {
    if generator.effort == .quick, a.type.isFloat, !a.type.isVector {
      // LLVM 19 at its lowest level reads a scalar from memory as a whole vector to blend it, and so beyond the end.
      let bits = types.integer(bits: a.type.scalarBits)
      return bitcast(select(condition, bitcast(a, to: bits), bitcast(b, to: bits)), to: a.type)
    }
    return value(LLVMBuildSelect(builder, condition.ref, a.ref, b.ref, ""))
  }

  /// The smaller integer.
  func minimum(_ a: CodeValue, _ b: CodeValue, signed: Bool = true) -> CodeValue {
    intrinsic(signed ? "llvm.smin" : "llvm.umin", [a.type], [a, b])
  }

  /// The larger integer.
  func maximum(_ a: CodeValue, _ b: CodeValue, signed: Bool = true) -> CodeValue {
    intrinsic(signed ? "llvm.smax" : "llvm.umax", [a.type], [a, b])
  }

  // MARK: Conversion (to the lanes of `scalar`)

  func bitcast(_ a: CodeValue, to type: CodeType) -> CodeValue {
    value(LLVMBuildBitCast(builder, a.ref, type.ref, ""))
  }

  /// The bits of a float as an integer.
  func bitPattern(_ a: CodeValue) -> CodeValue { bitcast(a, to: bitsType(like: a.type)) }

  /// An integer in another width: cut off, or extended by sign or by zeros.
  func resize(_ a: CodeValue, to scalar: CodeType, signed: Bool) -> CodeValue {
    let type = a.type.with(scalar: scalar)
    if scalar.scalarBits == a.type.scalarBits { return a }
    if scalar.scalarBits < a.type.scalarBits { return value(LLVMBuildTrunc(builder, a.ref, type.ref, "")) }
    return value(
      signed ? LLVMBuildSExt(builder, a.ref, type.ref, "") : LLVMBuildZExt(builder, a.ref, type.ref, ""))
  }

  /// An integer as the nearest float.
  func toFloat(_ a: CodeValue, _ scalar: CodeType, signed: Bool) -> CodeValue {
    let type = a.type.with(scalar: scalar)
    return value(
      signed ? LLVMBuildSIToFP(builder, a.ref, type.ref, "") : LLVMBuildUIToFP(builder, a.ref, type.ref, ""))
  }

  /// A float as an integer, towards zero. Undefined for NaN and outside the range.
  func toInteger(_ a: CodeValue, _ scalar: CodeType, signed: Bool) -> CodeValue {
    let type = a.type.with(scalar: scalar)
    return value(
      signed ? LLVMBuildFPToSI(builder, a.ref, type.ref, "") : LLVMBuildFPToUI(builder, a.ref, type.ref, ""))
  }

  /// Between f32 and f64 (f16 only where the target converts it itself).
  func resizeFloat(_ a: CodeValue, to scalar: CodeType) -> CodeValue {
    let type = a.type.with(scalar: scalar)
    if scalar.scalarBits == a.type.scalarBits { return a }
    return value(
      scalar.scalarBits > a.type.scalarBits
        ? LLVMBuildFPExt(builder, a.ref, type.ref, "") : LLVMBuildFPTrunc(builder, a.ref, type.ref, ""))
  }
}

extension Comparison {
  fileprivate var floatPredicate: LLVMRealPredicate {
    switch self {
    case .equal: LLVMRealOEQ
    case .notEqual: LLVMRealUNE
    case .less: LLVMRealOLT
    case .lessEqual: LLVMRealOLE
    case .greater: LLVMRealOGT
    case .greaterEqual: LLVMRealOGE
    }
  }

  fileprivate var signedPredicate: LLVMIntPredicate {
    switch self {
    case .equal: LLVMIntEQ
    case .notEqual: LLVMIntNE
    case .less: LLVMIntSLT
    case .lessEqual: LLVMIntSLE
    case .greater: LLVMIntSGT
    case .greaterEqual: LLVMIntSGE
    }
  }

  fileprivate var unsignedPredicate: LLVMIntPredicate {
    switch self {
    case .equal: LLVMIntEQ
    case .notEqual: LLVMIntNE
    case .less: LLVMIntULT
    case .lessEqual: LLVMIntULE
    case .greater: LLVMIntUGT
    case .greaterEqual: LLVMIntUGE
    }
  }
}
