import ApusIR
import ApusTensor

extension Operators {
  /// Products and convolutions of 8-bit integers.
  ///
  /// Zero points become sums that correct the product of the bytes as they are, so that the contraction reads bytes:
  /// Σ(a − α)(b − β) = Σab − βΣa − α(Σb − βk). Where b and β are weights, the last term's factor is a constant.
  static var integerContractions: [OperatorRule] {
    [
      OperatorRule("MatMulInteger", value: { n in
        try n.integerProduct(n.value(0), n.optionalZeroPoint(2), n.value(1), n.optionalZeroPoint(3))
      }),
      OperatorRule("ConvInteger", value: { n in
        try n.integerConvolution(n.value(0), n.optionalZeroPoint(2), n.value(1), n.optionalZeroPoint(3))
      }),
      OperatorRule("QLinearMatMul", value: { try $0.quantizedProduct() }),
      OperatorRule("QLinearConv", value: { try $0.quantizedConvolution() }),
    ]
  }
}

extension NodeTranslation {
  /// A zero point, or nil where it is left out or known to be 0.
  func optionalZeroPoint(_ index: Int) throws -> ValueID? {
    guard has(index) else { return nil }
    if let known = constantIfKnown(index), known.count <= 1 << 16,
      (0..<known.count).allSatisfy({ known.integer(at: $0) == 0 }) { return nil }
    return try value(index)
  }

  fileprivate func quantizedProduct() throws -> ValueID {
    let (a, b) = (try value(0), try value(3))
    let sums = try integerProduct(a, optionalZeroPoint(2), b, optionalZeroPoint(5))
    let isMatrix = rank(a) > 1
    let left = try isMatrix ? perRow(value(1)) : scalarIfOne(value(1))
    let right = try scalarIfOne(value(4))
    let scale = try call(.div, call(.mul, left, right), scalarIfOne(value(6)))
    return try requantized(sums, scale, zeroPoint: scalarIfOne(value(7)))
  }

  fileprivate func quantizedConvolution() throws -> ValueID {
    let (x, w) = (try value(0), try value(3))
    var sums = try integerConvolution(x, optionalZeroPoint(2), w, optionalZeroPoint(5))
    let spatial = rank(x) - 2
    if let bias = try optionalValue(8) { sums = try call(.add, sums, perChannel(bias, spatial)) }
    let scale = try call(
      .div, call(.mul, scalarIfOne(value(1)), perChannel(value(4), spatial)), scalarIfOne(value(6)))
    return try requantized(sums, scale, zeroPoint: scalarIfOne(value(7)))
  }

  /// sums · scale, rounded to even, then the zero point added, saturated to the zero point's type.
  ///
  /// The product is that of f64, in which only its last bits can be missing; the scale is what the scales' own type
  /// gives.
  func requantized(_ sums: ValueID, _ scale: ValueID, zeroPoint: ValueID) throws -> ValueID {
    let product = try call(.mul, convert(sums, to: .f64), convert(scale, to: .f64))
    let moved = try call(.add, call(.round, product), convert(zeroPoint, to: .f64))
    return convert(moved, to: element(zeroPoint))
  }

  // MARK: Shapes of parameters

  /// A parameter of one element as a scalar.
  func scalarIfOne(_ value: ValueID) throws -> ValueID {
    dims(value).allSatisfy { $0 == 1 } ? try reshape(value, []) : value
  }

  /// A parameter for each row of a matrix.
  func perRow(_ value: ValueID) throws -> ValueID {
    let scalar = try scalarIfOne(value)
    return rank(scalar) == 1 ? try reshape(scalar, dims(scalar) + [1]) : scalar
  }

  /// A parameter for each channel of [batch, channels, spatial …].
  func perChannel(_ value: ValueID, _ spatial: Int) throws -> ValueID {
    let scalar = try scalarIfOne(value)
    return rank(scalar) == 1 ? try reshape(scalar, dims(scalar) + Array(repeating: 1, count: spatial)) : scalar
  }

  // MARK: Products

