import ApusIR
import ApusSupport

/// Merges kernels of one function, as far as a pass's rule wants it.
///
/// Kernels that read are visited from the last to the first, so that a chain is moved op by op and
/// not over and over. A merged kernel stands where its reader stood; nothing else changes place.
struct KernelFusion {
  /// What a rule decides about a kernel and a producer of one of its operands.
  enum Decision: Hashable, Sendable {
    case apart
    /// Move the producer into its reader; it must have no other.
    case move
    /// Compute the producer in the reader, too.
    case copy
    /// Move the producer into its reader, and yield its results as well for those who read them later.
    case keep
  }

  /// A kernel and the producer of one of its operands.
  struct Pair {
    var producer: OpID
    var consumer: OpID
    /// The operands of the consumer that are results of the producer.
    var slots: [Int]
    /// Nobody else reads the producer.
    var isSole: Bool
    /// Both stand in one block.
    var isLocal: Bool
    /// How the consumer reads the producer's results together.
    var access: Access
  }

  private(set) var f: Function
  private var summaries: [KernelSummary?] = []
  /// By index of an op: where it stands in its block.
  private var positions: [Int] = []
  /// Kernels that have taken in others.
  private var merged: Set<OpID> = []
  /// Merges made, and pairs that a rule was asked about.
  private(set) var merges = 0
  private(set) var questions = 0

  /// Takes the function; give it back with `f` when done.
  init(_ function: consuming Function) {
    f = function
    positions = Array(repeating: 0, count: f.opCapacity)
    summaries = Array(repeating: nil, count: f.opCapacity)
    var count = 0
    f.forEachOp { op in
      positions[op.index] = count
      count += 1
    }
  }

  /// Merges until the rule wants no more.
  mutating func run(_ rule: (borrowing KernelFusion, Pair) -> Decision) {
    let kernels = f.allOps().filter { f.opcode(of: $0) == .kernel }
    var worklist = Worklist(kernels.reversed(), capacity: f.opCapacity)
    while let consumer = worklist.next() {
      guard !f.isErased(consumer) else { continue }
      let before = merges
      while mergeOne(into: consumer, rule) {}
      guard merges > before else { continue }
      // What has become of the kernel may suit its readers now.
      for result in f.results(of: consumer) where f.useCount(of: result) <= FusionLimits.readersAsked {
        for (reader, _) in f.uses(of: result) where f.opcode(of: reader) == .kernel { worklist.add(reader) }
      }
    }
    locateMerged()
  }

  func summary(_ kernel: OpID) -> KernelSummary { summaries[kernel.index] ?? KernelSummary(kernel, f) }

  // MARK: Pairs

  /// Merges one producer into a kernel, if there is one to merge.
  private mutating func mergeOne(into consumer: OpID, _ rule: (borrowing KernelFusion, Pair) -> Decision) -> Bool {
    cache(consumer)
    var asked: Set<OpID> = []
    for value in f.operands(of: consumer) {
      guard let producer = producer(of: value, for: consumer), asked.insert(producer).inserted
      else { continue }
      cache(producer)
      pullReshapes(between: producer, and: consumer)
      let pair = self.pair(producer, consumer)
      questions += 1
      let decision = pair.slots.isEmpty ? .apart : rule(self, pair)
      switch decision {
      case .apart: continue
      case .move: precondition(pair.isSole && pair.isLocal, "moving a kernel away from its readers")
      case .copy, .keep: break
      }
      merges += 1
      merge(pair, decision)
      return true
    }
    return false
  }

  /// The kernel that makes a value, directly or under a shape with other axes of size 1.
  private func producer(of value: ValueID, for consumer: OpID) -> OpID? {
    // An earlier operand may have taken the reshape along.
    guard let op = f.definingOp(of: value), !f.isErased(op) else { return nil }
    switch f.opcode(of: op) {
    case .kernel: return op
    case .reshape:
      guard f.isUnitReshape(op), f.block(of: op) == f.block(of: consumer), isComputedByRow(consumer),
        let source = f.definingOp(of: f.operand(0, of: op), .kernel), f.block(of: source) == f.block(of: consumer),
        isComputedByRow(source)
      else { return nil }
      return source
    case _: return nil
    }
  }

