import ApusIR
import ApusPasses
import ApusTensor

/// How much there is to read in a module and its passes: what a reduction makes smaller, the most important first.
///
/// Each step makes it smaller, so that reducing ends.
struct ReductionSize: Comparable {
  private var counts: [Int]

  init(_ module: Module, _ passes: Pipeline) {
    var tally = Tally()
    for function in module.functions { tally.add(function) }
    let arguments = passes.steps.reduce(0) { count, step in
      count + step.pass.parameters.count { step.arguments.values[$0.name] != $0.defaultValue }
    }
    counts = [
      tally.ops, passes.steps.count, tally.parts, arguments, tally.symbols, tally.axes, tally.types, tally.sizes,
      tally.numbers, tally.attributes, tally.distances,
    ]
  }

  static func < (a: Self, b: Self) -> Bool { a.counts.lexicographicallyPrecedes(b.counts) }
}

private struct Tally {
  var ops = 0
  /// Functions, their parameters and results, constants, operands.
  var parts = 0
  var symbols = 0
  var axes = 0
  /// Element types that are not those most used.
  var types = 0
  /// Of types that do not follow from others: what shrinks an operand may make a result larger.
  var sizes = 0
  /// How far constants are from being 0 or 1 everywhere.
  var numbers = 0
  var attributes = 0
  /// How far operands are from the first values of the function.
  var distances = 0

  mutating func add(_ function: Function) {
    parts += 1 + function.parameters.count + function.resultTypes.count
    var met: Set<SymbolID> = []
    var order: [ValueID: Int] = [:]
    func see(_ value: ValueID, _ tally: inout Tally) {
      order[value] = order.count
      tally.add(function.type(of: value), &met)
    }
    for parameter in function.parameters { see(parameter, &self) }
    for value in function.statedValues { for dim in function.type(of: value).dims { sizes += Self.weight(dim) } }
    for op in function.allOps() {
      let code = function.opcode(of: op)
      for operand in function.operands(of: op) { distances += order[operand] ?? 0 }
      let carried = function.regions(of: op).flatMap { function.parameters(of: $0) }
      for value in carried + function.results(of: op) { see(value, &self) }
      if code == .constant {
        parts += 1
        addConstant(function.attribute("value", of: op))
      } else {
        if !code.isTerminator { ops += 1 }
        parts += function.operandCount(of: op)
        for entry in function.attributes(of: op) { attributes += 2 + Self.weight(entry, code.info) }
      }
    }
    symbols += met.count
  }

  private mutating func add(_ type: TensorType, _ met: inout Set<SymbolID>) {
    var found: Set<SymbolID> = []
    axes += type.rank
    switch type.element {
    case .f32, .s32, .bool: break
    case .f64, .f16, .bf16, .s8, .s16, .s64, .u8, .u16, .u32, .u64: types += 1
    }
    for dim in type.dims { dim.forEachSymbol { found.insert($0) } }
    met.formUnion(found)
  }

  /// One is the plainest size; none at all is a case of its own.
  private static func weight(_ dim: Dim) -> Int { dim.constantValue.map { $0 == 0 ? 2 : min($0, 1 << 30) } ?? 0 }

  private mutating func addConstant(_ value: Attribute?) {
    switch value {
    case .scalar(let scalar)?: numbers += scalar.isPlain ? 0 : 1
    case .tensor(let constant)?: numbers += 2 + min(constant.tensor.count, 1 << 30)
    case _: break
    }
  }

  private static func weight(_ entry: NamedAttribute, _ info: OpInfo) -> Int {
    switch entry.value {
    case .int(let value): Int(min(value.magnitude, 1000))
    case .ints(let values): values.reduce(0) { $0 + Int(min($1.magnitude, 1000)) }
    case .float(let value): value == 0 ? 0 : value == 1 ? 1 : 2
    case .floats(let values): values.reduce(0) { $0 + ($1 == 0 ? 0 : $1 == 1 ? 1 : 2) }
    case .dims(let dims): dims.reduce(0) { $0 + ($1.constantValue.map { Int(min($0.magnitude, 1000)) } ?? 1001) }
    case .bool(let value): value ? 1 : 0
    case .string(let text): text.utf8.count
    case .name(let name):
      if case .name(let names)? = info.attribute(entry.name)?.kind { names.firstIndex(of: name) ?? 0 } else { 0 }
    case .elementType, .function, .scalar, .tensor, .schedule: 0
    }
  }
}

extension Scalar {
  /// Whether it is 0 or 1.
  var isPlain: Bool {
    switch self {
    case .float(let value): value == 1 || value.bitPattern == 0
    case .signed(let value): value == 0 || value == 1
    case .unsigned(let value): value <= 1
    case .bool: true
    }
  }
}
