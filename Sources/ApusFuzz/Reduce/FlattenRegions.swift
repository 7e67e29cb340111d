import ApusIR

extension ReductionSearch {
  /// Puts one branch in the place of an `if`, and the initial values or one turn in the place of a `while`.
  mutating func flattenRegions() {
    for variant in RegionVariant.allCases {
      minimize { $0.module.ops(.if, .while).count } remove: { search, run in
        let places = Array(search.module.ops(.if, .while)[run])
        return search.attempt { module in
          var isChanged = false
          // Inner ones first: those around them are then copied without them.
          for place in places.reversed() where module[place.function].flatten(place.op, variant) { isChanged = true }
          return isChanged
        }
      }
    }
  }
}

private enum RegionVariant: CaseIterable {
  case first, second
}

extension Function {
  fileprivate mutating func flatten(_ op: OpID, _ variant: RegionVariant) -> Bool {
    if isErased(op) { return false }
    switch (opcode(of: op), variant) {
    case (.if, .first): replaceWithYields(op, inline(region(0, of: op), arguments: [], before: op))
    case (.if, .second): replaceWithYields(op, inline(region(1, of: op), arguments: [], before: op))
    case (.while, .first): replaceWithYields(op, operands(of: op))
    case (.while, .second):
      replaceWithYields(op, inline(region(1, of: op), arguments: operands(of: op), before: op))
    case _: return false
    }
    return true
  }

  private mutating func replaceWithYields(_ op: OpID, _ values: [ValueID]) {
    for (result, value) in zip(results(of: op), values) { redirect(result, to: value) }
    erase(op)
  }
}
