import ApusIR
import ApusTensor

/// Conversions, which saturate where ONNX leaves open what `Cast` does.
extension GraphExport {
  func converted(_ x: Exported, to element: ElementType) throws -> Exported {
    guard x.element.isFloat, element.isInteger else { return cast(x, to: element) }
    // In f32 at least: the ends of the range are not numbers of narrower types.
    let wide = cast(x, to: x.element == .f64 ? .f64 : .f32)
    let bits = element.isSignedInteger ? element.bitWidth - 1 : element.bitWidth
    let end = Double(sign: .plus, exponent: bits, significand: 1)
    let (low, high) = (number(element.isSignedInteger ? -end : 0, wide.element), number(end, wide.element))
    let isBelow = node("LessOrEqual", [wide, low], .bool)
    let isAbove = node("GreaterOrEqual", [wide, high], .bool)
    // NaN is neither above nor below, and not within.
    let isWithin = node("And", [node("Greater", [wide, low], .bool), node("Less", [wide, high], .bool)], .bool)
    let within = cast(choose(isWithin, wide, zero(like: wide)), to: element)
    let (least, most) = (scalar(element.least, element), scalar(element.most, element))
    return choose(isAbove, most, choose(isBelow, least, within))
  }

  func sameBits(_ x: Exported, as element: ElementType) throws -> Exported {
    if x.element == element || x.element.isInteger && element.isInteger { return cast(x, to: element) }
    require(opset: 26)
    return node("BitCast", [x], ["to": .int(Int(element.onnxDataType))], element)
  }

  // MARK: Quantization

  /// Round(x / scale) + zero point in f64, where all of it is exact.
  func quantized(_ x: [Exported], _ element: ElementType) throws -> Exported {
    guard element.bitWidth <= 32 else { throw Inexpressible("a sum beyond 64 bits decides whether it saturates") }
    let wide: ElementType = x[0].element == .f64 ? .f64 : .f32
    let quotient = node("Div", [cast(x[0], to: wide), cast(x[1], to: wide)], wide)
    let whole = cast(node("Round", [quotient], wide), to: .f64)
    let number = choose(node("IsNaN", [whole], .bool), zero(like: whole), whole)
    return try converted(node("Add", [number, cast(x[2], to: .f64)], .f64), to: element)
  }

  /// (x − zero point) · scale: the difference in s64, the product in f32 at least.
  func dequantized(_ x: [Exported], _ element: ElementType) throws -> Exported {
    guard x[0].element.bitWidth <= 32 else { throw Inexpressible("the difference has more than 64 bits") }
    let wide: ElementType = element == .f64 ? .f64 : .f32
    let difference = node("Sub", [cast(x[0], to: .s64), cast(x[2], to: .s64)], .s64)
    return cast(node("Mul", [cast(difference, to: wide), cast(x[1], to: wide)], wide), to: element)
  }
}

extension ElementType {
  /// The ends of the range of an integer type.
  var least: Scalar { isSignedInteger ? .signed(-1 << Int64(bitWidth - 1)) : .unsigned(0) }
  var most: Scalar {
    isSignedInteger ? .signed(~(-1 << Int64(bitWidth - 1))) : .unsigned(bitWidth == 64 ? .max : 1 << UInt64(bitWidth) - 1)
  }
}
