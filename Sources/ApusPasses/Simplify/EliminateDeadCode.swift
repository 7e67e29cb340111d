import ApusIR
import ApusSupport

/// Removes ops without effects whose results nobody needs, and the results of `if` and the carried
/// values of `while` that nobody needs.
///
///     %a = exp %x              →
///     %b = neg %x                  %b = neg %x
///     return %b                    return %b
///
/// A carried value is needed only if something other than its own next value needs it, so that a
/// counter nobody reads goes away too. One sweep from the effects upwards marks what is needed. A
/// `while` is taken to end.
public let eliminateDeadCode = FunctionPass(
  "dce", "removes ops, results and carried values that nobody needs"
) { f, _ in
  var marking = Marking(f)
  marking.run(f)
  return marking.sweep(&f)
}

/// Which ops and values are needed.
private struct Marking {
  private var isLiveOp: [Bool]
  private var isLiveValue: [Bool]
  private var pending: [ValueID] = []
  /// The values that bring in sizes which data define: whatever states such a size needs them.
  private var sources: [SymbolID: ValueID] = [:]

  init(_ f: Function) {
    isLiveOp = Array(repeating: false, count: f.opCapacity)
    isLiveValue = Array(repeating: false, count: f.valueCapacity)
    guard f.symbols.ids.contains(where: { f.symbols[$0].origin == .value }) else { return }
    f.forEachOp { op in
      for value in f.results(of: op) + f.regions(of: op).flatMap({ f.parameters(of: $0) }) {
        for dim in f.type(of: value).dims {
          dim.forEachSymbol { if f.symbols[$0].origin == .value, sources[$0] == nil { sources[$0] = value } }
        }
      }
    }
  }

  mutating func run(_ f: Function) {
    f.forEachOp { if f.hasEffect($0) { keep($0, f) } }
    while let value = pending.popLast() {
      if let op = f.definingOp(of: value) {
        keep(op, f)
        need(whatFeedsResult: f.index(of: value), of: op, f)
      } else if let (block, index) = f.parameterOrigin(of: value), let owner = f.owner(of: block) {
        need(whatFeedsParameter: index, of: owner, f)
      }
    }
  }

  private mutating func need(_ value: ValueID) {
    if isLiveValue[value.index] { return }
    isLiveValue[value.index] = true
    pending.append(value)
  }

  /// Keeps an op, the ops that it stands in, and the operands that it needs whatever becomes of its results.
  private mutating func keep(_ op: OpID, _ f: Function) {
    if isLiveOp[op.index] { return }
    isLiveOp[op.index] = true
    if let owner = f.owner(of: f.block(of: op)) { keep(owner, f) }
    needSizes(of: op, f)
    switch f.opcode(of: op) {
    case .while:
      if let end = f.terminator(of: f.region(0, of: op)) { keep(end, f) }
      for block in f.regions(of: op) { if let end = f.terminator(of: block) { isLiveOp[end.index] = true } }
    case .if:
      need(f.operand(0, of: op))
      for block in f.regions(of: op) { if let end = f.terminator(of: block) { isLiveOp[end.index] = true } }
    case .kernel:
      for block in f.regions(of: op) {
        guard let end = f.terminator(of: block) else { continue }
        isLiveOp[end.index] = true
        // Sorting takes the values and the indices to work on, whichever of them is read afterwards.
        for (index, value) in f.operands(of: end).enumerated()
        where f.isOfSeveral(value) && !isPlanted(.sortsLoseTheirIndices) {
          need(value)
          need(f.result(index, of: op))
        }
      }
    case .yield where f.owner(of: f.block(of: op)) != nil: break
    case _: for operand in f.operands(of: op) { need(operand) }
    }
  }

  /// Keeps what defines the sizes that an op states.
  private mutating func needSizes(of op: OpID, _ f: Function) {
    if sources.isEmpty { return }
    var dims = (f.results(of: op) + f.regions(of: op).flatMap { f.parameters(of: $0) }).flatMap { f.type(of: $0).dims }
    for entry in f.attributes(of: op) { if case .dims(let stated) = entry.value { dims += stated } }
    var needed: [ValueID] = []
    for dim in dims { dim.forEachSymbol { if let value = sources[$0] { needed.append(value) } } }
    // What an op brings in itself comes with whichever of its results is needed.
    for value in needed {
      if f.definingOp(of: value) == op || f.parameterOrigin(of: value)?.block.isRegion(of: op, f) == true { continue }
      need(value)
    }
  }

