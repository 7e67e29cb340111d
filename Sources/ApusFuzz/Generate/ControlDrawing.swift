import ApusIR
import ApusSupport
import ApusTensor

/// Branches and loops.
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

  /// Ops for a region or a callee, of those that are yet to be drawn.
  mutating func share() -> Int { min(draw.int(0...3), max(remaining, 0)) }

  /// Types of values that are there.
  private mutating func someTypes(_ count: ClosedRange<Int>) throws -> [TensorType] {
    try (0..<draw.int(count)).map { _ in
      if let value = pick(where: { _ in true }), draw.chance(80) { return type(value) }
      return TensorType(draw.one(of: limits.types), try shape(rank(0...3)))
    }
  }

  private mutating func addIf() throws {
    let condition = try obtain(.scalar(.bool))
    let merges = try someTypes(0...3).map { type in
      let axis = draw.chance(35) ? draw.pick(type.dims.indices) : nil
      return axis.map { Merge(type, along: $0, &function.symbols) } ?? Merge(type)
    }
    // Some are the same whatever the condition.
    let shared = merges.map { merge in
      merge.axis == nil && draw.chance(20) ? pick { $0 == merge.type } : nil
    }
    let op = function.insert(.if, [condition], results: merges.map(\.result), at: place)
    var yielded: [[TensorType]] = []
    for region in function.regions(of: op) {
      try inRegion(region) { drawing in
        drawing.drawOps(drawing.share())
        let values = try zip(merges, shared).map { try $1 ?? drawing.branchValue($0) }
        drawing.function.insert(.yield, values, results: [], at: .end(of: region))
        yielded.append(values.map(drawing.type))
      }
    }
    for (index, merge) in merges.enumerated() { try settle(merge, yielded.map { $0[index] }) }
    record(op)
  }

  /// A loop of a few turns that carries a counter, values that keep their sizes, and some that do not.
  private mutating func addWhile() throws {
    let turns = draw.int(0...4)
    let counter = TensorType.scalar(draw.one(of: [.s64, .s32]))
    var kept = [counter] + (try someTypes(0...2))
    if let last = kept.dropFirst().last, draw.chance(30) { kept.append(last) }
    func number(_ value: Int) -> [NamedAttribute] { [NamedAttribute("value", .scalar(.signed(Int64(value))))] }
    let start = try value(.constant, [], number(0), stated: counter)
    let limit = try value(.constant, [], number(turns), stated: counter)
    var inits = [start] + (try kept.dropFirst().map { try obtain($0) })
    let growths = try (0..<draw.one(of: [0, 0, 1, 1, 2])).map { _ in try growth(turns) }
    inits += growths.map(\.initial)
    let carried = kept + growths.map(\.carried)
    let op = function.insert(.while, inits, results: kept + growths.map(\.result), at: place)
    let (test, body) = (function.region(0, of: op), function.region(1, of: op))
    try inRegion(test) { drawing in
      let carried = drawing.take(carried, into: test)
      var goes = try drawing.value(.less, [carried[0], limit])
      if let more = try drawing.furtherCondition(growths) { goes = try drawing.value(.and, [goes, more]) }
      drawing.function.insert(.continue, [goes], results: [], at: .end(of: test))
    }
    try inRegion(body) { drawing in
      let carried = drawing.take(carried, into: body)
      drawing.drawOps(drawing.share())
      let one = try drawing.value(.constant, [], number(1), stated: counter)
      var values = [try drawing.value(.add, [carried[0], one])]
      if drawing.draw.chance(30) {
        values += Self.rotated(zip(carried, kept).dropFirst().map { ($0, $1) })
      } else {
        values += try kept.dropFirst().map { try drawing.obtain($0) }
      }
      for (growth, value) in zip(growths, carried[kept.count...]) { values.append(try drawing.grown(growth, value)) }
      drawing.function.insert(.yield, values, results: [], at: .end(of: body))
    }
    record(op)
  }

  /// Each value's successor among those of its type: what a loop carries goes round, or stays where it is alone.
  private static func rotated(_ values: [(value: ValueID, type: TensorType)]) -> [ValueID] {
    values.indices.map { index in
      let later = values[(index + 1)...].first { $0.type == values[index].type }
      return (later ?? values.first { $0.type == values[index].type } ?? values[index]).value
    }
  }

  /// Adds the parameters of a loop's region.
  private mutating func take(_ carried: [TensorType], into region: BlockID) -> [ValueID] {
    let values = carried.map { function.addParameter($0, to: region) }
    local += values
    return values
  }

  /// What else has to hold for a loop to go on.
  private mutating func furtherCondition(_ growths: [Growth]) throws -> ValueID? {
    if let growth = draw.pick(growths), draw.chance(40) {
      let size = try value(.size, [], [NamedAttribute("of", .dims([growth.carried.dims[growth.axis]]))])
      let most = NamedAttribute("value", .scalar(.signed(Int64(draw.int(0...20)))))
      return try value(.less, [size, try value(.constant, [], [most], stated: .scalar(.s64))])
    }
    return draw.chance(20) ? try obtain(.scalar(.bool)) : nil
  }
}
