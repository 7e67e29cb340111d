import ApusTensor

/// Multiply-add with one rounding, where the CPU or the element type has no instruction for it.
extension Emitter {
  /// a · b + c rounded once to the element type; operands in the registers' form.
  func fusedMultiplyAdd(_ a: CodeValue, _ b: CodeValue, _ c: CodeValue, _ element: ElementType) -> CodeValue {
    switch element {
    case .f64:
      return target.hasFMA ? fma(a, b, c) : fmaInDoubles(a, b, c)
    case .f32 where target.hasFMA:
      return fma(a, b, c)
    case .f32:
      return resizeFloat(oddSum(of: (a, b), c), to: types.f32)
    case .f16, .bf16:
      let (x, y, z) = (widened(a, element), widened(b, element), widened(c, element))
      return narrowed(narrowToOddF32(oddSum(of: (x, y), z)), element)
    case .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool:
      preconditionFailure("fma of \(element)")
    }
  }

  /// a + b as floats rounded to odd, which rounds on to fewer digits as the exact sum would (Boldo and Melquiond 2008).
  func oddSum(_ a: CodeValue, _ b: CodeValue) -> CodeValue {
    let (sum, rest) = exactSum(a, b)
    let bits = bitPattern(sum)
    let (zero, one) = (zero(bits.type), int(1, bits.type))
    // Away from zero where the rest has the sum's sign.
    let sameSign = compare(xor(bits, bitPattern(rest)), .greaterEqual, zero)
    let neighbour = select(sameSign, add(bits, one), sub(bits, one))
    let isEven = compare(and(bits, one), .equal, zero)
    // A NaN here means that the sum is infinite or NaN, which stays as it is.
    let isInexact = compare(absolute(rest), .greater, self.zero(rest.type))
    return bitcast(select(and(isEven, isInexact), neighbour, bits), to: sum.type)
  }

  /// a + b and what rounding lost, exactly (Knuth).
  func exactSum(_ a: CodeValue, _ b: CodeValue) -> (sum: CodeValue, rest: CodeValue) {
    let sum = add(a, b)
    let back = sub(sum, a)
    return (sum, add(sub(a, sub(sum, back)), sub(b, back)))
  }
}

extension Emitter {
  /// a · b + c for f32 operands, in f64 rounded to odd; the product is exact there.
  private func oddSum(of product: (CodeValue, CodeValue), _ c: CodeValue) -> CodeValue {
    let f64 = types.f64
    return oddSum(mul(resizeFloat(product.0, to: f64), resizeFloat(product.1, to: f64)), resizeFloat(c, to: f64))
  }

  /// f64 without an instruction: exact but where an intermediate result leaves the range.
  private func fmaInDoubles(_ a: CodeValue, _ b: CodeValue, _ c: CodeValue) -> CodeValue {
    let product = mul(a, b)
    let (a1, a2) = halves(a)
    let (b1, b2) = halves(b)
    // Dekker: what rounding the product lost.
    let rest = sub(mul(a2, b2), sub(sub(sub(product, mul(a1, b1)), mul(a2, b1)), mul(a1, b2)))
    let low = exactSum(c, rest)
    let high = exactSum(product, low.sum)
    let result = add(high.sum, oddSum(high.rest, low.rest))
    let plain = add(product, c)
    // Infinities and NaN spoil the exact parts.
    let isFinite = compare(absolute(sub(result, result)), .equal, zero(result.type))
    return select(isFinite, result, plain)
  }

  /// A f64 as a sum of two of 26 bits each (Veltkamp).
  private func halves(_ a: CodeValue) -> (CodeValue, CodeValue) {
    let scaled = mul(a, float(134_217_729, a.type))
    let high = sub(scaled, sub(scaled, a))
    return (high, sub(a, high))
  }
}
