import ApusTensor

extension InferenceContext {
  /// The numbered constraints of ops whose shape the signature gives. Those with a shape function
  /// check theirs there; the verifier checks those about regions and functions.
  mutating func checkConstraints(_ results: [TensorType]) throws {
    switch code {
    case .broadcast: try checkBroadcast(results[0])
    case .reshape:
      let (before, after) = (try operands[0].elementCount(), try results[0].elementCount())
      try requireEqual(
        "C1", before, after,
        "\(text(operands[0].dims)) holds \(text(before)) elements, \(text(results[0].dims)) \(text(after))", operands: [0])
    case .gatherElements, .scatterElements: try checkElementIndices()
    case .dynamicUpdateSlice: try checkUpdateSlice()
    case .convert:
      break
    case .bitcast:
      let (from, to) = (operands[0].element, results[0].element)
      try require("C1", from.bitWidth == to.bitWidth, "\(from) and \(to) differ in width", operands: [0])
      try require("C2", (from == .bool) == (to == .bool), "\(from) has no bits of \(to)", operands: [0])
    case .constant: try checkConstant(results[0])
    case .iota:
      let axis = int("axis")
      try require("C1", axis >= 0 && axis < results[0].rank, "`axis` is \(axis), the result has \(results[0].rank) axes")
    case .size: try require("C1", dims("of").count == 1, "`of` has \(dims("of").count) entries, not one")
    case .randomBits:
      try require("C1", results[0].element.isUnsignedInteger, "the result is \(results[0].element), not unsigned")
    case .groupNorm:
      let groups = int("groups")
      try require("C1", groups > 0, "`groups` is \(groups)")
      try requireEqual(
        "C1", try Dim.mod(operands[0].dims[1], .constant(groups)), 0,
        "\(groups) groups do not divide \(text(operands[0].dims[1])) channels", operands: [0])
    case .attention:
      let (queries, keys) = (operands[0].dims[1], operands[1].dims[1])
      guard keys != 0 else { throw InferenceError("attention.C1", "there are no key heads", operands: [1]) }
      try requireEqual(
        "C1", try Dim.mod(queries, keys), 0, "\(text(keys)) key heads do not divide \(text(queries)) query heads",
        operands: [1, 0])
    case .rope:
      let (features, pairs) = (operands[0].dims[3], operands[1].dims[1])
      try requireLessOrEqual(
        "C1", try Dim.product(2, pairs), features, "\(text(pairs)) pairs in \(text(features)) features", operands: [1, 0])
    case .lstm: try checkGates(4, biasOperand: 5)
    case .gru: try checkGates(3, biasOperand: 4)
    case .for:
      try require("C1", int("step") > 0 && int("grain") > 0, "`step` and `grain` are positive")
      try require("C3", name("kind") != "parallel" || operands.count == 2, "a parallel loop carries nothing")
    case .load: try checkAccess(buffer: 0, firstIndex: 1, register: stated?.first)
    case .loadMasked: try checkAccess(buffer: 1, firstIndex: 2, register: stated?.first)
    case .store: try checkAccess(buffer: 1, firstIndex: 2, register: operands[0])
    case .storeMasked: try checkAccess(buffer: 2, firstIndex: 3, register: operands[1])
    case .extractLane:
      let lane = int("lane")
      try require("C1", lane >= 0 && lane < operands[0].lanes, "lane \(lane) of \(operands[0].lanes)", operands: [0])
    case .scratch:
      let isBounded = results[0].dims.allSatisfy { symbols.bounds(of: $0).upper != nil }
      try require("C1", results[0].form == .buffer && isBounded, "scratch memory is a buffer of bounded size")
    case .view:
      let (before, after) = (try operands[0].checkedSize(), try results[0].checkedSize())
      try requireEqual("C1", before, after, "\(text(before)) bytes seen as \(text(after))", operands: [0])
    case .pack:
      try require("C1", results[0].element == operands[0].element && results[0].dims == operands[0].dims,
        "\(symbols.text(operands[0])) packed as \(symbols.text(results[0]))", operands: [0])
    case .contract: try checkContract()
    case .abs, .neg, .sign, .floor, .ceil, .round, .trunc, .sqrt, .exp, .expm1, .log, .log1p, .sin, .cos, .tan, .asin,
      .acos, .atan, .sinh, .cosh, .tanh, .asinh, .acosh, .atanh, .erf, .logistic, .not, .add, .sub, .mul, .div, .rem,
      .pow, .max, .min, .and, .or, .xor, .shiftLeft, .shiftRight, .equal, .notEqual, .less, .lessEqual, .greater,
      .greaterEqual, .select, .transpose, .slice, .pad, .concat, .reverse, .gather, .gatherNd, .scatterNd,
      .dynamicSlice, .nonZero, .reduceSum, .reduceProd, .reduceMax, .reduceMin, .reduceAnd, .reduceOr, .argMax, .argMin,
      .scan, .sort, .topK, .reduceWindow, .matmul, .matmulInteger, .conv, .convInteger, .quantize, .dequantize, .if,
      .while, .call, .customCall, .assert, .return, .yield, .continue, .reciprocal, .rsqrt, .square, .isNan, .isInf,
      .mod, .relu, .leakyRelu, .prelu, .elu, .selu, .celu, .softplus, .softsign, .silu, .mish, .hardSigmoid, .hardSwish,
      .gelu, .clamp, .mean, .variance, .logsumexp, .softmax, .logSoftmax, .layerNorm, .rmsNorm, .instanceNorm,
      .batchNorm, .l2Normalize, .crossEntropy, .oneHot, .cumsum, .maxPool, .averagePool, .convTranspose, .depthToSpace,
      .spaceToDepth, .resizeAxis, .resize, .kernel, .splat, .lanes, .reduceLanes, .fma, .checkIndex, .alloc, .launch:
      break
    }
  }

