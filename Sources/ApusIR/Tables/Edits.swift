import ApusSupport
import ApusTensor

/// Where a new op goes.
public enum InsertionPoint: Sendable, Hashable {
  case before(OpID)
  case after(OpID)
  /// At the end, or before the terminator if the block has one.
  case end(of: BlockID)
  case start(of: BlockID)
}

extension Function {
  // MARK: Making

  /// Adds a parameter to a block; to the entry block, one to the function.
  @discardableResult
  public mutating func addParameter(_ type: TensorType, to block: BlockID, name: String? = nil) -> ValueID {
    let index = UInt32(blockParameters[block.index].count)
    let value = values.append(ValueRow(type: types.intern(type), block: block, index: index))
    blockParameters[block.index].append(value)
    if let name { valueNames[value] = name }
    return value
  }

  @discardableResult
  public mutating func addParameter(_ type: TensorType, name: String? = nil) -> ValueID {
    addParameter(type, to: entry, name: name)
  }

  /// Removes an unused parameter; later ones move up.
  public mutating func removeParameter(_ index: Int, of block: BlockID) {
    precondition(isUnused(blockParameters[block.index][index]), "removing a parameter that is still used")
    blockParameters[block.index].remove(at: index)
    for (position, value) in blockParameters[block.index].enumerated() { values[value].index = UInt32(position) }
  }

  /// Makes an op with stated result types, and empty blocks for its regions.
  /// `append` in `Builder` infers the result types instead.
  @discardableResult
  public mutating func insert(
    _ code: OpCode, _ operands: [ValueID], attributes: [NamedAttribute] = [], results: [TensorType],
    regions regionCount: Int? = nil, at point: InsertionPoint, location: LocationID = .none
  ) -> OpID {
    let regions = regionCount ?? code.info.regions.count
    var row = OpRow(code: code)
    row.operandCount = UInt16(operands.count)
    row.resultCount = UInt16(results.count)
    row.regionCount = UInt8(regions)
    row.location = location
    if !attributes.isEmpty {
      row.attributes = UInt32(attributeLists.count)
      attributeLists.append(attributes)
    }
    let op = ops.append(row)
    ops[op].firstOperand = appendOperands(operands, owner: op)
    ops[op].firstResult = ValueID(values.count)
    for (index, type) in results.enumerated() {
      _ = values.append(ValueRow(type: types.intern(type), definition: op, index: UInt32(index)))
    }
    ops[op].firstRegion = UInt32(regionBlocks.count)
    for index in 0..<regions {
      regionBlocks.append(blocks.append(BlockRow(owner: op, region: UInt32(index))))
      blockParameters.append([])
    }
    link(op, at: point)
    return op
  }

  /// Adds a location; the parts of a merged one are of this function.
  public mutating func addLocation(_ location: Location) -> LocationID { locations.append(location) }

  /// A location of another function as one of this function.
  public mutating func importLocation(_ id: LocationID, of other: Function) -> LocationID {
    switch other.location(id) {
    case .unknown: return .none
    case .place(let place): return addLocation(.place(place))
    case .merged(let parts):
      var imported: [LocationID] = []
      for part in parts { imported.append(importLocation(part, of: other)) }
      return mergeLocations(imported)
    }
  }

  /// A location that stands for all of the given ones.
  public mutating func mergeLocations(_ ids: [LocationID]) -> LocationID {
    var distinct: [LocationID] = []
    for id in ids where !id.isNone {
      if case .merged(let parts) = locations[id] {
        for part in parts where !distinct.contains(part) { distinct.append(part) }
      } else if !distinct.contains(id) {
        distinct.append(id)
      }
    }
    switch distinct.count {
    case 0: return .none
    case 1: return distinct[0]
    default: return locations.append(.merged(distinct))
    }
  }

  // MARK: Changing

  public mutating func setOpcode(_ code: OpCode, of op: OpID) { ops[op].code = code }
  public mutating func setLocation(_ location: LocationID, of op: OpID) { ops[op].location = location }
  public mutating func setLocation(_ location: LocationID, of parameter: ValueID) {
    parameterLocations[parameter] = location
  }
  public mutating func setName(_ name: String?, of value: ValueID) { valueNames[value] = name }
  public mutating func setType(_ type: TensorType, of value: ValueID) { values[value].type = types.intern(type) }

  public mutating func setAttributes(_ list: [NamedAttribute], of op: OpID) {
    if list.isEmpty {
      ops[op].attributes = 0
    } else if ops[op].attributes != 0 {
      attributeLists[Int(ops[op].attributes)] = list
    } else {
      ops[op].attributes = UInt32(attributeLists.count)
      attributeLists.append(list)
    }
  }

  /// Sets, adds or (with `nil`) removes one attribute.
  public mutating func setAttribute(_ name: String, _ value: Attribute?, of op: OpID) {
    var list = attributes(of: op)
    if let index = list.firstIndex(where: { $0.name == name }) {
      if let value { list[index].value = value } else { list.remove(at: index) }
    } else if let value {
      list.append(NamedAttribute(name, value))
    }
    setAttributes(list, of: op)
  }

