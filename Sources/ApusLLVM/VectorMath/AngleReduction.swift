import ApusSupport
internal import CLLVM

/// x = quadrant · π/2 + (high + low) with |high| ≤ π/4, up to rounding.
struct ReducedAngle {
  /// Integers whose two lowest bits count the quarter turns.
  let quadrant: Lanes
  let high: Lanes
  /// Absent where the accuracy does not ask for it.
  let low: Lanes?
}

extension Emitter {
  /// Takes multiples of π/2 away from an angle of any size.
  ///
  /// Up to 2²⁰ as Cody and Waite do, with π/2 in pieces of 33 bits whose multiples are exact. If any lane is larger the
  /// large ones are reduced one by one after Payne and Hanek.
  func reducedAngle(_ x: Lanes, _ accuracy: MathAccuracy) -> ReducedAngle {
    let turns = RoundedLanes(x, times: 0.6366197723675814).number
    let (high, low) = subtractQuarterTurns(turns, from: x, accuracy)
    let isLarge = (x.magnitude > Self.largestSmallAngle) & (x.magnitude < .infinity)
    let anyIsLarge =
      isLarge.type.isVector ? intrinsic("llvm.vector.reduce.or", [isLarge.type], [isLarge.value]) : isLarge.value
    let near = [turns, high] + (low.map { [$0] } ?? [])
    let joined = ifElse(anyIsLarge) {
      let far = reduceLargeAngles(x)
      return zip(near, far).map { isLarge.then($1, else: $0).value }
    } else: {
      near.map(\.value)
    }.map { Lanes($0, self) }
    return ReducedAngle(
      quadrant: RoundedLanes(joined[0]).lowBits, high: joined[1], low: joined.count > 2 ? joined[2] : nil)
  }

  private static let largestSmallAngle = isPlanted(.largeAnglesAreTakenForSmall) ? 0x1p60 : 0x1p20

  private func subtractQuarterTurns(_ turns: Lanes, from x: Lanes, _ accuracy: MathAccuracy) -> (Lanes, Lanes?) {
    let first = turns.multiplied(by: -0x1.921fb544p+0, plus: x)
    switch accuracy {
    case .single:
      return (turns.multiplied(by: -0x1.0b4611a626331p-34, plus: first), nil)
    case .double:
      let second = DoubledLanes.sum(first, -(turns * 0x1.0b4611a6p-34))
      let third = DoubledLanes.sum(second.high, -(turns * 0x1.3198a2ep-69))
      let rest = second.low + third.low - turns * 0x1.b839a252049c1p-104
      let result = DoubledLanes.sum(larger: third.high, rest)
      return (result.high, result.low)
    }
  }

  /// Quadrant, high and low part for every lane, by a function that takes one.
  private func reduceLargeAngles(_ x: Lanes) -> [Lanes] {
    let function = largeAngleReduction()
    let results = (0..<x.lanes).map { call(function, [extract(x.value, lane: $0)]) }
    return (0..<3).map { part in
      let parts = results.map { extract($0, lane: part) }
      guard parts.count > 1 else { return Lanes(parts[0], self) }
      let gathered = parts.enumerated().reduce(poison(x.type)) { insert($1.element, into: $0, lane: $1.offset) }
      return Lanes(gathered, self)
    }
  }

  /// The module's function from a finite f64 to ⟨quadrant, high, low, 0⟩.
  private func largeAngleReduction() -> CodeFunction {
    let name = "apus.reduce.angle"
    let parameters = [CodeParameter(type: types.f64)]
    let result = types.f64.vector(4)
    if let existing = LLVMGetNamedFunction(module, name) {
      let type = functionType(parameters.map(\.type), result: result)
      return CodeFunction(ref: existing, type: type, parameters: [])
    }
    return function(name, parameters, result: result, isExported: false) { f in
      let reduced = reduceLargeAngle(Lanes(f.parameters[0], self))
      let parts = [reduced.quadrant, reduced.high, reduced.low]
      let packed = parts.enumerated().reduce(zero(result)) { insert($1.element.value, into: $0, lane: $1.offset) }
      returnValue(packed)
    }
  }

