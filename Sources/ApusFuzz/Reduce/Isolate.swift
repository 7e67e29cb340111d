import ApusIR

extension ReductionSearch {
  /// The most ops of a module for which each is tried alone.
  private static let mostIsolated = 100

  /// Keeps one op and a few that it reads from, whose other operands become parameters. The op's results are what is
  /// returned.
  ///
  /// A bug of one op is found so in as many tests as there are ops.
  mutating func isolate() {
    for depth in 1...3 {
      guard module.computingOpCount > depth else { return }
      var number = 0
      // The list changes with what is kept; nothing is gained by starting over, the reductions come round again.
      while !isOver {
        let places = module.removableOps.filter { module[$0.function].opcode(of: $0.op) != .constant }
        guard number < places.count, places.count <= Self.mostIsolated else { break }
        let place = places[places.count - 1 - number]
        number += 1
        let isKept = attempt { $0.isolate(place, depth: depth) }
        if isKept { break }
      }
    }
  }
}

extension Module {
  fileprivate mutating func isolate(_ place: OpPlace, depth: Int) -> Bool {
    let id = place.function
    guard self[id].phase != .loops, self[id].resultCount(of: place.op) > 0, !self[id].isInIsolatedRegion(place.op)
    else { return false }
    self[id].isolate(place.op, depth: depth)
    // The function stands alone from now on, unless the op calls others.
    guard let main = functions.first?.name, main != self[id].name else { return true }
    let isolated = self[id]
    var alone = Module(isolated)
    for function in functions where function.name != isolated.name && function.name != main { alone.add(function) }
    self = alone
    return true
  }
}

extension Function {
  fileprivate mutating func isolate(_ op: OpID, depth: Int) {
    let kept = slice(of: op, depth: depth)
    // What regions read from around them counts as read.
    var made = Set(kept.flatMap { results(of: $0) })
    var substitutes: [ValueID: ValueID] = [:]
    for root in kept {
      for user in opsWithin(root) {
        for block in regions(of: user) { made.formUnion(parameters(of: block)) }
        made.formUnion(results(of: user))
        for (index, value) in operands(of: user).enumerated() where !made.contains(value) {
          let other = substitutes[value] ?? addFreshParameter(type(of: value))
          substitutes[value] = other
          setOperand(index, of: user, to: other)
        }
      }
    }
    guard let end = terminator(of: entry) else { return }
    setOperands(results(of: op), of: end)
    for root in kept { move(root, to: .before(end)) }
    let roots = Set(kept)
    for other in ops(in: entry).reversed() where other != end && !roots.contains(other) {
      // What nested ops read was moved out, so nobody reads what is left but what is left behind it.
      erase(other)
    }
    for (index, value) in parameters.enumerated().reversed() where isUnused(value) { removeParameter(index, of: entry) }
    resultTypes = results(of: op).map { type(of: $0) }
    resultNames = []
  }

  /// The op, those of its block that it reads from down to a depth, and constants, in their order.
  private func slice(of op: OpID, depth: Int) -> [OpID] {
    let block = block(of: op)
    var found: Set<OpID> = [op]
    var front = [op]
    for level in 1...depth {
      var next: [OpID] = []
      for user in front.flatMap({ opsWithin($0) }) {
        for value in operands(of: user) {
          guard let source = definingOp(of: value), self.block(of: source) == block || opcode(of: source) == .constant,
            level < depth || opcode(of: source) == .constant
          else { continue }
          if isNested(source, in: found) { continue }
          if found.insert(source).inserted { next.append(source) }
        }
      }
      front = next
    }
    return allOps().filter { found.contains($0) }
  }

  /// Whether an op stands in a region of one of the others.
  private func isNested(_ op: OpID, in others: Set<OpID>) -> Bool {
    var block = block(of: op)
    while let owner = owner(of: block) {
      if others.contains(owner) { return true }
      block = self.block(of: owner)
    }
    return false
  }

  /// An op and those in its regions.
  private func opsWithin(_ op: OpID) -> [OpID] {
    var found = [op]
    var next = 0
    while next < found.count {
      for block in regions(of: found[next]) { found += ops(in: block) }
      next += 1
    }
    return found
  }
}
