import ApusIR
import ApusSupport
import ApusTensor

/// `quantize` and `dequantize` of elements (S9): they compute in f32, or in f64 for f64, and zero points take part exactly.
extension ElementEmitter {
  mutating func quantize(_ op: OpID, _ result: ValueID, at p: [Position]) throws -> ValueID {
    let target = element(of: result)
    let source = computing(element(of: host.operand(0, of: op)))
    let x = builder.convert(try emit(host.operand(0, of: op), at: p), to: source)
    let scale = builder.convert(try emit(host.operand(1, of: op), at: p), to: source)
    let zero = try emit(host.operand(2, of: op), at: p)
    let rounded = elementwise(.round, [elementwise(.div, [x, scale], source)], source)
    // NaN becomes the zero point.
    let isNumber = elementwise(.equal, [rounded, rounded], .bool)
    let none = builder.literal(.float(0), source, lanes: nil)
    let ratio = isPlanted(.nanQuantizesToZero) ? rounded : elementwise(.select, [isNumber, rounded, none], source)
    guard target.bitWidth == 64 else {
      // In the wider type the sum is exact wherever it does not saturate.
      let wide: ElementType = target.bitWidth == 32 && !isPlanted(.quantizedWordsRoundToSingle) ? .f64 : source
      let sum = elementwise(.add, [builder.convert(ratio, to: wide), builder.convert(zero, to: wide)], wide)
      return builder.convert(sum, to: target)
    }
    return saturatingSum(zero, ratio, source, target)
  }

  mutating func dequantize(_ op: OpID, _ result: ValueID, at p: [Position]) throws -> ValueID {
    let target = element(of: result)
    let source = element(of: host.operand(0, of: op))
    let wide = computing(target)
    let x = try emit(host.operand(0, of: op), at: p)
    let scale = builder.convert(try emit(host.operand(1, of: op), at: p), to: wide)
    let zero = try emit(host.operand(2, of: op), at: p)
    let difference = source.bitWidth == 64 ? wideDifference(x, zero, source, wide) : narrowDifference(x, zero, source, wide)
    return builder.convert(elementwise(.mul, [difference, scale], wide), to: target)
  }

  private func computing(_ type: ElementType) -> ElementType { type == .f64 ? .f64 : .f32 }

  private mutating func narrowDifference(
    _ x: ValueID, _ y: ValueID, _ source: ElementType, _ wide: ElementType
  ) -> ValueID {
    let exact: ElementType = source.bitWidth == 32 && !isPlanted(.differenceOfWordsWraps) ? .s64 : .s32
    return builder.convert(
      elementwise(.sub, [builder.convert(x, to: exact), builder.convert(y, to: exact)], exact), to: wide)
  }

  /// The difference of integers of 64 bits takes 65: its magnitude fits in u64.
  private mutating func wideDifference(
    _ x: ValueID, _ y: ValueID, _ source: ElementType, _ wide: ElementType
  ) -> ValueID {
    let isNegative = elementwise(.less, [x, y], .bool)
    let larger = builder.convert(elementwise(.select, [isNegative, y, x], source), to: .u64)
    let smaller = builder.convert(elementwise(.select, [isNegative, x, y], source), to: .u64)
    let magnitude = builder.convert(elementwise(.sub, [larger, smaller], .u64), to: wide)
    return elementwise(.select, [isNegative, elementwise(.neg, [magnitude], wide), magnitude], wide)
  }

  /// An integer of 64 bits plus an integral float, saturated. Signed numbers are shifted into the range of u64, where
  /// a magnitude beyond the range saturates whatever it is added to.
  private mutating func saturatingSum(
    _ zero: ValueID, _ ratio: ValueID, _ source: ElementType, _ target: ElementType
  ) -> ValueID {
    let bias = builder.literal(.unsigned(1 << 63), .u64, lanes: nil)
    func shifted(_ value: ValueID) -> ValueID {
      target.isSignedInteger ? elementwise(.xor, [value, bias], .u64) : value
    }
    let start = shifted(builder.convert(zero, to: .u64))
    let magnitude = builder.convert(elementwise(.abs, [ratio], source), to: .u64)
    let sum = elementwise(.add, [start, magnitude], .u64)
    let most = builder.literal(.unsigned(.max), .u64, lanes: nil)
    let upper = elementwise(.select, [elementwise(.less, [sum, start], .bool), most, sum], .u64)
    let least = builder.literal(.unsigned(0), .u64, lanes: nil)
    let isBelow = elementwise(.less, [start, magnitude], .bool)
    let lower = elementwise(.select, [isBelow, least, elementwise(.sub, [start, magnitude], .u64)], .u64)
    let isNegative = elementwise(.less, [ratio, builder.literal(.float(0), source, lanes: nil)], .bool)
    return builder.convert(shifted(elementwise(.select, [isNegative, lower, upper], .u64)), to: target)
  }
}
