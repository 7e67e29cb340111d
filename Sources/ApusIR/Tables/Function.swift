import ApusSupport
import ApusTensor

/// A function: blocks of ops over typed values, in tables named by 32-bit ids.
///
/// A value type: `let before = f` is a cheap snapshot. Rows hold no references, so passes scan and
/// copy them without reference counting; attributes, names and locations sit in side tables.
public struct Function: Sendable {
  public var name: String
  public var phase: Phase
  public var symbols = SymbolTable()
  /// The types of the returned values.
  public var resultTypes: [TensorType] = []
  /// Names of results, where the source gave them (`graph f() -> (y, z)`); as many as results, or empty.
  public var resultNames: [String] = []

  /// Relations between sizes that the symbols leave open: guards check them when the function runs.
  public var obligations: [Obligation] {
    get { obligationSet.list }
    set { obligationSet = ObligationSet(newValue) }
  }

  var obligationSet = ObligationSet()

  var ops = Table<OpID, OpRow>()
  var operandSlots = Table<OperandID, OperandRow>()
  var values = Table<ValueID, ValueRow>()
  var blocks = Table<BlockID, BlockRow>()
  var blockParameters: [[ValueID]] = []
  var regionBlocks: [BlockID] = []
  var attributeLists: [[NamedAttribute]] = [[]]
  var valueNames: [ValueID: String] = [:]
  var types = TypeTable()
  var locations = LocationTable()
  var parameterLocations: [ValueID: LocationID] = [:]

  /// The block that holds the function's parameters and body.
  public let entry: BlockID

  public init(name: String, phase: Phase = .graph) {
    self.name = name
    self.phase = phase
    entry = blocks.append(BlockRow())
    blockParameters.append([])
  }

  /// The function's parameters.
  public var parameters: [ValueID] { blockParameters[entry.index] }

  /// Rows ever made, erased ones included: a measure of how worn the tables are.
  public var opCapacity: Int { ops.count }
  public var valueCapacity: Int { values.count }
}

// MARK: - Queries

extension Function {
  @inlinable public func opcode(of op: OpID) -> OpCode { code(op) }

  @usableFromInline func code(_ op: OpID) -> OpCode { ops[op].code }

  public func isErased(_ op: OpID) -> Bool { ops[op].isErased }

  // Operands and results

  public func operandCount(of op: OpID) -> Int { Int(ops[op].operandCount) }

  public func operand(_ index: Int, of op: OpID) -> ValueID {
    precondition(index < operandCount(of: op), "operand \(index) of an op with \(operandCount(of: op))")
    return operandSlots[OperandID(ops[op].firstOperand.index + index)].value
  }

  /// A copy of the operands: the tables may change while it is read.
  public func operands(of op: OpID) -> [ValueID] {
    let row = ops[op]
    return (0..<Int(row.operandCount)).map { operandSlots[OperandID(row.firstOperand.index + $0)].value }
  }

  public func resultCount(of op: OpID) -> Int { Int(ops[op].resultCount) }

  public func result(_ index: Int = 0, of op: OpID) -> ValueID {
    precondition(index < resultCount(of: op), "result \(index) of an op with \(resultCount(of: op))")
    return ValueID(ops[op].firstResult.index + index)
  }

  public func results(of op: OpID) -> [ValueID] {
    let row = ops[op]
    return (0..<Int(row.resultCount)).map { ValueID(row.firstResult.index + $0) }
  }

  // Values

  public func type(of value: ValueID) -> TensorType { types[values[value].type] }
  public func typeID(of value: ValueID) -> TypeID { values[value].type }

  /// The op whose result the value is; `nil` for a block parameter.
  public func definingOp(of value: ValueID) -> OpID? {
    let op = values[value].definition
    return op.isNone ? nil : op
  }

  /// The block whose parameter the value is, and which one; `nil` for the result of an op.
  public func parameterOrigin(of value: ValueID) -> (block: BlockID, index: Int)? {
    let row = values[value]
    return row.block.isNone ? nil : (row.block, Int(row.index))
  }

  /// Which result of its op, or which parameter of its block, a value is.
  public func index(of value: ValueID) -> Int { Int(values[value].index) }

  public func useCount(of value: ValueID) -> Int { Int(values[value].useCount) }
  public func hasOneUse(_ value: ValueID) -> Bool { values[value].useCount == 1 }
  public func isUnused(_ value: ValueID) -> Bool { values[value].useCount == 0 }

  /// The uses of a value, newest first: which operand of which op.
  public func uses(of value: ValueID) -> [(op: OpID, index: Int)] {
    var found: [(op: OpID, index: Int)] = []
    var slot = values[value].firstUse
    while !slot.isNone {
      let row = operandSlots[slot]
      found.append((row.owner, slot.index - ops[row.owner].firstOperand.index))
      slot = row.nextUse
    }
    return found
  }

  /// The name the source gave a value, if any.
  public func name(of value: ValueID) -> String? { valueNames[value] }

  // Blocks and regions

  public func parameters(of block: BlockID) -> [ValueID] { blockParameters[block.index] }

  public func block(of op: OpID) -> BlockID { ops[op].block }

