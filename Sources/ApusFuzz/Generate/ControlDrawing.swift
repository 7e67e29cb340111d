import ApusIR
import ApusSupport
import ApusTensor

/// Branches, loops and calls.
extension GraphDrawing {
  mutating func addControl(_ code: OpCode) throws {
    switch code {
    case .if: try addIf()
    case .while: try addWhile()
    case .call: try addCall()
    case _: throw NoFit()
    }
  }

  /// Draws in a region, and puts back what was visible before.
  mutating func inRegion<Result>(_ region: BlockID, _ body: (inout GraphDrawing) throws -> Result) throws -> Result {
    let (outer, outerPlace, count) = (block, before, local.count)
    block = region
    before = nil
    depth += 1
    defer {
      block = outer
      before = outerPlace
      depth -= 1
      local.removeSubrange(count...)
    }
    return try body(&self)
  }

  /// Types of values that are there.
  private mutating func someTypes(_ count: ClosedRange<Int>) throws -> [TensorType] {
    try (0..<draw.int(count)).map { _ in
      if let value = pick(where: { _ in true }), draw.chance(80) { return type(value) }
      return TensorType(draw.one(of: ElementType.allCases), try shape(rank(0...3)))
    }
  }

  private mutating func share() -> Int { min(draw.int(0...3), remaining) }

  private mutating func addIf() throws {
    let condition = try obtain(.scalar(.bool))
    let types = try someTypes(0...3)
    let op = function.insert(.if, [condition], results: types, at: place)
    for region in function.regions(of: op) {
      try inRegion(region) { drawing in
        drawing.drawOps(drawing.share())
        let values = try types.map { try drawing.obtain($0) }
        drawing.function.insert(.yield, values, results: [], at: .end(of: region))
      }
    }
    record(op)
  }

  /// A loop of a few turns that carries a counter and other values.
  private mutating func addWhile() throws {
    let counter = TensorType.scalar(draw.one(of: [.s64, .s32]))
    let carried = [counter] + (try someTypes(0...2))
    func number(_ value: Int) -> [NamedAttribute] { [NamedAttribute("value", .scalar(.signed(Int64(value))))] }
    let start = try value(.constant, [], number(0), stated: counter)
    let limit = try value(.constant, [], number(draw.int(0...4)), stated: counter)
    let inits = [start] + (try carried.dropFirst().map { try obtain($0) })
    let op = function.insert(.while, inits, results: carried, at: place)
    let (test, body) = (function.region(0, of: op), function.region(1, of: op))
    try inRegion(test) { drawing in
      drawing.local += carried.map { drawing.function.addParameter($0, to: test) }
      let index = drawing.local[drawing.local.count - carried.count]
      var goes = try drawing.value(.less, [index, limit])
      if drawing.draw.chance(20) { goes = try drawing.value(.and, [goes, try drawing.obtain(.scalar(.bool))]) }
      drawing.function.insert(.continue, [goes], results: [], at: .end(of: test))
    }
    try inRegion(body) { drawing in
      drawing.local += carried.map { drawing.function.addParameter($0, to: body) }
      let index = drawing.local[drawing.local.count - carried.count]
      drawing.drawOps(drawing.share())
      let one = try drawing.value(.constant, [], number(1), stated: counter)
      let next = try drawing.value(.add, [index, one])
      let values = [next] + (try carried.dropFirst().map { try drawing.obtain($0) })
      drawing.function.insert(.yield, values, results: [], at: .end(of: body))
    }
    record(op)
  }

  /// A call of a new function, or of one that was called before.
  private mutating func addCall() throws {
    if draw.chance(30), let callee = draw.pick(callees.filter { $0.symbols.count == 0 && !$0.resultTypes.isEmpty }) {
      try call(callee, try callee.parameters.map { try obtain(callee.type(of: $0)) })
      return
    }
    // Sizes of a callee are symbols of its own: arguments of known sizes make this plain.
    var arguments: [ValueID] = []
    for _ in 0..<draw.int(1...3) {
      guard let value = pick(where: { $0.constantShape != nil }) else { break }
      arguments.append(value)
    }
    if arguments.isEmpty { arguments = [try make(TensorType(draw.one(of: ElementType.allCases), [3]))] }
    let count = share() + 1
    var inner = GraphDrawing("callee\(callees.count)_\(draw.int(0...9999))", seed: draw.seed(), closed, ops: count, coverage)
    inner.depth = depth + 1
    for argument in arguments { inner.function.addParameter(type(argument), name: "a\(inner.function.parameters.count)") }
    inner.drawOps(count)
    inner.finish()
    coverage = inner.coverage
    guard !callees.contains(where: { $0.name == inner.function.name }), inner.callees.isEmpty else { throw NoFit() }
    let missing = inner.function.parameters.dropFirst(arguments.count)
    let callee = inner.function
    arguments += try missing.map { try obtain(callee.type(of: $0)) }
    callees.append(callee)
    try call(callee, arguments)
  }

  /// Limits under which no symbols are made.
  private var closed: GraphGenerator.Limits {
    var closed = limits
    closed.symbols = 0
    closed.codes = limits.plainCodes.filter { !$0.traits.contains(.dataDependentShape) }
    return closed
  }

  private mutating func call(_ callee: Function, _ arguments: [ValueID]) throws {
    guard callee.symbols.count == 0 else { throw NoFit() }
    let op = function.insert(
      .call, arguments, attributes: [NamedAttribute("callee", .function(callee.name))], results: callee.resultTypes,
      at: place)
    record(op)
  }
}
