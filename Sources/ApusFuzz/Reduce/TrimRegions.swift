import ApusIR

extension ReductionSearch {
  /// Has `if`, `while` and `kernel` yield fewer values, and `while` carry fewer.
  mutating func trimRegions() {
    minimize { $0.module.yieldedValues.count } remove: { search, run in
      let entries = Array(search.module.yieldedValues[run])
      return search.attempt { module in
        let called = module.calledFunctions
        var isChanged = false
        for entry in entries.reversed() {
          let id = entry.place.function
          let isCalled = called.contains(module[id].name)
          if module[id].dropYield(entry.index, of: entry.place.op, isCalled: isCalled) { isChanged = true }
        }
        return isChanged
      }
    }
    minimize { $0.module.kernelOperands.count } remove: { search, run in
      let entries = Array(search.module.kernelOperands[run])
      return search.attempt { module in
        var isChanged = false
        for entry in entries.reversed() {
          if module[entry.place.function].dropKernelOperand(entry.index, of: entry.place.op) { isChanged = true }
        }
        return isChanged
      }
    }
  }
}

extension Module {
  fileprivate typealias Entry = (place: OpPlace, index: Int)

  fileprivate var yieldedValues: [Entry] {
    ops(.if, .while, .kernel).flatMap { place in
      (0..<self[place.function].resultCount(of: place.op)).map { (place, $0) }
    }
  }

  fileprivate var kernelOperands: [Entry] {
    ops(.kernel).flatMap { place in
      (0..<self[place.function].operandCount(of: place.op)).map { (place, $0) }
    }
  }
}

extension Function {
  /// Removes a result. Who reads it, and what is carried in its place, reads something else.
  fileprivate mutating func dropYield(_ index: Int, of op: OpID, isCalled: Bool) -> Bool {
    guard !isErased(op), index < resultCount(of: op) else { return false }
    let value = result(index, of: op)
    if !isUnused(value) {
      let kind = opcode(of: op) == .kernel || isInIsolatedRegion(op) || isCalled ? Substitute.similar : .parameter
      guard let other = substitute(for: value, of: op, kind, isCalled: isCalled), other != value else { return false }
      replaceUses(of: value, with: other)
    }
    let ends = regions(of: op).compactMap { terminator(of: $0) }
    if opcode(of: op) == .while {
      let initial = operand(index, of: op)
      for block in regions(of: op) { redirect(parameters(of: block)[index], to: initial) }
      removeOperand(index, of: op)
      for block in regions(of: op) { keepParameters(of: block) { $0 != index } }
    }
    for end in ends where opcode(of: end) == .yield { removeOperand(index, of: end) }
    keepResults(of: op) { $0 != index }
    return true
  }

  fileprivate mutating func dropKernelOperand(_ index: Int, of op: OpID) -> Bool {
    guard !isErased(op), index < operandCount(of: op) else { return false }
    let block = region(0, of: op)
    let parameter = parameters(of: block)[index]
    if !isUnused(parameter) {
      guard let first = firstOp(of: block) else { return false }
      let type = type(of: parameter)
      let older = parameters(of: block)[..<index].first { self.type(of: $0) == type }
      guard let other = older ?? insertZero(type, before: first) else { return false }
      replaceUses(of: parameter, with: other)
    }
    removeOperand(index, of: op)
    keepParameters(of: block) { $0 != index }
    return true
  }

  mutating func removeOperand(_ index: Int, of op: OpID) {
    var values = operands(of: op)
    values.remove(at: index)
    setOperands(values, of: op)
  }
}
