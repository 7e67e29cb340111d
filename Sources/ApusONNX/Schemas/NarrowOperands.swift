import ApusTensor

/// Which operands of ONNX's operators may be of narrow types, and in which opsets: what the text of ``Schemas`` leaves out.
///
/// The operators that move or store elements take all types that the format had when the opset came.
enum NarrowOperands {
  private struct Use {
    /// The opset that brought the first narrow types.
    let since: Int
    /// The last opset that brought more.
    var until = Int.max
    var places: Set<Int> = [0]
    /// Any operand from here on.
    var rest: Int?
    /// Whether the first result is of the type of the first operand.
    var keepsType = true
  }

  private static let uses: [String: Use] = [
    "BitCast": Use(since: 26, until: 26, keepsType: false),
    "Cast": Use(since: 19, keepsType: false),
    "CastLike": Use(since: 19, until: 25, places: [0, 1], keepsType: false),
    "Flatten": Use(since: 21, until: 25),
    "Identity": Use(since: 19, until: 25),
    "IsInf": Use(since: 20, until: 20, keepsType: false),
    "IsNaN": Use(since: 20, until: 20, keepsType: false),
    "Loop": Use(since: 19, until: 25, places: [], rest: 2, keepsType: false),
    "Optional": Use(since: 28),
    "OptionalGetElement": Use(since: 28),
    "OptionalHasElement": Use(since: 28, keepsType: false),
    "Pad": Use(since: 21, until: 25, places: [0, 2]),
    "Reshape": Use(since: 19, until: 25),
    "Scan": Use(since: 19, until: 25, places: [], rest: 0, keepsType: false),
    "Shape": Use(since: 19, until: 25, keepsType: false),
    "Size": Use(since: 19, until: 25, keepsType: false),
    "Squeeze": Use(since: 21, until: 25),
    "TensorScatter": Use(since: 24, until: 24, places: [0, 1]),
    "Transpose": Use(since: 21, until: 25),
    "Unsqueeze": Use(since: 21, until: 25),
  ]

  /// Operators that ONNX lets work on narrow types, and Apus does not.
  private static let others: Set<String> = ["Dropout", "QLinearMatMul"]

  static func keepsType(_ name: String) -> Bool { uses[name]?.keepsType ?? false }

  static func isUnsupported(_ name: String) -> Bool { others.contains(name) }

  /// Whether a node may have an operand of the type at a place of its list.
  static func allow(_ type: NarrowType, at index: Int, of name: String, opset: Int) -> Bool {
    if name == "QuantizeLinear" || name == "DequantizeLinear" {
      if index == 1 { return type == .float8e8m0 && opset >= 24 }
      return (index == 2 || name == "DequantizeLinear") && type != .float8e8m0 && type.firstOpset <= opset
    }
    guard let use = uses[name], opset >= use.since, use.places.contains(index) || use.rest.map({ index >= $0 }) ?? false else {
      return false
    }
    return type.firstOpset <= min(opset, use.until)
  }
}

extension NarrowType {
  /// The opset that came with the type.
  var firstOpset: Int {
    switch self {
    case .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz: 19
    case .uint4, .int4: 21
    case .float4e2m1: 23
    case .float8e8m0: 24
    case .uint2, .int2: 25
    case .float6e2m3, .float6e3m2: 28
    }
  }
}
