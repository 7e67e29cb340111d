/// The exact remainder of float division, which no CPU has in vectors: C's fmod in integers, a lane at a time.
extension Emitter {
  func exactRemainder(_ a: CodeValue, _ b: CodeValue) -> CodeValue {
    let scalar = a.type.scalar
    let function = remainderFunction()
    func one(_ x: CodeValue, _ y: CodeValue) -> CodeValue {
      resizeFloat(call(function, [resizeFloat(x, to: types.f64), resizeFloat(y, to: types.f64)]), to: scalar)
    }
    guard a.type.isVector else { return one(a, b) }
    return (0..<a.type.laneCount).reduce(poison(a.type)) { vector, lane in
      insert(one(extract(a, lane: lane), extract(b, lane: lane)), into: vector, lane: lane)
    }
  }
}

extension Emitter {
  /// f64 fmod(f64, f64), written into the module on first use. f32's remainders are f32s, so it serves them too.
  private func remainderFunction() -> CodeFunction {
    let name = "apus.fmod"
    let parameters = [CodeParameter(type: types.f64), CodeParameter(type: types.f64)]
    if let known = definedFunction(name, parameters, result: types.f64) { return known }
    return function(name, parameters, result: types.f64, isExported: false) { f in
      let (a, b) = (f.parameters[0], f.parameters[1])
      let (x, y) = (absolute(a), absolute(b))
      let infinity = bits(0x7ff0 << 48, types.f64)
      let isInvalid = or(
        or(compare(y, .equal, zero(types.f64)), isNaN(b)), not(compare(x, .less, infinity)))
      ifThen(isInvalid) { returnValue(bits(0x7ff8 << 48, types.f64)) }
      ifThen(compare(x, .less, y)) { returnValue(a) }
      let (m, ex) = decomposed(x)
      let (n, ey) = decomposed(y)
      // Long division in binary: both mantissas stay below 2⁵⁴.
      let reduced = whileLoop(carrying: [m, ex]) { state in
        compare(state[1], .greater, ey)
      } _: { state in
        let rest = sub(state[0], n)
        let kept = select(compare(rest, .less, index(0)), state[0], rest)
        return [shiftLeft(kept, index(1)), sub(state[1], index(1))]
      }
      let rest = sub(reduced[0], n)
      let last = select(compare(rest, .less, index(0)), reduced[0], rest)
      returnValue(copySign(composed(last, ey), a))
    }
  }

  /// A positive finite f64 as m · 2^(e − 1075) with a 53-bit m, denormals shifted up to that.
  private func decomposed(_ x: CodeValue) -> (CodeValue, CodeValue) {
    let pattern = bitPattern(x)
    let exponent = shiftRight(pattern, index(52), signed: false)
    let fraction = and(pattern, index((1 << 52) - 1))
    let isDenormal = compare(exponent, .equal, index(0))
    let zeros = intrinsic("llvm.ctlz", [types.i64], [fraction, bool(false)])
    let shift = sub(zeros, index(11))
    let safe = select(isDenormal, shift, index(0))
    return (
      select(isDenormal, shiftLeft(fraction, safe), or(fraction, index(1 << 52))),
      select(isDenormal, sub(index(1), shift), exponent)
    )
  }

  /// m · 2^(e − 1075), exactly: a remainder is a multiple of its operands' last places.
  private func composed(_ m: CodeValue, _ e: CodeValue) -> CodeValue {
    // Two factors, each a normal number, for exponents from −1127 to 971.
    let exponent = sub(e, index(1075))
    let half = shiftRight(exponent, index(1), signed: true)
    func power(_ n: CodeValue) -> CodeValue {
      bitcast(shiftLeft(add(n, index(1023)), index(52)), to: types.f64)
    }
    return mul(mul(toFloat(m, types.f64, signed: true), power(half)), power(sub(exponent, half)))
  }
}
