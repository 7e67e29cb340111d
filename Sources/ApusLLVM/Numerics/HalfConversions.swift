import ApusSupport
import ApusTarget

/// f16 and bf16, which are stored as their bits in an `i16` and computed in f32.
///
/// LLVM's own conversions are used for f16 only, and only where the CPU has them: for bf16 LLVM 19 flushes
/// denormals or calls a compiler-runtime function that nothing links.
extension Emitter {
  /// The f32 that an f16 is.
  func widenF16(_ bits: CodeValue) -> CodeValue {
    let wide = bits.type.with(scalar: types.f32)
    if target.convertsF16 {
      return resizeFloat(bitcast(bits, to: bits.type.with(scalar: types.f16)), to: types.f32)
    }
    let word = bits.type.with(scalar: types.i32)
    let u = resize(bits, to: types.i32, signed: false)
    let shifted = shiftLeft(and(u, int(0x7fff, word)), int(13, word))
    let exponent = and(shifted, int(0x1f << 23, word))
    let rebiased = add(shifted, int((127 - 15) << 23, word))
    let special = add(rebiased, int((128 - 16) << 23, word))
    // A denormal is read with an implicit one, which the subtraction takes away exactly.
    let oneTooMany = bitcast(add(rebiased, int(1 << 23, word)), to: wide)
    let denormal = bitPattern(sub(oneTooMany, self.bits(113 << 23, wide)))
    let isSpecial = compare(exponent, .equal, int(0x1f << 23, word))
    let isDenormal = compare(exponent, .equal, zero(word))
    let magnitude = select(isSpecial, special, select(isDenormal, denormal, rebiased))
    let sign = shiftLeft(and(u, int(0x8000, word)), int(16, word))
    return bitcast(or(magnitude, sign), to: wide)
  }

  /// An f32 rounded to f16, ties to even, too large a value to infinity.
  func narrowToF16(_ x: CodeValue) -> CodeValue {
    if target.convertsF16 { return bitcast(resizeFloat(x, to: types.f16), to: x.type.with(scalar: types.i16)) }
    let word = x.type.with(scalar: types.i32)
    let u = bitPattern(x)
    let sign = and(u, int(0x8000_0000, word))
    let magnitude = xor(u, sign)
    let isNaN = compare(magnitude, .greater, int(255 << 23, word))
    let special = select(isNaN, int(0x7e00, word), int(0x7c00, word))
    // Adding 2⁻¹ · 2⁻¹⁴ · 2¹¹ makes the FPU round at the last bit of a denormal.
    let magic = ((127 - 15) + (23 - 10) + 1) << 23
    let rounded = add(bitcast(magnitude, to: x.type), self.bits(UInt64(magic), x.type))
    let denormal = sub(bitPattern(rounded), int(magic, word))
    let lastBit = and(shiftRight(magnitude, int(13, word), signed: false), int(1, word))
    let rebiased = add(magnitude, int(((15 - 127) << 23) + 0xfff, word))
    let normal = shiftRight(add(rebiased, lastBit), int(13, word), signed: false)
    let finite = select(compare(magnitude, .less, int(113 << 23, word)), denormal, normal)
    let result = select(compare(magnitude, .less, int(143 << 23, word)), finite, special)
    return resize(or(result, shiftRight(sign, int(16, word), signed: false)), to: types.i16, signed: false)
  }

  /// The f32 that a bf16 is.
  func widenBF16(_ bits: CodeValue) -> CodeValue {
    let u = resize(bits, to: types.i32, signed: false)
    return bitcast(shiftLeft(u, int(16, u.type)), to: bits.type.with(scalar: types.f32))
  }

  /// An f32 rounded to bf16, ties to even; denormals are kept.
  func narrowToBF16(_ x: CodeValue) -> CodeValue {
    let u = bitPattern(x)
    let lastBit = and(shiftRight(u, int(16, u.type), signed: false), int(1, u.type))
    let rounded = add(u, isPlanted(.tiesOfBF16RoundUp) ? int(0x8000, u.type) : add(lastBit, int(0x7fff, u.type)))
    // Rounding a NaN up could carry it into an infinity.
    let quiet = or(u, int(1 << 22, u.type))
    let chosen = select(isNaN(x), quiet, rounded)
    return resize(shiftRight(chosen, int(16, u.type), signed: false), to: types.i16, signed: false)
  }

  /// An f64 as an f32 that rounds on to f16 or bf16 as the f64 itself would: towards the neighbour whose last bit
  /// is 1 when inexact ("round to odd", Boldo and Melquiond 2008).
  func narrowToOddF32(_ x: CodeValue) -> CodeValue {
    let nearest = resizeFloat(x, to: types.f32)
    let back = resizeFloat(nearest, to: types.f64)
    let u = bitPattern(nearest)
    let isTooLarge = compare(absolute(back), .greater, absolute(x))
    let towardsZero = select(isTooLarge, sub(u, int(1, u.type)), u)
    let odd = bitcast(or(towardsZero, int(1, u.type)), to: nearest.type)
    let isExact = or(compare(back, .equal, x), isNaN(x))
    return isPlanted(.halfRoundsTwice) ? nearest : select(isExact, nearest, odd)
  }
}

extension Machine {
  /// Whether f16 ↔ f32 is an instruction.
  var convertsF16: Bool {
    switch architecture {
    case .x86_64: has("f16c")
    case .aarch64: true
    }
  }
}
