internal import CLLVM

/// Structured control flow in SSA form: what a branch or an iteration changes is passed along and given back.
extension Emitter {
  /// Runs `body` for lower, lower + step, … below upper, signed, with step > 0; not at all when the range is empty.
  /// `body` gets the index and the carried values and returns their next values; the last ones are the result.
  /// upper + step must not overflow.
  @discardableResult
  func forLoop(
    _ lower: CodeValue, _ upper: CodeValue, step: CodeValue, carrying initial: [CodeValue] = [],
    _ body: (_ index: CodeValue, _ carried: [CodeValue]) -> [CodeValue]
  ) -> [CodeValue] {
    let range = knownRange(lower, upper)
    if let range, range.isEmpty { return initial }
    if let range, let step = knownInteger(step), range.count <= step { return body(lower, initial) }
    let before = currentBlock
    // Testing at the bottom lets loads be hoisted: the body is known to run once it is entered.
    let preheader = range == nil ? block("loop.enter") : before
    let loop = block("loop")
    let exit = block("loop.exit")
    if range == nil {
      branch(if: compare(lower, .less, upper), to: preheader, else: exit)
      position(at: preheader)
    }
    branch(to: loop)

    position(at: loop)
    let counter = phi(lower.type)
    let carried = initial.map { phi($0.type) }
    let next = body(counter, carried)
    precondition(next.count == initial.count, "a loop body returns one value for each carried one")
    let latch = currentBlock
    let advanced = value(LLVMBuildNSWAdd(builder, counter.ref, step.ref, ""))
    branch(if: compare(advanced, .less, upper), to: loop, else: exit)
    addIncoming(counter, [(lower, preheader), (advanced, latch)])
    for ((phi, first), last) in zip(zip(carried, initial), next) {
      addIncoming(phi, [(first, preheader), (last, latch)])
    }

    position(at: exit)
    return zip(initial, next).map { first, last in
      let result = phi(first.type)
      addIncoming(result, range == nil ? [(first, before), (last, latch)] : [(last, latch)])
      return result
    }
  }

  @discardableResult
  func forLoop(
    _ lower: CodeValue, _ upper: CodeValue, step: Int = 1, carrying initial: [CodeValue] = [],
    _ body: (_ index: CodeValue, _ carried: [CodeValue]) -> [CodeValue]
  ) -> [CodeValue] {
    forLoop(lower, upper, step: int(step, lower.type), carrying: initial, body)
  }

  /// A loop that carries nothing.
  func forLoop(_ lower: CodeValue, _ upper: CodeValue, step: Int = 1, _ body: (CodeValue) -> Void) {
    forLoop(lower, upper, step: step, carrying: []) { index, _ in
      body(index)
      return []
    }
  }

  /// Ends the function's prologue: what `inPrologue` adds later runs before all that follows.
  func beginBody() {
    let body = block("body")
    branch(to: body)
    position(at: body)
  }

  /// Emits straight-line code at the end of the current function's prologue, whose values every block may use.
  func inPrologue<Result>(_ emit: () -> Result) -> Result {
    let resume = currentBlock
    let entry = built(LLVMGetEntryBasicBlock(currentFunction))
    guard resume != entry, let end = LLVMGetBasicBlockTerminator(entry) else { return emit() }
    LLVMPositionBuilderBefore(builder, end)
    defer { position(at: resume) }
    return emit()
  }

  /// Runs one side and gives its values. A side that ends in `returnVoid` or `unreachable` gives none, and the other
  /// side's values go on.
  @discardableResult
  func ifElse(
    _ condition: CodeValue, then: () -> [CodeValue], else otherwise: () -> [CodeValue]
  ) -> [CodeValue] {
    let blocks = (yes: block("then"), no: block("else"), join: block("join"))
    branch(if: condition, to: blocks.yes, else: blocks.no)
    let sides = [
      side(from: blocks.yes, to: blocks.join, then), side(from: blocks.no, to: blocks.join, otherwise),
    ].compactMap { $0 }
    position(at: blocks.join)
    guard let first = sides.first else {
      unreachable()
      return []
    }
    precondition(sides.allSatisfy { $0.values.count == first.values.count }, "both sides give equally many values")
    return first.values.indices.map { i in
      let result = phi(first.values[i].type)
      addIncoming(result, sides.map { ($0.values[i], $0.end) })
      return result
    }
  }

  /// Runs `body` where the condition holds.
  func ifThen(_ condition: CodeValue, _ body: () -> Void) {
    if knownInteger(condition) == 0 { return }
    let (yes, join) = (block("then"), block("join"))
    branch(if: condition, to: yes, else: join)
    _ = side(from: yes, to: join) {
      body()
      return []
    }
    position(at: join)
  }

  /// Runs `body` while `condition` gives true for the carried values; the last ones are the result.
  @discardableResult
  func whileLoop(
    carrying initial: [CodeValue], while condition: ([CodeValue]) -> CodeValue,
    _ body: ([CodeValue]) -> [CodeValue]
  ) -> [CodeValue] {
    let before = currentBlock
    let (head, start, exit) = (block("while"), block("while.body"), block("while.exit"))
    branch(to: head)
    position(at: head)
    let carried = initial.map { phi($0.type) }
    let go = condition(carried)
    branch(if: go, to: start, else: exit)
    position(at: start)
    let next = body(carried)
    precondition(next.count == initial.count, "a loop body returns one value for each carried one")
    let latch = currentBlock
    branch(to: head)
    for ((phi, first), last) in zip(zip(carried, initial), next) {
      addIncoming(phi, [(first, before), (last, latch)])
    }
    position(at: exit)
    return carried
  }
}

extension Emitter {
  /// Emits one side of a branch; nil when it does not come out at `join`.
  private func side(
    from start: LLVMBasicBlockRef, to join: LLVMBasicBlockRef, _ body: () -> [CodeValue]
  ) -> (values: [CodeValue], end: LLVMBasicBlockRef)? {
    position(at: start)
    let values = body()
    guard !isTerminated else { return nil }
    let end = currentBlock
    branch(to: join)
    return (values, end)
  }

  /// The range between two integers that are known.
  private func knownRange(_ lower: CodeValue, _ upper: CodeValue) -> Range<Int>? {
    guard let first = knownInteger(lower), let end = knownInteger(upper) else { return nil }
    return first..<max(first, end)
  }

  private func block(_ name: String) -> LLVMBasicBlockRef {
    built(LLVMAppendBasicBlockInContext(context, currentFunction, name))
  }

  private func position(at block: LLVMBasicBlockRef) { LLVMPositionBuilderAtEnd(builder, block) }
  private func branch(to block: LLVMBasicBlockRef) { LLVMBuildBr(builder, block) }

  private func branch(if condition: CodeValue, to yes: LLVMBasicBlockRef, else no: LLVMBasicBlockRef) {
    LLVMBuildCondBr(builder, condition.ref, yes, no)
  }

  private func phi(_ type: CodeType) -> CodeValue { value(LLVMBuildPhi(builder, type.ref, "")) }

  private func addIncoming(_ phi: CodeValue, _ edges: [(CodeValue, LLVMBasicBlockRef)]) {
    var values: [LLVMValueRef?] = edges.map(\.0.ref)
    var blocks: [LLVMBasicBlockRef?] = edges.map(\.1)
    LLVMAddIncoming(phi.ref, &values, &blocks, UInt32(edges.count))
  }
}
