import ApusIR
import ApusSupport
import ApusTensor

/// How one reduction op folds: its registers, first values, step and end.
struct Folding {
  let code: OpCode
  let operand: ValueID
  /// The element type of the operand and of the result.
  let element: ElementType
  let result: ElementType
  /// Ties of an arg reduction go to the last.
  private let takesLast: Bool
  private let reducedAxis: Int
  /// Narrow where all indices fit, so that a vector of them is no wider than one of values.
  private let indexElement: ElementType

  init(_ op: OpID, in host: Function) {
    code = host.opcode(of: op)
    operand = host.operand(0, of: op)
    element = host.type(of: operand).element
    result = host.type(of: host.result(of: op)).element
    takesLast = host.bool("last", of: op) ?? false
    reducedAxis = host.int("axis", of: op) ?? 0
    let dims = host.type(of: operand).dims
    let most = dims.indices.contains(reducedAxis) ? host.symbols.bounds(of: dims[reducedAxis]).upper : nil
    indexElement = element.byteCount <= 4 && most.map { $0 <= Int(Int32.max) } ?? false ? .s32 : .s64
  }

  /// The fold of a window or a scan, by its `kind`.
  init(kind: String, operand: ValueID, element: ElementType) {
    code =
      switch kind {
      case "prod": .reduceProd
      case "max": .reduceMax
      case "min": .reduceMin
      case _: .reduceSum
      }
    self.operand = operand
    self.element = element
    result = element
    takesLast = false
    reducedAxis = 0
    indexElement = .s64
  }

  var isArg: Bool { code == .argMax || code == .argMin }

  /// Registers carried around the loop: the fold, and for arg reductions the index.
  var registers: Int { isArg ? 2 : 1 }

  /// The axis whose counter is the index of an arg reduction; flat kernels have it last.
  func axis(_ rank: Int) -> Int { min(reducedAxis, rank - 1) }

  /// f16 and bf16 fold in f32; others in their own type.
  var wide: ElementType {
    switch (element, code) {
    case (.f16, .reduceSum), (.bf16, .reduceSum), (.f16, .reduceProd), (.bf16, .reduceProd): .f32
    default: element
    }
  }

  private var combiner: OpCode {
    switch code {
    case .reduceSum: .add
    case .reduceProd: .mul
    case .reduceMax, .argMax: .max
    case .reduceMin, .argMin: .min
    case .reduceAnd: .and
    default: .or
    }
  }

  private var neutral: Scalar {
    switch code {
    case .reduceSum where isPlanted(.sumStartsAtNegativeZero) && wide.isFloat: .float(-0.0)
    case .reduceSum, .reduceOr: .zero(wide)
    case .reduceProd: .one(wide)
    case .reduceMax, .argMax: wide.isFloat ? .float(-.infinity) : Scalar.least(wide)
    case .reduceMin, .argMin: wide.isFloat ? .float(.infinity) : Scalar.greatest(wide)
    default: Scalar.allOnes(wide)
    }
  }

  private var laneKind: String {
    switch code {
    case .reduceSum: "sum"
    case .reduceProd: "prod"
    case .reduceMax, .argMax: "max"
    case .reduceMin, .argMin: "min"
    case .reduceAnd: "and"
    default: "or"
    }
  }

  func initial(_ emitter: inout ElementEmitter, lanes: Int?) -> [ValueID] {
    let value = emitter.builder.literal(neutral, wide, lanes: lanes)
    return isArg ? [value, emitter.builder.literal(.signed(0), indexElement, lanes: lanes)] : [value]
  }

  /// What two partial folds are together; that of arg reductions does not mind which of them came first.
  func combine(_ emitter: inout ElementEmitter, _ a: [ValueID], _ b: [ValueID]) -> [ValueID] {
    guard isArg else { return [emitter.elementwise(combiner, [a[0], b[0]], wide)] }
    var isBetter = emitter.elementwise(code == .argMax ? .greater : .less, [b[0], a[0]], .bool)
    var isTie = emitter.elementwise(.equal, [b[0], a[0]], .bool)
    if element.isFloat {
      let aIsNaN = emitter.elementwise(.notEqual, [a[0], a[0]], .bool)
      let bIsNaN = emitter.elementwise(.notEqual, [b[0], b[0]], .bool)
      let isFirstNaN = emitter.elementwise(.and, [bIsNaN, emitter.elementwise(.not, [aIsNaN], .bool)], .bool)
      isBetter = emitter.elementwise(.or, [isBetter, isFirstNaN], .bool)
      isTie = emitter.elementwise(.or, [isTie, emitter.elementwise(.and, [aIsNaN, bIsNaN], .bool)], .bool)
    }
    let wins = emitter.elementwise(takesLast != isPlanted(.tiesGoToTheOther) ? .greater : .less, [b[1], a[1]], .bool)
    let takesB = emitter.elementwise(.or, [isBetter, emitter.elementwise(.and, [isTie, wins], .bool)], .bool)
    return [
      emitter.elementwise(.select, [takesB, b[0], a[0]], wide),
      emitter.elementwise(.select, [takesB, b[1], a[1]], indexElement),
    ]
  }

