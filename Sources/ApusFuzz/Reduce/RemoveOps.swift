import ApusIR

extension ReductionSearch {
  /// Takes ops away, runs of them first; who reads their results reads something of the same type instead.
  mutating func removeOps(_ kind: Substitute) {
    minimize { $0.module.removableOps.count } remove: { search, run in
      let places = Array(search.module.removableOps[run])
      return search.attempt { $0.remove(places, kind) }
    }
  }
}

extension Module {
  /// - Parameter places: in the order of the module.
  fileprivate mutating func remove(_ places: [OpPlace], _ kind: Substitute) -> Bool {
    var isChanged = false
    let called = calledFunctions
    for place in places.reversed() {
      let isCalled = called.contains(self[place.function].name)
      if self[place.function].remove(place.op, kind, isCalled: isCalled) { isChanged = true }
    }
    return isChanged
  }
}

extension Function {
  fileprivate mutating func remove(_ op: OpID, _ kind: Substitute, isCalled: Bool) -> Bool {
    if isErased(op) { return false }
    for value in results(of: op) where !isUnused(value) {
      guard let other = substitute(for: value, of: op, kind, isCalled: isCalled), other != value else { return false }
      replaceUses(of: value, with: other)
    }
    erase(op)
    return true
  }
}