  /// The op whose region the block is; `nil` for the entry block.
  public func owner(of block: BlockID) -> OpID? {
    let op = blocks[block].owner
    return op.isNone ? nil : op
  }

  public func regionCount(of op: OpID) -> Int { Int(ops[op].regionCount) }

  public func region(_ index: Int, of op: OpID) -> BlockID {
    precondition(index < regionCount(of: op), "region \(index) of an op with \(regionCount(of: op))")
    return regionBlocks[Int(ops[op].firstRegion) + index]
  }

  public func regions(of op: OpID) -> [BlockID] { (0..<regionCount(of: op)).map { region($0, of: op) } }

  public func firstOp(of block: BlockID) -> OpID? { optional(blocks[block].first) }
  public func lastOp(of block: BlockID) -> OpID? { optional(blocks[block].last) }
  public func op(after op: OpID) -> OpID? { optional(ops[op].next) }
  public func op(before op: OpID) -> OpID? { optional(ops[op].previous) }

  /// The terminator of a block, if it has one.
  public func terminator(of block: BlockID) -> OpID? {
    guard let last = lastOp(of: block), ops[last].code.isTerminator else { return nil }
    return last
  }

  /// A copy of the block's ops in order, its nested regions not included.
  public func ops(in block: BlockID) -> [OpID] {
    var found: [OpID] = []
    var op = blocks[block].first
    while !op.isNone {
      found.append(op)
      op = ops[op].next
    }
    return found
  }

  /// Every live op in order, each before those of its regions.
  public func allOps() -> [OpID] {
    var found: [OpID] = []
    found.reserveCapacity(ops.count)
    forEachOp { found.append($0) }
    return found
  }

  /// Visits every live op in order, each before those of its regions. The walk keeps its own stack,
  /// so nesting as deep as memory allows is fine.
  public func forEachOp(_ body: (OpID) -> Void) {
    var stack = [blocks[entry].first]
    while let op = stack.popLast() {
      guard !op.isNone else { continue }
      body(op)
      stack.append(ops[op].next)
      for index in (0..<regionCount(of: op)).reversed() { stack.append(blocks[region(index, of: op)].first) }
    }
  }

  /// Whether `a` stands before `b` in the same block. Runs along the block: for passes that ask
  /// often, number the ops first.
  public func comesBefore(_ a: OpID, _ b: OpID) -> Bool {
    precondition(ops[a].block == ops[b].block, "order is defined within one block")
    var (forward, backward) = (ops[a].next, ops[a].previous)
    while !forward.isNone || !backward.isNone {
      if forward == b { return true }
      if backward == b { return false }
      if !forward.isNone { forward = ops[forward].next }
      if !backward.isNone { backward = ops[backward].previous }
    }
    return false
  }

  /// The ancestor of `op` (or `op` itself) that stands in `block`, if any.
  public func ancestor(of op: OpID, in block: BlockID) -> OpID? {
    var current = op
    while ops[current].block != block {
      let owner = blocks[ops[current].block].owner
      if owner.isNone { return nil }
      current = owner
    }
    return current
  }

  private func optional(_ op: OpID) -> OpID? { op.isNone ? nil : op }

  // Attributes

  public func attributes(of op: OpID) -> [NamedAttribute] { attributeLists[Int(ops[op].attributes)] }

  /// The attribute as written, or its declared default.
  public func attribute(_ name: String, of op: OpID) -> Attribute? {
    for entry in attributeLists[Int(ops[op].attributes)] where entry.name == name { return entry.value }
    return ops[op].code.info.attribute(name)?.defaultValue
  }

  public func int(_ name: String, of op: OpID) -> Int? {
    if case .int(let value)? = attribute(name, of: op) { value } else { nil }
  }

  public func float(_ name: String, of op: OpID) -> Double? {
    switch attribute(name, of: op) {
    case .float(let value)?: value
    case .int(let value)?: Double(value)
    default: nil
    }
  }

  public func bool(_ name: String, of op: OpID) -> Bool? {
    if case .bool(let value)? = attribute(name, of: op) { value } else { nil }
  }

  public func ints(_ name: String, of op: OpID) -> [Int]? {
    if case .ints(let value)? = attribute(name, of: op) { value } else { nil }
  }

  public func dims(_ name: String, of op: OpID) -> [Dim]? {
    if case .dims(let value)? = attribute(name, of: op) { value } else { nil }
  }

  /// An enumeration's case or a quoted string.
  public func string(_ name: String, of op: OpID) -> String? {
    switch attribute(name, of: op) {
    case .string(let value)?, .name(let value)?, .function(let value)?: value
    default: nil
    }
  }

  public func elementType(_ name: String, of op: OpID) -> ElementType? {
    if case .elementType(let value)? = attribute(name, of: op) { value } else { nil }
  }

  // Locations

  public func location(of op: OpID) -> Location { locations[ops[op].location] }
  public func location(_ id: LocationID) -> Location { locations[id] }
  public func locationID(of op: OpID) -> LocationID { ops[op].location }

  /// Where the op that makes the value, or the parameter, came from.
  public func location(of value: ValueID) -> Location {
    locations[definingOp(of: value).map { ops[$0].location } ?? parameterLocations[value] ?? .none]
  }
}
