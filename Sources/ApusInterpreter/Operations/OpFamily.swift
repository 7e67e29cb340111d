import ApusIR

/// The part of the interpreter that runs an op.
enum OpFamily: Sendable {
  case unary(UnaryOp)
  case binary(BinaryOp)
  case comparison(Comparison)
  case select, convert, bitcast, fma
  case quantize, dequantize
  case movement(Movement)
  case indexing(Indexing)
  case fold(Fold)
  case argument(isLargest: Bool)
  case scan, sort, topK, reduceWindow
  case matmul, conv
  case source(Source)
  case control(ControlOp)
  case memory(MemoryOp)
  /// Runs through its body.
  case composite
}

/// Ops that run other code or end a block.
enum ControlOp: Sendable {
  case `if`, `while`, `for`, call, customCall, assert, kernel, launch, terminator
}

extension OpFamily {
  /// The family of each op.
  static func of(_ code: OpCode) -> OpFamily {
    guard let primitive = code.primitive else { return .composite }
    switch primitive {
    case .abs: return .unary(.abs)
    case .neg: return .unary(.neg)
    case .sign: return .unary(.sign)
    case .floor: return .unary(.floor)
    case .ceil: return .unary(.ceil)
    case .round: return .unary(.round)
    case .trunc: return .unary(.trunc)
    case .sqrt: return .unary(.sqrt)
    case .not: return .unary(.not)
    case .exp: return .unary(.elementary(.exp))
    case .expm1: return .unary(.elementary(.expm1))
    case .log: return .unary(.elementary(.log))
    case .log1p: return .unary(.elementary(.log1p))
    case .sin: return .unary(.elementary(.sin))
    case .cos: return .unary(.elementary(.cos))
    case .tan: return .unary(.elementary(.tan))
    case .asin: return .unary(.elementary(.asin))
    case .acos: return .unary(.elementary(.acos))
    case .atan: return .unary(.elementary(.atan))
    case .sinh: return .unary(.elementary(.sinh))
    case .cosh: return .unary(.elementary(.cosh))
    case .tanh: return .unary(.elementary(.tanh))
    case .asinh: return .unary(.elementary(.asinh))
    case .acosh: return .unary(.elementary(.acosh))
    case .atanh: return .unary(.elementary(.atanh))
    case .erf: return .unary(.elementary(.erf))
    case .logistic: return .unary(.elementary(.logistic))
    case .add: return .binary(.add)
    case .sub: return .binary(.sub)
    case .mul: return .binary(.mul)
    case .div: return .binary(.div)
    case .rem: return .binary(.rem)
    case .pow: return .binary(.pow)
    case .max: return .binary(.max)
    case .min: return .binary(.min)
    case .and: return .binary(.and)
    case .or: return .binary(.or)
    case .xor: return .binary(.xor)
    case .shiftLeft: return .binary(.shiftLeft)
    case .shiftRight: return .binary(.shiftRight)
    case .equal: return .comparison(.equal)
    case .notEqual: return .comparison(.notEqual)
    case .less: return .comparison(.less)
    case .lessEqual: return .comparison(.lessEqual)
    case .greater: return .comparison(.greater)
    case .greaterEqual: return .comparison(.greaterEqual)
    case .select: return .select
    case .convert: return .convert
    case .bitcast: return .bitcast
    case .fma: return .fma
    case .quantize: return .quantize
    case .dequantize: return .dequantize
    case .broadcast: return .movement(.broadcast)
    case .reshape: return .movement(.reshape)
    case .transpose: return .movement(.transpose)
    case .slice: return .movement(.slice)
    case .pad: return .movement(.pad)
    case .concat: return .movement(.concat)
    case .reverse: return .movement(.reverse)
    case .pack: return .movement(.pack)
    case .gather: return .indexing(.gather)
    case .gatherElements: return .indexing(.gatherElements)
    case .gatherNd: return .indexing(.gatherND)
    case .scatterElements: return .indexing(.scatterElements)
    case .scatterNd: return .indexing(.scatterND)
    case .dynamicSlice: return .indexing(.dynamicSlice)
    case .dynamicUpdateSlice: return .indexing(.dynamicUpdateSlice)
    case .nonZero: return .indexing(.nonZero)
    case .reduceSum: return .fold(.sum)
    case .reduceProd: return .fold(.prod)
    case .reduceMax: return .fold(.max)
    case .reduceMin: return .fold(.min)
    case .reduceAnd: return .fold(.and)
    case .reduceOr: return .fold(.or)
    case .argMax: return .argument(isLargest: true)
    case .argMin: return .argument(isLargest: false)
    case .scan: return .scan
    case .sort: return .sort
    case .topK: return .topK
    case .reduceWindow: return .reduceWindow
    case .matmul, .matmulInteger: return .matmul
    case .conv, .convInteger: return .conv
    case .constant: return .source(.constant)
    case .iota: return .source(.iota)
    case .size: return .source(.size)
    case .randomBits: return .source(.randomBits)
    case .if: return .control(.if)
    case .while: return .control(.while)
    case .for: return .control(.for)
    case .call: return .control(.call)
    case .customCall: return .control(.customCall)
    case .assert: return .control(.assert)
    case .kernel: return .control(.kernel)
    case .launch: return .control(.launch)
    case .return, .yield, .continue: return .control(.terminator)
    case .load: return .memory(.load)
    case .loadMasked: return .memory(.loadMasked)
    case .store: return .memory(.store)
    case .storeMasked: return .memory(.storeMasked)
    case .splat: return .memory(.splat)
    case .lanes: return .memory(.lanes)
    case .extractLane: return .memory(.extractLane)
    case .reduceLanes: return .memory(.reduceLanes)
    case .shuffle: return .memory(.shuffle)
    case .scratch: return .memory(.scratch)
    case .checkIndex: return .memory(.checkIndex)
    case .contract: return .memory(.contract)
    case .alloc: return .memory(.alloc)
    case .view: return .memory(.view)
    }
  }
}