  /// Payne and Hanek's method on one f64 = ±m · 2^e with a 53-bit m.
  ///
  /// Bits of 2/π worth more than 2^(1−e) give whole turns and drop out; the next 192 bits times m, modulo 2^192, are
  /// the quadrant in two bits and a fraction good to 2⁻¹²⁵. No f64 is nearer to a multiple of π/2 than 2⁻⁶² of it.
  private func reduceLargeAngle(_ x: Lanes) -> (quadrant: Lanes, high: Lanes, low: Lanes) {
    let bits = x.bits
    let exponent = (bits >> 52) & bits.integer(0x7ff)
    let significand = (bits & bits.integer((1 << 52) - 1)) | bits.integer(1 << 52)
    // The table begins with 64 zeros; the unused result for a small lane must not read before it.
    let position = bits.with(maximum((exponent - bits.integer(1075 - 62)).value, index(0)))
    let (word, shift) = (position >> 6, position & bits.integer(63))
    let bytes = Self.twoOverPi.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    let table = constantData(bytes, alignment: 8, name: "two.over.pi")
    let words = (0..<4).map { i in
      bits.with(load(types.i64, offset(table, types.i64, by: (word + bits.integer(i)).value)))
    }
    func funnel(_ high: Lanes, _ low: Lanes, _ count: Lanes) -> Lanes {
      bits.with(intrinsic("llvm.fshl", [types.i64], [high.value, low.value, count.value]))
    }
    let window = (0..<3).map { funnel(words[$0], words[$0 + 1], shift) }

    let carrying = product(significand, window[1])
    let lowest = product(significand, window[2]).high
    let low = carrying.low + lowest
    let carry = bits.with(resize(low.compare(.less, lowest, signed: false).value, to: types.i64, signed: false))
    let high = product(significand, window[0]).low + carrying.high + carry

    // high:low is quadrant (2 bits) and fraction (126 bits); a fraction above one half counts down from the next.
    let fractionHigh = (high << 2) | (low >> 62)
    let fractionLow = low << 2
    let goesDown = fractionHigh.compare(.less, bits.integer(0))
    let quarters = (high >> 62) + bits.with(resize(goesDown.value, to: types.i64, signed: false))
    let borrow = fractionLow.compare(.equal, bits.integer(0))
    let negatedHigh = borrow.then(bits.integer(0) - fractionHigh, else: !fractionHigh)
    let sizeHigh = goesDown.then(negatedHigh, else: fractionHigh)
    let sizeLow = goesDown.then(bits.integer(0) - fractionLow, else: fractionLow)

    // Normalised to 53 + 63 bits, times π/2.
    let zeros = bits.with(intrinsic("llvm.ctlz", [types.i64], [(sizeHigh | bits.integer(1)).value, bool(false)]))
    let top = funnel(sizeHigh, sizeLow, zeros)
    let rest = sizeLow << zeros
    let leading = float(top >> 11) * 0x1p-53
    let trailing = float(((top & bits.integer(0x7ff)) << 52) | (rest >> 12)) * 0x1p-116
    let angle =
      DoubledLanes(high: leading, low: trailing)
      * DoubledLanes(high: x.constant(0x1.921fb54442d18p+0), low: x.constant(0x1.1a62633145c07p-54))

    let scale = ((bits.integer(1023) - zeros) << 52).asFloat
    let isNegative = goesDown ^ x.signBitIsSet
    let signed = isNegative.then(-scale, else: scale)
    let turns = float(quarters)
    return (x.signBitIsSet.then(-turns, else: turns), angle.high * signed, angle.low * signed)
  }

  /// The full product of unsigned 64-bit integers.
  private func product(_ a: Lanes, _ b: Lanes) -> (high: Lanes, low: Lanes) {
    let mask = a.integer(0xffff_ffff)
    let (a0, a1, b0, b1) = (a & mask, a >> 32, b & mask, b >> 32)
    let middle = a1 * b0 + ((a0 * b0) >> 32)
    let other = a0 * b1 + (middle & mask)
    return (a1 * b1 + (middle >> 32) + (other >> 32), a * b)
  }

  private func float(_ integer: Lanes) -> Lanes { integer.with(toFloat(integer.value, types.f64, signed: true)) }

  /// 64 zeros, then the first 1216 bits of 2/π, most significant first.
  private static let twoOverPi: [UInt64] = [
    0x0000_0000_0000_0000, 0xa2f9_836e_4e44_1529, 0xfc27_57d1_f534_ddc0, 0xdb62_9599_3c43_9041,
    0xfe51_63ab_debb_c561, 0xb724_6e3a_424d_d2e0, 0x0649_2eea_09d1_921c, 0xfe1d_eb1c_b129_a73e,
    0xe882_35f5_2ebb_4484, 0xe99c_7026_b45f_7e41, 0x3991_d639_8353_39f4, 0x9c84_5f8b_bdf9_283b,
    0x1ff8_97ff_de05_980f, 0xef2f_118b_5a0a_6d1f, 0x6d36_7ecf_27cb_09b7, 0x4f46_3f66_9e5f_ea2d,
    0x7527_bac7_ebe5_f17b, 0x3d07_39f7_8a52_92ea, 0x6bfb_5fb1_1f8d_5d08, 0x5603_3046_fc7b_6bab,
  ]
}