  private func checkBroadcast(_ result: TensorType) throws(InferenceError) {
    let x = operands[0]
    let axes = ints("axes")
    try require("C1", axes.count == x.rank, "`axes` has \(axes.count) entries for the \(x.rank) axes of `x`", operands: [0])
    let isIncreasing = zip(axes, axes.dropFirst()).allSatisfy { $0 < $1 }
    try require(
      "C2", isIncreasing && axes.allSatisfy { $0 >= 0 && $0 < result.rank },
      "`axes` is \(axes), not increasing within the \(result.rank) axes of the result")
    for (axis, target) in axes.enumerated() where x.dims[axis] != 1 {
      let message = "axis \(axis) of `x` is \(text(x.dims[axis])), axis \(target) of the result \(text(result.dims[target]))"
      switch symbols.equal(x.dims[axis], result.dims[target]) {
      case .yes: continue
      case .no where symbols.equal(x.dims[axis], 1) == .no:
        throw InferenceError("broadcast.C3", message, operands: [0])
      case .no, .unknown:
        // 1 or equal: (size − 1)·(size − target) = 0. Kept as an equality where the size cannot be 1.
        if symbols.equal(x.dims[axis], 1) == .no {
          record(
            Obligation(relation: .equal, lhs: x.dims[axis], rhs: result.dims[target], id: "broadcast.C3", message: message))
        }
      }
    }
  }

  private func checkElementIndices() throws(InferenceError) {
    let (x, indices) = (operands[0], operands[1])
    try require(
      "C1", x.rank == indices.rank && x.rank > 0, "`x` has \(x.rank) axes, `indices` \(indices.rank)", operands: [1, 0])
    let axis = int("axis")
    for other in 0..<x.rank where other != axis {
      try requireLessOrEqual(
        "C2", indices.dims[other], x.dims[other],
        "axis \(other) is \(text(indices.dims[other])) in `indices`, \(text(x.dims[other])) in `x`", operands: [1, 0])
    }
    if code == .scatterElements {
      try require("C3", x.element != .bool || name("reduction") == "none", "bool tensors cannot be combined")
    }
  }

  private func checkUpdateSlice() throws(InferenceError) {
    let (x, update, starts) = (operands[0], operands[1], operands[2].dims[0])
    try require("C1", x.rank == update.rank, "`x` has \(x.rank) axes, `update` \(update.rank)", operands: [1, 0])
    try requireEqual(
      "C1", starts, .constant(x.rank), "`starts` has \(text(starts)) entries for the \(x.rank) axes of `x`", operands: [2])
    for axis in 0..<x.rank {
      try requireLessOrEqual(
        "C2", update.dims[axis], x.dims[axis],
        "axis \(axis) is \(text(update.dims[axis])) in `update`, \(text(x.dims[axis])) in `x`", operands: [1, 0])
    }
  }