  func foldLanes(_ emitter: inout ElementEmitter, _ vectors: [ValueID]) -> [ValueID] {
    let value = emitter.builder.emit(
      .reduceLanes, [vectors[0]], .register(wide), attributes: [NamedAttribute("kind", .name(laneKind))])
    guard isArg else { return [value] }
    // Of the lanes that hold the best value, the first or the last index.
    var isBest = emitter.elementwise(.equal, [vectors[0], value], .bool)
    if element.isFloat, !isPlanted(.nanHasNoLane) {
      let isNaN = emitter.elementwise(.notEqual, [vectors[0], vectors[0]], .bool)
      isBest = emitter.elementwise(.or, [isBest, isNaN], .bool)
    }
    let other = emitter.builder.literal(takesLast ? .signed(0) : .greatest(indexElement), indexElement, lanes: nil)
    let candidates = emitter.elementwise(.select, [isBest, vectors[1], other], indexElement)
    let index = emitter.builder.emit(
      .reduceLanes, [candidates], .register(indexElement),
      attributes: [NamedAttribute("kind", .name(takesLast ? "max" : "min"))])
    return [value, index]
  }

  /// The state after one more element (or one more of each lane).
  func step(_ emitter: inout ElementEmitter, _ state: [ValueID], _ x: ValueID, at position: Position?) -> [ValueID] {
    guard isArg, let position else { return combine(&emitter, state, [emitter.builder.convert(x, to: wide)]) }
    var isBetter = emitter.elementwise(comparison, [x, state[0]], .bool)
    if element.isFloat {
      var isNaN = emitter.elementwise(.notEqual, [x, x], .bool)
      if !takesLast {
        let isNumber = emitter.elementwise(.equal, [state[0], state[0]], .bool)
        isNaN = emitter.elementwise(.and, [isNaN, isNumber], .bool)
      }
      isBetter = emitter.elementwise(.or, [isBetter, isNaN], .bool)
    }
    var index = emitter.builder.convert(position.value, to: indexElement)
    if position.laneStride != 0, let lanes = emitter.lanes {
      let steps = emitter.builder.emit(.lanes, [emitter.builder.index(0)], .register(.s64, lanes: lanes))
      index = emitter.elementwise(.add, [emitter.builder.convert(steps, to: indexElement), index], indexElement)
    }
    return [
      emitter.elementwise(.select, [isBetter, x, state[0]], element),
      emitter.elementwise(.select, [isBetter, index, state[1]], indexElement),
    ]
  }

  private var comparison: OpCode {
    switch (code == .argMax, takesLast) {
    case (true, false): .greater
    case (true, true): .greaterEqual
    case (false, false): .less
    case (false, true): .lessEqual
    }
  }

  func finish(_ emitter: inout ElementEmitter, _ state: [ValueID]) -> ValueID {
    isArg ? emitter.builder.convert(state[1], to: .s64) : emitter.builder.convert(state[0], to: result)
  }
}

extension Scalar {
  /// The smallest integer of a type; false for bool.
  static func least(_ type: ElementType) -> Scalar {
    type.isSignedInteger ? .signed(-1 << (type.bitWidth - 1)) : type == .bool ? .bool(false) : .unsigned(0)
  }

  /// The largest integer of a type; true for bool.
  static func greatest(_ type: ElementType) -> Scalar {
    if type == .bool { return .bool(true) }
    if type.isSignedInteger { return .signed(Int64.max >> (64 - type.bitWidth)) }
    return .unsigned(UInt64.max >> (64 - type.bitWidth))
  }

  /// The integer whose bits are all set.
  static func allOnes(_ type: ElementType) -> Scalar {
    type.isSignedInteger ? .signed(-1) : greatest(type)
  }
}