  private func isComputedByRow(_ kernel: OpID) -> Bool {
    switch summary(kernel).kind {
    case .map, .reduction: true
    case .contraction, .single: false
    }
  }

  private func pair(_ producer: OpID, _ consumer: OpID) -> Pair {
    let results = f.results(of: producer)
    var slots: [Int] = []
    var access: Access?
    let accesses = summary(consumer).accesses
    for (slot, value) in f.operands(of: consumer).enumerated() where f.definingOp(of: value) == producer {
      slots.append(slot)
      if let next = accesses[slot] { access = access.map { $0.and(next) } ?? next }
    }
    let read = Set(slots.map { f.operand($0, of: consumer) })
    return Pair(
      producer: producer, consumer: consumer, slots: slots,
      isSole: results.allSatisfy { f.useCount(of: $0) == (read.contains($0) ? 1 : 0) },
      isLocal: f.block(of: producer) == f.block(of: consumer), access: access ?? .aligned)
  }

  /// Whether everyone else who reads the producer stands after the consumer.
  func othersComeLater(_ pair: Pair) -> Bool {
    let block = f.block(of: pair.consumer)
    for result in f.results(of: pair.producer) {
      guard f.useCount(of: result) <= FusionLimits.readersAsked else { return false }
      for (reader, _) in f.uses(of: result) where reader != pair.consumer {
        guard let reader = f.ancestor(of: reader, in: block),
          position(reader) > position(pair.consumer) || isPlanted(.earlierReadersAreOverlooked)
        else {
          return false
        }
      }
    }
    return true
  }

  private func position(_ op: OpID) -> Int { op.index < positions.count ? positions[op.index] : .max }

  // MARK: Tables

  private mutating func cache(_ kernel: OpID) {
    grow(to: kernel)
    if summaries[kernel.index] == nil { summaries[kernel.index] = KernelSummary(kernel, f) }
  }

  /// Looks at a kernel anew after its operands have changed.
  private mutating func refresh(_ kernel: OpID) {
    let recomputed = summaries[kernel.index]?.recomputed ?? 0
    summaries[kernel.index] = KernelSummary(kernel, f)
    summaries[kernel.index]?.recomputed = recomputed
  }

  /// Says of each merged kernel that it came from wherever its ops did.
  private mutating func locateMerged() {
    for kernel in merged.sorted() where !f.isErased(kernel) {
      let ops = f.ops(in: f.region(0, of: kernel))
      f.setLocation(f.mergeLocations(ops.map { f.locationID(of: $0) }), of: kernel)
    }
  }

  private mutating func grow(to op: OpID) {
    while summaries.count <= op.index { summaries.append(nil) }
    while positions.count <= op.index { positions.append(.max) }
  }
}

// MARK: - Merging

extension KernelFusion {
  /// Moves or copies the producer's body to the start of the consumer's.
  private mutating func merge(_ pair: Pair, _ decision: Decision) {
    let (producer, consumer) = (pair.producer, pair.consumer)
    let (source, body) = (f.region(0, of: producer), f.region(0, of: consumer))
    let (before, after) = (summary(producer), summary(consumer))
    var operands = f.operands(of: consumer)
    var accesses = after.accesses
    let parameters = f.parameters(of: body)

    // The producer's parameters become the consumer's.
    let outer = before.kind == .map ? pair.access : .aligned
    var inner: [ValueID: ValueID] = [:]
    for (slot, (value, parameter)) in zip(f.operands(of: producer), f.parameters(of: source)).enumerated() {
      let access = before.accesses[slot].map { outer.through($0) }
      if let known = operands.firstIndex(of: value) {
        inner[parameter] = f.parameters(of: body)[known]
        if let access { accesses[known] = accesses[known].map { $0.and(access) } ?? access }
      } else {
        operands.append(value)
        accesses.append(access)
        inner[parameter] = f.addParameter(f.type(of: parameter), to: body)
      }
    }
    let yielded = decision == .copy ? copyBody(source, to: body, &inner) : moveBody(source, to: body, inner)

    // What the consumer read from outside is computed inside.
    for slot in pair.slots {
      let result = yielded[f.index(of: operands[slot])]
      if !f.isUnused(parameters[slot]) { f.replaceUses(of: parameters[slot], with: result) }
    }
    let kept = operands.indices.filter { !pair.slots.contains($0) }
    f.keepParameters(of: body) { !pair.slots.contains($0) }
    f.setOperands(kept.map { operands[$0] }, of: consumer)
    if decision == .keep { keepResults(of: producer, yielded, in: consumer) }
    if decision != .copy || f.results(of: producer).allSatisfy({ f.isUnused($0) }) { f.erase(producer) }
    summaries[consumer.index] = after.following(
      before, accesses: kept.map { accesses[$0] }, isCopy: decision == .copy)
    merged.insert(consumer)
  }

