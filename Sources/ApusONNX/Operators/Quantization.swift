import ApusIR
import ApusTensor

extension Operators {
  /// Between real numbers and integers with a scale and a zero point.
  static var quantization: [OperatorRule] {
    ["", "com.microsoft"].flatMap { domain in
      [
        OperatorRule("QuantizeLinear", domain: domain) { [try $0.quantizeLinear()] },
        OperatorRule("DequantizeLinear", domain: domain, value: { try $0.dequantizeLinear() }),
      ]
    } + [
      OperatorRule("DynamicQuantizeLinear") { n in
        let parts = try n.dynamicallyQuantized(n.value(0))
        return [.value(parts.quantized), .value(parts.scale), .value(parts.zeroPoint)]
      }
    ]
  }
}

extension NodeTranslation {
  /// The quotient is rounded in the precision of the scale, or in the one that the node states, before it is rounded
  /// to an integer or a narrow float: in f16 both count.
  fileprivate func quantizeLinear() throws -> Imported {
    let x = try value(0)
    let stated = try optionalStoredType("output_dtype")
    let target = try has(2) ? storedType(2) : stated ?? .own(.u8)
    guard stated == nil || stated == target else {
      throw error("onnx.type", "'output_dtype' is another type than that of the zero point")
    }
    let scale = try quantizationParameter(1, over: dims(x))
    let precision = try quotientType(x)
    // Integers divided by integers: exact in f64 before the one rounding.
    let wide: ElementType = precision.isFloat ? precision : .f64
    let (dividend, divisor) = (convert(x, to: wide), convert(scale, to: wide))
    if let narrow = target.narrow, case .float = narrow.form {
      var quotient = try call(.div, dividend, divisor)
      // Adding nothing would lose the sign of a zero.
      if has(2), constantIfKnown(2).map({ $0 != (try? Tensor.zeros($0.elementType, shape: $0.shape)) }) ?? true {
        quotient = try call(.add, quotient, convert(quantizationParameter(2, over: dims(x)), to: wide))
      }
      return .value(try narrowed(quotient, to: narrow)).marked(narrow)
    }
    guard target.carrier.isInteger else { throw unsupported("numbers cannot be quantized to \(target.name)") }
    let zero = try has(2) ? quantizationParameter(2, over: dims(x)) : scalar(0, target.carrier)
    var result: ValueID
    if wide == .f16 || wide == .bf16 {
      let quotient = try call(.div, dividend, divisor)
      result = try call(.quantize, [.value(convert(quotient, to: .f32)), .number(1), .value(zero)])
    } else {
      result = try call(.quantize, dividend, divisor, zero)
    }
    if let range = target.narrow?.integers {
      result = try call(
        .min, [.value(call(.max, [.value(result), .integer(range.lowerBound)])), .integer(range.upperBound)])
    }
    return .value(result).marked(target.narrow)
  }

  /// The type that quotients are computed in: of powers of two, whatever carries them, that of the dividend.
  private func quotientType(_ x: ValueID) throws -> ElementType {
    if let precision = try optionalStoredType("precision") {
      guard precision.narrow == nil else { throw unsupported("a precision of \(precision.name) is not supported") }
      return precision.carrier
    }
    let scale = try storedType(1)
    return scale.narrow == nil ? scale.carrier : element(x).isFloat ? element(x) : .f32
  }

