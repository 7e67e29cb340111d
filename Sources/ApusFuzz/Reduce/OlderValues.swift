import ApusIR

extension ReductionSearch {
  /// The values that are tried in the place of one operand.
  private static let mostValues = 4

  /// Has ops read older values of the same type, and parameters before others: what lies between may then go.
  mutating func useOlderValues() {
    var number = 0
    while !isOver {
      let operands = module.operandPlaces
      guard number < operands.count else { return }
      let (place, index) = operands[number]
      let values = module[place.function].olderValues(than: index, of: place.op).prefix(Self.mostValues)
      let isKept = values.contains { value in
        attempt { module in
          module[place.function].setOperand(index, of: place.op, to: value)
          return true
        }
      }
      if !isKept { number += 1 }
    }
  }
}

extension Module {
  fileprivate var operandPlaces: [(OpPlace, Int)] {
    ids.flatMap { id in
      self[id].allOps().flatMap { op in
        (0..<self[id].operandCount(of: op)).map { (OpPlace(function: id, op: op), $0) }
      }
    }
  }
}

extension Function {
  /// Values of an operand's type that were made before it, the oldest first. Not all of them may be visible.
  fileprivate func olderValues(than index: Int, of op: OpID) -> [ValueID] {
    let value = operand(index, of: op)
    let type = type(of: value)
    var order = parameters
    for other in allOps() {
      if other == op { break }
      for block in regions(of: other) where ancestor(of: op, in: block) != nil { order += parameters(of: block) }
      // What is made in regions that the op does not stand in is hidden from it.
      if ancestor(of: op, in: block(of: other)) != nil { order += results(of: other) }
    }
    let older = order.prefix { $0 != value }
    return older.filter { self.type(of: $0) == type }
  }
}