  private mutating func moveBody(_ source: BlockID, to body: BlockID, _ inner: [ValueID: ValueID]) -> [ValueID] {
    for (parameter, value) in inner where !f.isUnused(parameter) { f.replaceUses(of: parameter, with: value) }
    guard let end = f.terminator(of: source) else { preconditionFailure("a kernel's body ends in `yield`") }
    let yielded = f.operands(of: end)
    let first = f.firstOp(of: body)
    for op in f.ops(in: source) where op != end {
      f.move(op, to: first.map { .before($0) } ?? .end(of: body))
    }
    f.setOperands([], of: end)
    return yielded
  }

  private mutating func copyBody(_ source: BlockID, to body: BlockID, _ inner: inout [ValueID: ValueID]) -> [ValueID] {
    let first = f.firstOp(of: body)
    for op in f.ops(in: source) {
      let operands = f.operands(of: op).map { inner[$0] ?? $0 }
      if f.opcode(of: op).isTerminator { return operands }
      let copy = f.copy(op, operands: operands, at: first.map { .before($0) } ?? .end(of: body))
      for (old, new) in zip(f.results(of: op), f.results(of: copy)) { inner[old] = new }
    }
    preconditionFailure("a kernel's body ends in `yield`")
  }

  /// Yields the producer's results that others read from the merged kernel.
  private mutating func keepResults(of producer: OpID, _ yielded: [ValueID], in consumer: OpID) {
    let kept = f.results(of: producer).enumerated().filter { !f.isUnused($1) }
    guard !kept.isEmpty, let end = f.terminator(of: f.region(0, of: consumer)) else { return }
    f.setOperands(f.operands(of: end) + kept.map { yielded[$0.offset] }, of: end)
    let results = f.addResults(kept.map { f.type(of: $0.element) }, to: consumer)
    for (old, new) in zip(kept.map(\.element), results.suffix(kept.count)) {
      f.replaceUses(of: old, with: new)
      if let name = f.name(of: old) { f.setName(name, of: new) }
    }
  }

  /// Moves reshapes that only insert or drop axes of size 1, and stand between two kernels, into the reader.
  private mutating func pullReshapes(between producer: OpID, and consumer: OpID) {
    var operands = f.operands(of: consumer)
    let body = f.region(0, of: consumer)
    var dropped: Set<Int> = []
    for slot in operands.indices {
      guard let reshape = f.definingOp(of: operands[slot], .reshape), f.isUnitReshape(reshape),
        f.definingOp(of: f.operand(0, of: reshape)) == producer
      else { continue }
      let source = f.operand(0, of: reshape)
      let parameter: ValueID
      if let known = operands.firstIndex(of: source) {
        parameter = f.parameters(of: body)[known]
      } else {
        operands.append(source)
        parameter = f.addParameter(f.type(of: source), to: body)
      }
      let copy = f.copy(reshape, operands: [parameter], at: .start(of: body))
      let old = f.parameters(of: body)[slot]
      if !f.isUnused(old) { f.replaceUses(of: old, with: f.result(of: copy)) }
      dropped.insert(slot)
    }
    if dropped.isEmpty { return }
    let read = dropped.compactMap { f.definingOp(of: operands[$0]) }
    f.keepParameters(of: body) { !dropped.contains($0) }
    f.setOperands(operands.indices.filter { !dropped.contains($0) }.map { operands[$0] }, of: consumer)
    for reshape in read where f.isUnused(f.result(of: reshape)) { f.erase(reshape) }
    refresh(consumer)
  }
}

extension Function {
  /// Whether a reshape only inserts or drops axes of size 1.
  func isUnitReshape(_ op: OpID) -> Bool {
    let source = type(of: operand(0, of: op)).dims
    return source.filter { $0 != 1 } == type(of: result(of: op)).dims.filter { $0 != 1 }
  }
}
