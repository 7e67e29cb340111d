extension Function {
  /// Makes the ops of a region's block stand before `point`, reading `arguments` in place of the
  /// block's parameters, and erases the block's terminator. The block is left empty.
  /// - Returns: What the terminator read.
  @discardableResult
  public mutating func inline(_ block: BlockID, arguments: [ValueID], before point: OpID) -> [ValueID] {
    let parameters = parameters(of: block)
    precondition(parameters.count == arguments.count, "as many arguments as parameters")
    for (parameter, argument) in zip(parameters, arguments) where !isUnused(parameter) {
      replaceUses(of: parameter, with: argument)
    }
    guard let end = terminator(of: block) else { preconditionFailure("inlining a block without a terminator") }
    let yielded = operands(of: end)
    erase(end)
    while let op = firstOp(of: block) { move(op, to: .before(point)) }
    return yielded
  }

  /// Makes a copy of an op without regions that reads other operands.
  /// - Returns: The copy, with result types of the original.
  @discardableResult
  public mutating func copy(_ op: OpID, operands: [ValueID], at point: InsertionPoint) -> OpID {
    precondition(regionCount(of: op) == 0, "copying an op with regions")
    return insert(
      opcode(of: op), operands, attributes: attributes(of: op), results: results(of: op).map { type(of: $0) },
      at: point, location: locationID(of: op))
  }

  /// Gives an op more results, after those it has.
  /// - Returns: All of its results, which are new values; the readers of the old ones read them.
  @discardableResult
  public mutating func addResults(_ types: [TensorType], to op: OpID) -> [ValueID] {
    relocateResults(of: op, keeping: results(of: op), adding: types)
  }

  /// Removes the unused results of an op for which `isIncluded` does not hold; later ones move up.
  /// - Returns: The results that are left, which are new values; the readers of the old ones read them.
  @discardableResult
  public mutating func keepResults(of op: OpID, where isIncluded: (Int) -> Bool) -> [ValueID] {
    let old = results(of: op)
    let kept = old.indices.filter(isIncluded).map { old[$0] }
    for (index, value) in old.enumerated() where !isIncluded(index) {
      precondition(isUnused(value), "removing a result that is still used")
      setName(nil, of: value)
    }
    return kept.count == old.count ? old : relocateResults(of: op, keeping: kept, adding: [])
  }

  /// Removes the unused parameters of a block for which `isIncluded` does not hold; later ones move up.
  public mutating func keepParameters(of block: BlockID, where isIncluded: (Int) -> Bool) {
    var kept: [ValueID] = []
    for (index, value) in blockParameters[block.index].enumerated() {
      if isIncluded(index) {
        values[value].index = UInt32(kept.count)
        kept.append(value)
      } else {
        precondition(isUnused(value), "removing a parameter that is still used")
        setName(nil, of: value)
      }
    }
    blockParameters[block.index] = kept
  }

  private mutating func relocateResults(
    of op: OpID, keeping kept: [ValueID], adding types: [TensorType]
  ) -> [ValueID] {
    let first = ValueID(values.count)
    let all = kept.map { type(of: $0) } + types
    for (index, type) in all.enumerated() {
      _ = values.append(ValueRow(type: self.types.intern(type), definition: op, index: UInt32(index)))
    }
    ops[op].firstResult = first
    ops[op].resultCount = UInt16(all.count)
    let new = results(of: op)
    for (old, value) in zip(kept, new) {
      if !isUnused(old) { replaceUses(of: old, with: value) }
      if let name = name(of: old) {
        setName(nil, of: old)
        setName(name, of: value)
      }
    }
    return new
  }
}
