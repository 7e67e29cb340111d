import ApusIR

extension FunctionLowering {
  /// Generates one op.
  func lower(_ op: OpID) {
    switch function.opcode(of: op) {
    case .constant: lowerConstant(op)
    case .size: lowerSize(op)
    case .splat, .lanes, .extractLane, .reduceLanes, .shuffle: lowerLanes(op)
    case .load, .loadMasked: lowerLoad(op)
    case .store, .storeMasked: lowerStore(op)
    case .scratch: lowerScratch(op)
    case .contract: lowerContract(op)
    case .checkIndex: lowerCheckIndex(op)

    case .for: lowerFor(op)
    case .if: lowerIf(op)
    case .while: lowerWhile(op)
    case .return: lowerReturn(op)
    case .yield, .continue: preconditionFailure("a terminator stands in the middle of a block")

    case .alloc: lowerAlloc(op)
    case .view: lowerView(op)
    case .launch: lowerLaunch(op)
    case .call: lowerCall(op)
    case .customCall: lowerCustomCall(op)
    case .assert: lowerAssert(op)

    case .abs, .neg, .sign, .floor, .ceil, .round, .trunc, .sqrt, .exp, .expm1, .log, .log1p, .sin, .cos, .tan, .asin,
      .acos, .atan, .sinh, .cosh, .tanh, .asinh, .acosh, .atanh, .erf, .logistic, .not, .add, .sub, .mul, .div, .rem,
      .pow, .max, .min, .and, .or, .xor, .shiftLeft, .shiftRight, .equal, .notEqual, .less, .lessEqual, .greater,
      .greaterEqual, .select, .convert, .bitcast, .fma:
      lowerElementwise(op)

    case .iota, .randomBits, .broadcast, .reshape, .transpose, .slice, .pad, .concat, .reverse, .gather,
      .gatherElements, .gatherNd, .scatterElements, .scatterNd, .dynamicSlice, .dynamicUpdateSlice, .nonZero,
      .reduceSum, .reduceProd, .reduceMax, .reduceMin, .reduceAnd, .reduceOr, .argMax, .argMin, .scan, .sort, .topK,
      .reduceWindow, .matmul, .matmulInteger, .conv, .convInteger, .quantize, .dequantize, .reciprocal, .rsqrt, .square,
      .isNan, .isInf, .mod, .relu, .leakyRelu, .prelu, .elu, .selu, .celu, .softplus, .softsign, .silu, .mish,
      .hardSigmoid, .hardSwish, .gelu, .clamp, .mean, .variance, .logsumexp, .softmax, .logSoftmax, .layerNorm,
      .rmsNorm, .groupNorm, .instanceNorm, .batchNorm, .l2Normalize, .attention, .rope, .crossEntropy, .oneHot, .cumsum, .maxPool,
      .averagePool, .convTranspose, .depthToSpace, .spaceToDepth, .resizeAxis, .resize, .lstm, .gru, .kernel, .pack:
      preconditionFailure("\(function.opcode(of: op).name) does not occur in phase loops")
    }
  }

  /// A view reaches what its buffer reaches.
  private func lowerView(_ op: OpID) {
    let (viewed, result) = (buffer(function.operand(0, of: op)), function.result(of: op))
    let start = function.dims("offset", of: op)?.first.map { value(of: $0) }
    let pointer = start.map { e.offset(viewed.pointer, e.types.storage(type(result).element), by: $0) }
    bind(result, pointer ?? viewed.pointer, scope: viewed.scope)
  }
}
