import ApusTensor

/// x / scale rounded to nearest even, plus the zero point, saturated to `type`. Divides in f32, or in f64 for f64.
func quantized(
  _ x: Elements, _ scale: Elements, _ zeroPoint: Elements, from source: ElementType, to type: ElementType
) -> Elements {
  let round = rounding(to: source == .f64 ? .f64 : .f32)
  let ratios = mapped(x.floats, scale.floats) { round($0 / $1).rounded(.toNearestOrEven) }
  return .integers(mapped(ratios, zeroPoint.integers) { shifted($0, by: $1, type) })
}

/// (x − zero point) · scale: the difference is exact, then rounded to f32 (f64 for f64), where the product is
/// rounded before it is rounded to `type`.
func dequantized(
  _ x: Elements, _ scale: Elements, _ zeroPoint: Elements, from source: ElementType, to type: ElementType
) -> Elements {
  let wide: ElementType = type == .f64 ? .f64 : .f32
  let round = rounding(to: wide)
  let differences = mapped(x.integers, zeroPoint.integers) { difference($0, $1, of: source, roundedTo: wide) }
  return .floats(mapped(differences, scale.floats) { round($0 * $1) }).rounded(to: type)
}

/// An integral value plus a zero point, saturated; NaN counts as 0.
private func shifted(_ value: Double, by zeroPoint: Int64, _ type: ElementType) -> Int64 {
  if value.isNaN { return zeroPoint }
  // Beyond 2⁶⁶ no zero point brings the sum back into range; within it the sum is exact in 128 bits.
  if value >= 0x1p66 { return largestInteger(type) }
  if value <= -0x1p66 { return smallestInteger(type) }
  let sum = Int128(value) + exact(zeroPoint, type)
  if sum >= exact(largestInteger(type), type) { return largestInteger(type) }
  if sum <= exact(smallestInteger(type), type) { return smallestInteger(type) }
  return Int64(truncatingIfNeeded: sum)
}

private func difference(_ x: Int64, _ y: Int64, of type: ElementType, roundedTo wide: ElementType) -> Double {
  let exactDifference = exact(x, type) - exact(y, type)
  return wide == .f64 ? Double(exactDifference) : Double(Float(exactDifference))
}

private func exact(_ value: Int64, _ type: ElementType) -> Int128 {
  type == .u64 ? Int128(UInt64(bitPattern: value)) : Int128(value)
}

extension Operation {
  func quantize() throws -> Tensor {
    let shape = try commonShape()
    let target = elementType(2)
    let values = quantized(
      Elements(operands[0]), Elements(operands[1]), Elements(operands[2]), from: elementType(0), to: target)
    return try tensor(values, target, shape)
  }

  func dequantize() throws -> Tensor {
    let shape = try commonShape()
    let target = elementType(1)
    let values = dequantized(
      Elements(operands[0]), Elements(operands[1]), Elements(operands[2]), from: elementType(0), to: target)
    return try tensor(values, target, shape)
  }
}