  private mutating func checkConstant(_ result: TensorType) throws(InferenceError) {
    switch attribute("value") {
    case .tensor(let constant)?:
      let tensor = constant.tensor
      try require(
        "C1",
        tensor.elementType == result.element && tensor.shape.map { Dim.constant($0) } == result.dims,
        "the value is \(tensor.elementType)\(tensor.shape), the result \(symbols.text(result))")
    case .scalar(let value)?:
      guard let stored = value.exactly(as: result.element) else {
        throw InferenceError("constant.C2", "\(value.text) is no value of type \(result.element)", attribute: "value")
      }
      attributes = [NamedAttribute("value", .scalar(stored))]
    case .int, .float, .bool, .string, .name, .ints, .floats, .dims, .elementType, .function, .schedule, nil:
      throw InferenceError("op.attribute", "a constant needs a `value`", attribute: "value")
    }
  }

  private func checkGates(_ count: Int, biasOperand: Int) throws {
    let hidden = operands[2].dims[1]
    let gates = try Dim.product(.constant(count), hidden)
    try requireEqual(
      "C1", operands[1].dims[0], gates, "`w` has \(text(operands[1].dims[0])) gates for hidden size \(text(hidden))",
      operands: [1, 2])
    guard operands.count > biasOperand else { return }
    try requireEqual(
      "C1", operands[biasOperand].dims[0], try Dim.product(2, gates),
      "`bias` has \(text(operands[biasOperand].dims[0])) entries for hidden size \(text(hidden))", operands: [biasOperand])
  }

  // MARK: Loops

  private func checkAccess(buffer: Int, firstIndex: Int, register: TensorType?) throws(InferenceError) {
    let rank = operands[buffer].rank
    try require(
      "C1", operands.count - firstIndex == rank,
      "\(operands.count - firstIndex) indices into a buffer of \(rank) axes", operands: [buffer])
    if case .int(let along)? = attribute("along") {
      try require("C1", along >= 0 && along < rank, "`along` is \(along), the buffer has \(rank) axes")
    }
    guard let register else { return }
    try require(
      "C2", register.form == .register && register.element == operands[buffer].element,
      "\(symbols.text(register)) in a buffer of \(operands[buffer].element)", operands: [buffer])
  }

  private func checkContract() throws(InferenceError) {
    let buffers = operands[0..<3]
    for (axes, buffer) in zip(["lhs_axes", "rhs_axes", "out_axes"], buffers) {
      let list = ints(axes)
      let isValid = list.count == 2 && list[0] != list[1] && list.allSatisfy { $0 >= 0 && $0 < buffer.rank }
      try require("C1", isValid, "`\(axes)` is \(list) for a buffer of \(buffer.rank) axes")
    }
    let indices = operands.count - 6
    let rank = buffers.reduce(0) { $0 + $1.rank }
    try require("C2", indices == rank, "\(indices) indices into buffers of \(rank) axes together")
    let block = ints("block")
    try require("C3", block.count == 2 && block.allSatisfy { $0 > 0 } && int("unroll") > 0, "`block` is \(block)")
  }
}

extension Scalar {
  /// The value in another type: integers must fit, floats round to nearest even; `nil` where it is no value of that type.
  func exactly(as type: ElementType) -> Scalar? {
    switch self {
    case .bool: type == .bool ? self : nil
    case .signed(let value):
      if type == .bool { nil } else if type.isFloat { converted(to: type) } else { fits(type) { value } }
    case .unsigned(let value):
      if type == .bool { nil } else if type.isFloat { converted(to: type) } else { fits(type) { Int128(value) } }
    case .float(let value):
      if type == .bool {
        nil
      } else if type.isFloat {
        converted(to: type)
      } else {
        // Beyond 2^64 no integer type holds it, so the conversion cannot trap.
        value == value.rounded(.towardZero) && abs(value) <= 0x1p64 ? fits(type) { Int128(value) } : nil
      }
    }
  }

  private func fits(_ type: ElementType, _ value: () -> some BinaryInteger) -> Scalar? {
    let value = Int128(value())
    let bits = Int128(type.bitWidth)
    let (lower, upper) =
      type.isSignedInteger
      ? (-(Int128(1) << (bits - 1)), (Int128(1) << (bits - 1)) - 1) : (Int128(0), (Int128(1) << bits) - 1)
    guard value >= lower, value <= upper else { return nil }
    return type.isSignedInteger ? .signed(Int64(truncatingIfNeeded: value)) : .unsigned(UInt64(truncatingIfNeeded: value))
  }

  /// The value as people write it.
  var text: String {
    switch self {
    case .float(let value): "\(value)"
    case .signed(let value): "\(value)"
    case .unsigned(let value): "\(value)"
    case .bool(let value): "\(value)"
    }
  }
}
