import ApusIR
import ApusSupport
import ApusTensor

/// What each op is in ONNX.
extension GraphExport {
  func results(of op: OpID) throws -> [Exported] {
    let code = frame.function.opcode(of: op)
    guard let primitive = code.primitive else { return try composite(code, op) }
    switch primitive {
    case .if: return try branches(op)
    case .while: return try loop(op)
    case .call: return try call(op)
    case .sort, .topK: return try sorted(op, isTop: primitive == .topK)
    case .assert, .customCall: throw Inexpressible("ONNX has nothing like it")
    case .return, .yield, .continue: preconditionFailure("the end of a block has no results")
    case .kernel, .pack, .for, .load, .loadMasked, .store, .storeMasked, .splat, .lanes, .extractLane, .shuffle, .reduceLanes,
      .fma, .scratch, .checkIndex, .contract, .alloc, .view, .launch:
      throw Inexpressible("it is no op of phase graph")
    case .constant, .iota, .size, .randomBits, .abs, .neg, .sign, .floor, .ceil, .round, .trunc, .sqrt, .exp, .expm1, .log, .log1p,
      .sin, .cos, .tan, .asin, .acos, .atan, .sinh, .cosh, .tanh, .asinh, .acosh, .atanh, .erf, .logistic, .not, .add, .sub, .mul,
      .div, .rem, .pow, .max, .min, .and, .or, .xor, .shiftLeft, .shiftRight, .equal, .notEqual, .less, .lessEqual, .greater,
      .greaterEqual, .select, .convert, .bitcast, .broadcast, .reshape, .transpose, .slice, .pad, .concat, .reverse, .gather,
      .gatherElements, .gatherNd, .scatterElements, .scatterNd, .dynamicSlice, .dynamicUpdateSlice, .nonZero, .reduceSum,
      .reduceProd, .reduceMax, .reduceMin, .reduceAnd, .reduceOr, .argMax, .argMin, .scan, .reduceWindow, .matmul,
      .matmulInteger, .conv, .convInteger, .quantize, .dequantize:
      return [try result(of: op, primitive)]
    }
  }