  /// The difference is exact, and the product is rounded in f32, then to the type of the result.
  fileprivate func dequantizeLinear() throws -> ValueID {
    let x = try value(0)
    let (type, scaleType) = (try storedType(0), try storedType(1))
    let scale = try quantizationParameter(1, over: dims(x))
    guard let target = try optionalStoredType("output_dtype") ?? (scaleType.narrow == nil ? scaleType : nil) else {
      throw error("onnx.attribute", "'output_dtype' must be given where the scale is \(scaleType.name)")
    }
    guard type.carrier.isInteger || type.narrow != nil, element(scale).isFloat, target.narrow == nil, target.carrier.isFloat
    else {
      throw unsupported("\(type.name) cannot be dequantized to \(target.name) with a scale of \(scaleType.name)")
    }
    guard try !has(2) || storedType(2) == type else {
      throw error("onnx.type", "the zero point is of another type than its tensor")
    }
    let wide: ElementType = element(scale) == .f64 ? .f64 : .f32
    guard type.carrier.isInteger else {
      var value = convert(x, to: wide)
      if has(2) { value = try call(.sub, value, convert(quantizationParameter(2, over: dims(x)), to: wide)) }
      return convert(try call(.mul, value, convert(scale, to: wide)), to: target.carrier)
    }
    let zero = try has(2) ? quantizationParameter(2, over: dims(x)) : scalar(0, element(x))
    return convert(try call(.dequantize, x, convert(scale, to: wide), zero), to: target.carrier)
  }

  /// A scale or a zero point, shaped so that it broadcasts to the tensor it belongs to: one for all, one for each
  /// index of `axis`, or one for each block of `block_size` along it.
  private func quantizationParameter(_ index: Int, over x: [Dim]) throws -> ValueID {
    let parameter = try value(index)
    let own = dims(parameter)
    if own.isEmpty { return parameter }
    let blockSize = try int("block_size", 0)
    if blockSize > 0, own.count == x.count {
      let axis = try axis(int("axis", 1), rank: x.count)
      return try repeated(parameter, blockSize, along: axis, to: x[axis])
    }
    if own.allSatisfy({ $0 == 1 }) { return try reshape(parameter, []) }
    guard own.count == 1, !x.isEmpty else {
      throw error("onnx.shape", "operand \(index) has neither one element nor one for each index or block of an axis")
    }
    let axis = x.count == 1 ? 0 : try axis(int("axis", 1), rank: x.count)
    return try reshape(parameter, own + Array(repeating: 1, count: x.count - 1 - axis))
  }

  /// Each element of an axis `count` times in a row, the last ones dropped so that the axis has `size` elements.
  func repeated(_ value: ValueID, _ count: Int, along axis: Int, to size: Dim) throws -> ValueID {
    let own = dims(value)
    let (before, after) = (Array(own[..<axis]), Array(own[(axis + 1)...]))
    let split = try reshape(value, before + [own[axis], 1] + after)
    let spread = broadcast(split, to: before + [own[axis], .constant(count)] + after)
    let whole = try reshape(spread, before + [product(own[axis], .constant(count))] + after)
    guard areEqual(dims(whole)[axis], size) != .yes else { return whole }
    return try call(
      .slice, [.value(whole)],
      ["starts": .ints(Array(repeating: 0, count: own.count)), "limits": .sizes(before + [size] + after)])
  }

  /// What DynamicQuantizeLinear gives: the range of the elements and 0 in the 256 steps of u8.
  ///
  /// Where all elements are 0, the scale is that of a range of 1.
  func dynamicallyQuantized(_ x: ValueID) throws -> (quantized: ValueID, scale: ValueID, zeroPoint: ValueID) {
    let axes = Meaning.ints(Array(0..<rank(x)))
    let largest = try call(.max, [.value(call(.reduceMax, [.value(x)], ["axes": axes])), .number(0)])
    let smallest = try call(.min, [.value(call(.reduceMin, [.value(x)], ["axes": axes])), .number(0)])
    let span = try call(.sub, largest, smallest)
    let isPoint = try call(.equal, [.value(span), .number(0)])
    let scale = try call(
      .div, [.value(call(.select, [.value(isPoint), .number(1), .value(span)])), .number(255)])
    let zero = try call(.quantize, [.value(call(.neg, smallest)), .value(scale), .value(scalar(0, .u8))])
    return (try call(.quantize, x, scale, zero), scale, zero)
  }
}