  private mutating func need(whatFeedsResult index: Int, of op: OpID, _ f: Function) {
    switch f.opcode(of: op) {
    case .if, .kernel:
      for block in f.regions(of: op) { needYield(index, of: block, f) }
    case .while: needCarried(index, of: op, f)
    case _: break
    }
  }

  private mutating func need(whatFeedsParameter index: Int, of owner: OpID, _ f: Function) {
    switch f.opcode(of: owner) {
    case .while: needCarried(index, of: owner, f)
    case .kernel: need(f.operand(index, of: owner))
    case _: break
    }
  }

  private mutating func needCarried(_ index: Int, of op: OpID, _ f: Function) {
    need(f.operand(index, of: op))
    need(f.result(index, of: op))
    for block in f.regions(of: op) { need(f.parameters(of: block)[index]) }
    needYield(index, of: f.region(1, of: op), f)
  }

  private mutating func needYield(_ index: Int, of block: BlockID, _ f: Function) {
    if let end = f.terminator(of: block) { need(f.operand(index, of: end)) }
  }

  // MARK: Erasing

  func sweep(_ f: inout Function) -> Bool {
    let ops = f.allOps()
    let trimmed = ops.filter { isLiveOp[$0.index] && hasDeadParts($0, f) }
    // First nobody reads what is dead, then the ops go, then the results and parameters that they read.
    for op in trimmed { trimOperands(of: op, &f) }
    var isChanged = !trimmed.isEmpty
    for op in ops.reversed() where !isLiveOp[op.index] {
      f.erase(op)
      isChanged = true
    }
    for op in trimmed { trimResults(of: op, &f) }
    return isChanged
  }

  private func hasDeadParts(_ op: OpID, _ f: Function) -> Bool {
    switch f.opcode(of: op) {
    case .if, .while: areLive(f.results(of: op)).contains(false)
    case .kernel: areLive(f.results(of: op) + f.parameters(of: f.region(0, of: op))).contains(false)
    case _: false
    }
  }

  private func areLive(_ values: [ValueID]) -> [Bool] { values.map { isLiveValue[$0.index] } }

  /// Takes the dead values out of what an op with regions and its terminators read.
  private func trimOperands(of op: OpID, _ f: inout Function) {
    let results = areLive(f.results(of: op))
    switch f.opcode(of: op) {
    case .if, .kernel: for block in f.regions(of: op) { trimYield(of: block, results, &f) }
    case .while: trimYield(of: f.region(1, of: op), results, &f)
    case _: break
    }
    switch f.opcode(of: op) {
    case .while: f.setOperands(kept(f.operands(of: op), results), of: op)
    case .kernel:
      f.setOperands(kept(f.operands(of: op), areLive(f.parameters(of: f.region(0, of: op)))), of: op)
    case _: break
    }
  }

  private func trimYield(of block: BlockID, _ live: [Bool], _ f: inout Function) {
    guard let end = f.terminator(of: block) else { return }
    f.setOperands(kept(f.operands(of: end), live), of: end)
  }

  /// Removes the dead results of an op with regions, and the dead parameters of its regions.
  private func trimResults(of op: OpID, _ f: inout Function) {
    let results = areLive(f.results(of: op))
    for block in f.regions(of: op) {
      let parameters = f.opcode(of: op) == .while ? results : areLive(f.parameters(of: block))
      f.keepParameters(of: block) { parameters[$0] }
    }
    f.keepResults(of: op) { results[$0] }
  }

  private func kept(_ values: [ValueID], _ live: [Bool]) -> [ValueID] {
    values.indices.filter { live[$0] }.map { values[$0] }
  }
}

extension BlockID {
  fileprivate func isRegion(of op: OpID, _ f: Function) -> Bool { f.owner(of: self) == op }
}

extension Function {
  /// Whether a value is one of several results that are made together.
  fileprivate func isOfSeveral(_ value: ValueID) -> Bool {
    guard let op = definingOp(of: value) else { return false }
    return opcode(of: op).kernelKind == .single && resultCount(of: op) > 1
  }

  /// Whether an op does more than yield results, so that it stays even when nobody reads them.
  func hasEffect(_ op: OpID) -> Bool {
    switch opcode(of: op) {
    case .assert: true
    case .customCall: bool("has_effects", of: op) ?? true
    case .call: true
    case .return: true
    case .if, .while, .kernel, .pack, .yield, .continue: false
    case let code: !code.isPure
    }
  }
}
