import ApusTensor

/// The values of `elements` in another type, as the op `convert` defines it.
func converted(_ elements: Elements, from source: ElementType, to target: ElementType) -> Elements {
  if source == target { return elements }
  switch elements {
  case .floats(let values):
    if target.isFloat { return .floats(mapped(values, rounding(to: target))) }
    if target == .bool { return .integers(mapped(values) { $0 == 0 ? 0 : 1 }) }
    return .integers(mapped(values) { saturated($0, to: target) })
  case .integers(let values):
    if !target.isFloat { return .integers(mapped(values) { wrapped($0, to: target) }) }
    return .floats(mapped(values, conversion(from: source, to: target)))
  }
}

/// Truncates towards zero and saturates; NaN becomes 0. A u64 is its bit pattern.
func saturated(_ value: Double, to type: ElementType) -> Int64 {
  if value.isNaN { return 0 }
  let whole = value.rounded(.towardZero)
  if type == .u64 {
    // 2⁶⁴ is the first double above the range.
    if whole >= 0x1p64 { return -1 }
    return whole <= 0 ? 0 : Int64(bitPattern: UInt64(whole))
  }
  // For s64 the largest value rounds up to 2⁶³, hence `>=`.
  if whole >= Double(largestInteger(type)) { return largestInteger(type) }
  if whole <= Double(smallestInteger(type)) { return smallestInteger(type) }
  return Int64(whole)
}

/// Rounds an integer once to a float type.
private func conversion(from source: ElementType, to target: ElementType) -> (Int64) -> Double {
  let isUnsigned = source == .u64
  switch target {
  case .f64: return { isUnsigned ? Double(UInt64(bitPattern: $0)) : Double($0) }
  case .f32: return { isUnsigned ? Double(Float(UInt64(bitPattern: $0))) : Double(Float($0)) }
  case .f16, .bf16:
    let round = rounding(to: target)
    return { value in
      let magnitude = isUnsigned ? UInt64(bitPattern: value) : value.magnitude
      return round(roundedToOdd(magnitude, isNegative: !isUnsigned && value < 0))
    }
  case .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool:
    preconditionFailure("\(target) is not a float")
  }
}

/// Rounding to odd first makes a second rounding, to far fewer bits, correct.
private func roundedToOdd(_ magnitude: UInt64, isNegative: Bool) -> Double {
  let excess = UInt64(max(0, 64 - magnitude.leadingZeroBitCount - 53))
  let kept = magnitude >> excess
  let sticky: UInt64 = kept << excess == magnitude ? 0 : 1
  let value = Double(kept | sticky) * Double(UInt64(1) << excess)
  return isNegative ? -value : value
}
