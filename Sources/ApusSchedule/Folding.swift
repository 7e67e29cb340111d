import ApusIR
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

  init(_ op: OpID, in host: Function) {
    code = host.opcode(of: op)
    operand = host.operand(0, of: op)
    element = host.type(of: operand).element
    result = host.type(of: host.result(of: op)).element
    takesLast = host.bool("last", of: op) ?? false
    reducedAxis = host.int("axis", of: op) ?? 0
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
  }

  var isArg: Bool { code == .argMax || code == .argMin }

  /// Registers carried around the loop: the fold, and for arg reductions the index.
  var registers: Int { isArg ? 2 : 1 }

  /// The axis whose counter is the index of an arg reduction; flat kernels have it last.
  func axis(_ rank: Int) -> Int { min(reducedAxis, rank - 1) }

  /// f16 and bf16 fold in f32; others in their own type.
  private var wide: ElementType {
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
    case .reduceMax: "max"
    case .reduceMin: "min"
    case .reduceAnd: "and"
    default: "or"
    }
  }

  func initial(_ emitter: inout ElementEmitter, lanes: Int?) -> [ValueID] {
    let value = emitter.builder.literal(neutral, wide, lanes: lanes)
    return isArg ? [value, emitter.builder.literal(.signed(0), .s64, lanes: lanes)] : [value]
  }

  func combine(_ emitter: inout ElementEmitter, _ a: ValueID, _ b: ValueID) -> ValueID {
    emitter.elementwise(combiner, [a, b], wide)
  }

  func foldLanes(_ emitter: inout ElementEmitter, _ vector: ValueID) -> ValueID {
    emitter.builder.emit(
      .reduceLanes, [vector], .register(wide), attributes: [NamedAttribute("kind", .name(laneKind))])
  }

  /// The state after one more element (or one more of each lane).
  func step(_ emitter: inout ElementEmitter, _ state: [ValueID], _ x: ValueID, index: ValueID) -> [ValueID] {
    guard isArg else { return [combine(&emitter, state[0], emitter.builder.convert(x, to: wide))] }
    var isBetter = emitter.elementwise(comparison, [x, state[0]], .bool)
    if element.isFloat {
      var isNaN = emitter.elementwise(.notEqual, [x, x], .bool)
      if !takesLast {
        let isNumber = emitter.elementwise(.equal, [state[0], state[0]], .bool)
        isNaN = emitter.elementwise(.and, [isNaN, isNumber], .bool)
      }
      isBetter = emitter.elementwise(.or, [isBetter, isNaN], .bool)
    }
    return [
      emitter.elementwise(.select, [isBetter, x, state[0]], element),
      emitter.elementwise(.select, [isBetter, index, state[1]], .s64),
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
    isArg ? state[1] : emitter.builder.convert(state[0], to: result)
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