  /// numpy.matmul of (a − α) and (b − β) in s32, α for each row or for all, β for each column or for all.
  func integerProduct(_ a: ValueID, _ alpha: ValueID?, _ b: ValueID, _ beta: ValueID?) throws -> ValueID {
    guard element(a).byteCount == 1, element(b).byteCount == 1, element(a).isInteger, element(b).isInteger else {
      throw error("onnx.type", "\(element(a)) and \(element(b)) are not 8-bit integers")
    }
    let (isVector, isColumn) = (rank(a) == 1, rank(b) == 1)
    let left = isVector ? try reshape(a, [1] + dims(a)) : a
    let right = isColumn ? try reshape(b, dims(b) + [1]) : b
    guard rank(left) > 1, rank(right) > 1 else { throw error("onnx.shape", "a scalar has no matrix product") }
    var sums = try byteProduct(left, right)
    let rows = try alpha.map { convert(try isVector ? scalarIfOne($0) : perRow($0), to: .s32) }
    let columns = try beta.map { convert(try scalarIfOne($0), to: .s32) }
    if let columns { sums = try call(.sub, sums, call(.mul, total(left, [rank(left) - 1]), columns)) }
    if let rows {
      var totals = try total(right, [rank(right) - 2])
      if let columns {
        let depth = dims(left)[rank(left) - 1]
        totals = try call(.sub, totals, call(.mul, [.value(columns), .size(depth)]))
      }
      sums = try call(.sub, sums, call(.mul, rows, totals))
    }
    var shape = dims(sums)
    if isColumn { shape.removeLast() }
    if isVector { shape.remove(at: shape.count - (isColumn ? 1 : 2)) }
    return try reshape(sums, shape)
  }

  /// The product of stacks of matrices as they are; many rows against one matrix are one product.
  private func byteProduct(_ a: ValueID, _ b: ValueID) throws -> ValueID {
    let (x, y) = (dims(a), dims(b))
    if y.count == 2 {
      let rows = Array(x.dropLast())
      let flat = try reshape(a, [product(rows), x[x.count - 1]])
      return try reshape(call(.matmulInteger, flat, b), rows + y.suffix(1))
    }
    let batch = try context.emitter.commonShape([Array(x.dropLast(2)), Array(y.dropLast(2))])
    return try call(.matmulInteger, broadcast(a, to: batch + x.suffix(2)), broadcast(b, to: batch + y.suffix(2)))
  }

  /// Sums along axes in s32, the axes kept with size 1.
  func total(_ value: ValueID, _ axes: [Int]) throws -> ValueID {
    try call(.reduceSum, [.value(convert(value, to: .s32))], ["axes": .ints(axes), "keep_dims": .bool(true)])
  }

  // MARK: Convolutions

  /// Cross-correlation of (x − ξ) and (w − ω) in s32, ω for each output channel or for all. Padding stands for x = ξ.
  func integerConvolution(_ x: ValueID, _ xi: ValueID?, _ w: ValueID, _ omega: ValueID?) throws -> ValueID {
    guard element(x).byteCount == 1, element(w).byteCount == 1, element(x).isInteger, element(w).isInteger else {
      throw error("onnx.type", "\(element(x)) and \(element(w)) are not 8-bit integers")
    }
    guard rank(x) >= 3, rank(w) == rank(x) else {
      throw error("onnx.shape", "a convolution takes tensors of 3 axes and more")
    }
    let axes = rank(x) - 2
    let windows = try Windows(self, over: spatial(x), kernel: kernel(w))
    let groups = try int("group", 1)
    var input = x
    var pads = windows.constantPads ?? []
    if windows.constantPads == nil || xi != nil && windows.isPadded {
      input = try windows.padded(self, x, with: xi.map { .value(try scalarIfOne($0)) } ?? .integer(0))
      pads = []
    }
    let attributes: KeyValuePairs<String, Meaning> = [
      "strides": .ints(windows.strides), "pads": .ints(pads), "dilations": .ints(windows.dilations),
      "groups": .integer(groups),
    ]
    func convolved(_ weights: ValueID) throws -> ValueID {
      try call(.convInteger, [.value(input), .value(weights)], attributes)
    }
    var sums = try convolved(w)
    let channels = try omega.map { convert(try perChannel($0, axes), to: .s32) }
    if let channels {
      // The sums of the windows, once for each group.
      let ones = try filled(1, element(w), [.constant(groups)] + dims(w)[1...])
      var totals = try convolved(ones)
      if groups > 1 {
        let outputs = dims(w)[0]
        guard let count = outputs.constantValue else { throw unsupported("the number of output channels is not known") }
        totals = try repeated(totals, count / groups, along: 1, to: outputs)
      }
      sums = try call(.sub, sums, call(.mul, totals, channels))
    }
    if let xi {
      var totals = try total(w, Array(1..<rank(w)))
      totals = try reshape(totals, [dims(w)[0]] + Array(repeating: 1, count: axes))
      if let channels {
        totals = try call(.sub, totals, call(.mul, [.value(channels), .size(product(dims(w)[1...]))]))
      }
      sums = try call(.sub, sums, call(.mul, convert(scalarIfOne(xi), to: .s32), totals))
    }
    return sums
  }
}