  /// An op with one result.
  private func result(of op: OpID, _ primitive: PrimitiveOp) throws -> Exported {
    let x = try operands(of: op)
    switch primitive {
    case .constant: return try constant(op)
    case .iota: return try iota(op)
    case .size: return try scalar(dims("of", op)[0])
    case .abs: return try apply("Abs", x)
    case .neg: return x[0].element.isUnsignedInteger ? try apply("Sub", [integer(0, x[0].element), x[0]]) : try apply("Neg", x)
    case .sign: return try sign(x[0])
    case .floor: return try apply("Floor", x)
    case .ceil: return try apply("Ceil", x)
    case .round: return try apply("Round", x)
    case .trunc: return choose(try compare("Less", x[0], zero(like: x[0])), try apply("Ceil", x), try apply("Floor", x))
    case .sqrt: return try apply("Sqrt", x)
    case .exp: return try apply("Exp", x)
    case .log: return try apply("Log", x)
    case .sin: return try apply("Sin", x)
    case .cos: return try apply("Cos", x)
    case .tan: return try apply("Tan", x)
    case .asin: return try apply("Asin", x)
    case .acos: return try apply("Acos", x)
    case .atan: return try apply("Atan", x)
    case .sinh: return try apply("Sinh", x)
    case .cosh: return try apply("Cosh", x)
    case .tanh: return try apply("Tanh", x)
    case .asinh: return try apply("Asinh", x)
    case .acosh: return try apply("Acosh", x)
    case .atanh: return try apply("Atanh", x)
    case .erf: return try apply("Erf", x)
    case .logistic: return try apply("Sigmoid", x)
    case .expm1: return try exponentialLessOne(x[0])
    case .log1p: return try logarithmOfOneMore(x[0])
    case .not: return try apply(x[0].element == .bool ? "Not" : "BitwiseNot", x)
    case .add: return try apply("Add", x)
    case .sub: return try apply("Sub", x)
    case .mul: return try apply("Mul", x)
    case .div: return x[0].element.isFloat ? try apply("Div", x) : try quotient(x, op)
    case .rem: return try remainder(x, op)
    case .pow: return x[0].element.isFloat ? try apply("Pow", x) : try integerPower(x[0], x[1])
    case .max: return try apply("Max", x)
    case .min: return try apply("Min", x)
    case .and: return try apply(x[0].element == .bool ? "And" : "BitwiseAnd", x)
    case .or: return try apply(x[0].element == .bool ? "Or" : "BitwiseOr", x)
    case .xor: return try apply(x[0].element == .bool ? "Xor" : "BitwiseXor", x)
    case .shiftLeft: return try shift(x[0], x[1], isLeft: true)
    case .shiftRight: return try shift(x[0], x[1], isLeft: false)
    case .equal: return try compare("Equal", x[0], x[1])
    case .notEqual: return node("Not", [try compare("Equal", x[0], x[1])], .bool)
    case .less: return try compare("Less", x[0], x[1])
    case .lessEqual: return try compare("LessOrEqual", x[0], x[1])
    case .greater: return try compare("Greater", x[0], x[1])
    case .greaterEqual: return try compare("GreaterOrEqual", x[0], x[1])
    case .select: return choose(x[0], x[1], x[2])
    case .convert: return try converted(x[0], to: type(of: op).element)
    case .bitcast: return try sameBits(x[0], as: type(of: op).element)
    case .reshape: return try reshape(x[0], to: type(of: op).dims)
    case .transpose: return transpose(x[0], ints("perm", op))
    case .slice: return try slice(x[0], op)
    case .pad: return try pad(x[0], x[1], op)
    case .concat: return x.count == 1 ? x[0] : node("Concat", x, ["axis": .int(int("axis", op))], x[0].element)
    case .reverse: return reversed(x[0], ints("axes", op))
    case .gather: return try gather(x[0], x[1], op)
    case .gatherElements: return try gatherElements(x[0], x[1], op)
    case .gatherNd: return try gatherVectors(x[0], x[1], op)
    case .scatterElements: return try scatterElements(x, op)
    case .scatterNd: return try scatterVectors(x, op)
    case .dynamicSlice: return try dynamicSlice(x[0], x[1], op)
    case .dynamicUpdateSlice: return try dynamicUpdate(x, op)
    case .nonZero: return try nonZero(x[0], op)
    case .reduceSum: return try reduce("ReduceSum", x[0], op)
    case .reduceProd: return try reduce("ReduceProd", x[0], op)
    case .reduceMax: return try reduce("ReduceMax", x[0], op)
    case .reduceMin: return try reduce("ReduceMin", x[0], op)
    case .reduceAnd: return try reduceBits(x[0], op, isAnd: true)
    case .reduceOr: return try reduceBits(x[0], op, isAnd: false)
    case .argMax: return try argument("ArgMax", x[0], op)
    case .argMin: return try argument("ArgMin", x[0], op)
    case .scan: return try scan(x[0], op)
    case .reduceWindow: return try reduceWindow(x[0], op)
    case .matmul: return try product(x[0], x[1])
    case .matmulInteger: return node("MatMulInteger", x, .s32)
    case .conv: return try convolution(x[0], x[1], op)
    case .convInteger: return node("ConvInteger", x, convolutionAttributes(op), .s32)
    case .quantize: return try quantized(x, type(of: op).element)
    case .dequantize: return try dequantized(x, type(of: op).element)
    case .randomBits: throw Inexpressible("ONNX's random numbers are others")
    case .broadcast, .if, .while, .call, .sort, .topK, .assert, .customCall, .return, .yield, .continue, .kernel, .pack, .for, .load,
      .loadMasked, .store, .storeMasked, .splat, .lanes, .extractLane, .shuffle, .reduceLanes, .fma, .scratch, .checkIndex, .contract, .alloc,
      .view, .launch:
      preconditionFailure("\(primitive) has no single result")
    }
  }

  // MARK: Attributes and types

  func type(of op: OpID) -> TensorType { frame.function.type(of: frame.function.result(of: op)) }
  func operandType(_ index: Int, _ op: OpID) -> TensorType { frame.function.type(of: frame.function.operand(index, of: op)) }
  func int(_ name: String, _ op: OpID) -> Int { frame.function.int(name, of: op) ?? 0 }
  func flag(_ name: String, _ op: OpID) -> Bool { frame.function.bool(name, of: op) ?? false }
  func ints(_ name: String, _ op: OpID) -> [Int] { frame.function.ints(name, of: op) ?? [] }
  func dims(_ name: String, _ op: OpID) -> [Dim] { frame.function.dims(name, of: op) ?? [] }
  func text(_ name: String, _ op: OpID) -> String { frame.function.string(name, of: op) ?? "" }
}