  public mutating func setOperand(_ index: Int, of op: OpID, to value: ValueID) {
    precondition(index < operandCount(of: op), "operand \(index) of an op with \(operandCount(of: op))")
    let slot = OperandID(ops[op].firstOperand.index + index)
    unlinkUse(slot)
    operandSlots[slot].value = value
    linkUse(slot)
  }

  /// Replaces the whole operand list, of any length.
  public mutating func setOperands(_ new: [ValueID], of op: OpID) {
    let row = ops[op]
    for index in 0..<Int(row.operandCount) { unlinkUse(OperandID(row.firstOperand.index + index)) }
    if new.count <= Int(row.operandCount) {
      for (index, value) in new.enumerated() {
        let slot = OperandID(row.firstOperand.index + index)
        operandSlots[slot] = OperandRow(value: value, owner: op)
        linkUse(slot)
      }
    } else {
      ops[op].firstOperand = appendOperands(new, owner: op)
    }
    ops[op].operandCount = UInt16(new.count)
  }

  /// Makes every reader of `old` read `new`.
  public mutating func replaceUses(of old: ValueID, with new: ValueID) {
    precondition(old != new, "replacing a value with itself")
    for (op, index) in uses(of: old) { setOperand(index, of: op, to: new) }
  }

  /// Makes the readers of `old` for which `isIncluded` holds read `new`.
  public mutating func replaceUses(of old: ValueID, with new: ValueID, where isIncluded: (OpID) -> Bool) {
    for (op, index) in uses(of: old) where isIncluded(op) { setOperand(index, of: op, to: new) }
  }

  public mutating func move(_ op: OpID, to point: InsertionPoint) {
    unlink(op)
    link(op, at: point)
  }

  /// Removes an op whose results are unused, with everything in its regions.
  public mutating func erase(_ op: OpID) {
    for value in results(of: op) { precondition(isUnused(value), "erasing an op whose result is still used") }
    // Drop every use inside first, so that the order of erasing does not matter.
    var doomed = [op]
    var next = 0
    while next < doomed.count {
      for block in regions(of: doomed[next]) { doomed += ops(in: block) }
      next += 1
    }
    for dead in doomed {
      let row = ops[dead]
      for index in 0..<Int(row.operandCount) { unlinkUse(OperandID(row.firstOperand.index + index)) }
      ops[dead].operandCount = 0
      for value in results(of: dead) { valueNames[value] = nil }
    }
    unlink(op)
    for dead in doomed { ops[dead].isErased = true }
  }

  /// Erases `op` after its readers have been given `replacements`.
  public mutating func replace(_ op: OpID, with replacements: [ValueID]) {
    let old = results(of: op)
    precondition(old.count == replacements.count, "as many replacements as results")
    for (value, new) in zip(old, replacements) {
      replaceUses(of: value, with: new)
      if valueNames[new] == nil, let name = valueNames[value] { valueNames[new] = name }
    }
    erase(op)
  }

  // MARK: Links

  private mutating func appendOperands(_ list: [ValueID], owner: OpID) -> OperandID {
    let first = OperandID(operandSlots.count)
    for value in list {
      let slot = operandSlots.append(OperandRow(value: value, owner: owner))
      linkUse(slot)
    }
    return first
  }

  private mutating func linkUse(_ slot: OperandID) {
    let value = operandSlots[slot].value
    let head = values[value].firstUse
    operandSlots[slot].previousUse = .none
    operandSlots[slot].nextUse = head
    if !head.isNone { operandSlots[head].previousUse = slot }
    values[value].firstUse = slot
    values[value].useCount += 1
  }

  private mutating func unlinkUse(_ slot: OperandID) {
    let row = operandSlots[slot]
    if row.previousUse.isNone {
      values[row.value].firstUse = row.nextUse
    } else {
      operandSlots[row.previousUse].nextUse = row.nextUse
    }
    if !row.nextUse.isNone { operandSlots[row.nextUse].previousUse = row.previousUse }
    values[row.value].useCount -= 1
  }

  private mutating func link(_ op: OpID, at point: InsertionPoint) {
    let block: BlockID
    let previous: OpID
    switch point {
    case .before(let next):
      block = ops[next].block
      previous = ops[next].previous
    case .after(let earlier):
      block = ops[earlier].block
      previous = earlier
    case .start(let b):
      block = b
      previous = .none
    case .end(let b):
      block = b
      let last = blocks[b].last
      let isBeforeTerminator = !last.isNone && ops[last].code.isTerminator && !ops[op].code.isTerminator
      previous = isBeforeTerminator ? ops[last].previous : last
    }
    let next = previous.isNone ? blocks[block].first : ops[previous].next
    ops[op].block = block
    ops[op].previous = previous
    ops[op].next = next
    if previous.isNone { blocks[block].first = op } else { ops[previous].next = op }
    if next.isNone { blocks[block].last = op } else { ops[next].previous = op }
  }

  private mutating func unlink(_ op: OpID) {
    let row = ops[op]
    if row.previous.isNone { blocks[row.block].first = row.next } else { ops[row.previous].next = row.next }
    if row.next.isNone { blocks[row.block].last = row.previous } else { ops[row.next].previous = row.previous }
    ops[op].previous = .none
    ops[op].next = .none
  }
}
