import ApusIR

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

  init(_ f: Function) {
    isLiveOp = Array(repeating: false, count: f.opCapacity)
    isLiveValue = Array(repeating: false, count: f.valueCapacity)
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
    switch f.opcode(of: op) {
    case .while:
      if let end = f.terminator(of: f.region(0, of: op)) { keep(end, f) }
      for block in f.regions(of: op) { if let end = f.terminator(of: block) { isLiveOp[end.index] = true } }
    case .if:
      need(f.operand(0, of: op))
      for block in f.regions(of: op) { if let end = f.terminator(of: block) { isLiveOp[end.index] = true } }
    case .kernel:
      for block in f.regions(of: op) { if let end = f.terminator(of: block) { isLiveOp[end.index] = true } }
    case .yield where f.owner(of: f.block(of: op)) != nil: break
    case _: for operand in f.operands(of: op) { need(operand) }
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
    var isChanged = false
    let ops = f.allOps()
    // Readers stand after what they read, or inside of what is erased with them.
    for op in ops.reversed() where isLiveOp[op.index] && dropResults(of: op, &f) { isChanged = true }
    for op in ops.reversed() where !isLiveOp[op.index] && !f.isErased(op) {
      f.erase(op)
      isChanged = true
    }
    return isChanged
  }

  /// Removes the dead results, carried values and parameters of an op with regions.
  private func dropResults(of op: OpID, _ f: inout Function) -> Bool {
    switch f.opcode(of: op) {
    case .if: return dropYielded(of: op, f.regions(of: op), &f)
    case .while:
      let live = f.results(of: op).map { isLiveValue[$0.index] }
      guard live.contains(false) else { return false }
      f.setOperands(kept(f.operands(of: op), live), of: op)
      return dropYielded(of: op, [f.region(1, of: op)], &f, parameters: f.regions(of: op))
    case .kernel:
      let isDropped = dropYielded(of: op, f.regions(of: op), &f)
      return dropOperands(of: op, &f) || isDropped
    case _: return false
    }
  }

  private func dropYielded(
    of op: OpID, _ yielding: [BlockID], _ f: inout Function, parameters: [BlockID] = []
  ) -> Bool {
    let live = f.results(of: op).map { isLiveValue[$0.index] }
    guard live.contains(false) else { return false }
    for block in yielding {
      guard let end = f.terminator(of: block) else { continue }
      f.setOperands(kept(f.operands(of: end), live), of: end)
    }
    eraseReaders(of: f.results(of: op), live, &f)
    f.keepResults(of: op) { live[$0] }
    for block in parameters {
      eraseReaders(of: f.parameters(of: block), live, &f)
      f.keepParameters(of: block) { live[$0] }
    }
    return true
  }

  private func dropOperands(of op: OpID, _ f: inout Function) -> Bool {
    let body = f.region(0, of: op)
    let live = f.parameters(of: body).map { isLiveValue[$0.index] }
    guard live.contains(false) else { return false }
    eraseReaders(of: f.parameters(of: body), live, &f)
    f.keepParameters(of: body) { live[$0] }
    f.setOperands(kept(f.operands(of: op), live), of: op)
    return true
  }

  /// Erases the ops that read values that are about to go: they are dead as well.
  private func eraseReaders(of values: [ValueID], _ live: [Bool], _ f: inout Function) {
    var doomed: [OpID] = []
    for (value, isLive) in zip(values, live) where !isLive { doomed += f.uses(of: value).map(\.op) }
    while let op = doomed.last {
      if f.isErased(op) {
        doomed.removeLast()
        continue
      }
      let readers = f.results(of: op).flatMap { f.uses(of: $0).map(\.op) }
      if readers.isEmpty {
        f.erase(op)
        doomed.removeLast()
      } else {
        doomed += readers
      }
    }
  }

  private func kept(_ values: [ValueID], _ live: [Bool]) -> [ValueID] {
    values.indices.filter { live[$0] }.map { values[$0] }
  }
}

extension Function {
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
