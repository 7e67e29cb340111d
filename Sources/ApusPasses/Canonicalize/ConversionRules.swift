import ApusIR
import ApusSupport
import ApusTensor

extension Canonicalization {
  /// `convert` and `bitcast`.
  static let conversionRules: [CanonicalRule] = [
    CanonicalRule("convert-to-same-type", [.convert, .bitcast]) { f, op in
      let x = f.operand(0, of: op)
      return f.type(of: x) == f.type(of: f.result(of: op)) ? .replaced([x]) : .unchanged
    },
    // convert (convert %x, to: f32), to: f64 → convert %x, to: f64, when f32 holds every value of x
    CanonicalRule("convert-of-widened", [.convert]) { f, op in
      guard let inner = f.definingOp(of: f.operand(0, of: op), .convert) else { return .unchanged }
      let x = f.operand(0, of: inner)
      let result = f.type(of: f.result(of: op))
      let (first, middle, last) = (f.type(of: x).element, f.type(of: f.operand(0, of: op)).element, result.element)
      guard first.isContained(in: middle) else { return .unchanged }
      // A float that is no value of an integer type saturates there, an integer wraps.
      if first.isInteger, middle.isFloat, last.isInteger, !first.isContained(in: last) { return .unchanged }
      if f.type(of: x) == result { return .replaced([x]) }
      return .replaced([f.insert(.convert, [x], [], result, before: op)])
    },
    CanonicalRule("bitcast-of-bitcast", [.bitcast]) { f, op in
      guard let inner = f.definingOp(of: f.operand(0, of: op), .bitcast) else { return .unchanged }
      let x = f.operand(0, of: inner)
      let result = f.type(of: f.result(of: op))
      if f.type(of: x) == result { return .replaced([x]) }
      return .replaced([f.insert(.bitcast, [x], [], result, before: op)])
    },
  ]
}

extension ElementType {
  /// Whether another type holds every value of this one, so that a conversion there and on to a third type is the
  /// same as one conversion. Negative zero, infinities and NaN are values of floats.
  func isContained(in other: ElementType) -> Bool {
    switch (self, other) {
    case (.bool, _): true
    case (.f16, .f32), (.f16, .f64), (.bf16, .f32), (.bf16, .f64), (.f32, .f64): true
    case (_, .bool): false
    case _ where self == other: true
    case _ where isFloat: false
    case _ where other.isFloat: bitWidth - (isSignedInteger ? 1 : 0) <= other.significandBits
    case _ where isSignedInteger == other.isSignedInteger: bitWidth <= other.bitWidth
    case _ where isPlanted(.unsignedFitsItsSignedTwin): isUnsignedInteger && bitWidth <= other.bitWidth
    case _: isUnsignedInteger && bitWidth < other.bitWidth
    }
  }

  /// The bits of the integers that a float type holds all of.
  private var significandBits: Int {
    switch self {
    case .f64: 53
    case .f32: 24
    case .f16: 11
    case .bf16: 8
    case .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool: 0
    }
  }
}
