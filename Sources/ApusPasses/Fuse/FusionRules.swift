import ApusIR
import ApusSupport

extension KernelFusion {
  /// See `fuseElementwise`.
  func mapIntoMap(_ pair: Pair, recomputing: Bool) -> Decision {
    let (producer, consumer) = (summary(pair.producer), summary(pair.consumer))
    guard producer.kind == .map, consumer.kind == .map, fits(pair) else { return .apart }
    // Better computed with a contraction, which then may write straight into the concat's result.
    if consumer.pieces > 0, pair.access.pattern == .moved, pair.isSole, isEpilogue(pair.producer) { return .apart }
    return intoMap(pair, producer, consumer, recomputing: recomputing)
  }

  /// See `fuseEpilogues`.
  func contractionIntoMap(_ pair: Pair) -> Decision {
    let (producer, consumer) = (summary(pair.producer), summary(pair.consumer))
    guard producer.kind == .contraction, consumer.kind == .map, consumer.isPackable,
      pair.isSole, pair.isLocal, fits(pair),
      pair.access.pattern <= (isPlanted(.movedReadsMakeEpilogues) ? .moved : .aligned),
      f.resultCount(of: pair.consumer) == 1,
      f.symbols.areEqual(dims(of: pair.consumer), dims(of: pair.producer))
    else { return .apart }
    return .move
  }

  /// See `fuseReductions`.
  func aroundReduction(_ pair: Pair) -> Decision {
    let (producer, consumer) = (summary(pair.producer), summary(pair.consumer))
    switch (producer.kind, consumer.kind) {
    case (.map, .reduction):
      guard fits(pair), producer.pieces == 0 else { return .apart }
      return intoMap(pair, producer, consumer)
    case (.reduction, .map), (.reduction, .reduction):
      guard pair.isSole, pair.isLocal, fits(pair), consumer.pieces == 0, !consumer.isIndexed, isKernel(pair) else {
        return .apart
      }
      return .move
    case (.map, .map), (.map, .contraction), (.map, .single), (.reduction, .contraction), (.reduction, .single),
      (.contraction, _), (.single, _):
      return .apart
    }
  }

  /// See `fusePrologues`.
  func mapIntoContraction(_ pair: Pair) -> Decision {
    let (producer, consumer) = (summary(pair.producer), summary(pair.consumer))
    guard producer.kind == .map, consumer.kind == .contraction, producer.isPackable, fits(pair) else { return .apart }
    if pair.access.pattern == .repeated {
      // A conv reads each element once for each position of its window.
      guard producer.isCheap(pair.producer, f), producer.isTransport || !isConv(pair.consumer) else { return .apart }
    }
    return intoMap(pair, producer, consumer)
  }

  /// See `fuseOutputs`.
  func keepingOutputs(_ pair: Pair) -> Decision {
    let (producer, consumer) = (summary(pair.producer), summary(pair.consumer))
    guard pair.isLocal, fits(pair), producer.pieces == 0, consumer.pieces == 0, !producer.isIndexed, !consumer.isIndexed
    else { return .apart }
    switch (producer.kind, consumer.kind) {
    case (.map, .map): guard pair.access.pattern == .aligned else { return .apart }
    case (.map, .reduction), (.reduction, .map), (.reduction, .reduction): break
    case (.map, .contraction), (.map, .single), (.reduction, .contraction), (.reduction, .single), (.contraction, _),
      (.single, _):
      return .apart
    }
    guard f.resultCount(of: pair.producer) + f.resultCount(of: pair.consumer) <= FusionLimits.results,
      pair.access.pattern == .aligned || producer.kind == .reduction, othersComeLater(pair),
      isKernel(pair, keeping: true)
    else { return .apart }
    return .keep
  }
}

// MARK: - Conditions

extension KernelFusion {
  /// Whether a producer of kind `map` is worth merging, and how.
  private func intoMap(
    _ pair: Pair, _ producer: KernelSummary, _ consumer: KernelSummary, recomputing: Bool = true
  ) -> Decision {
    if producer.isIndexed {
      // Every index is checked, so no element may be left out.
      guard !pair.access.isPartial, pair.access.pattern == .aligned, consumer.cost <= FusionLimits.besideGather else {
        return .apart
      }
    }
    if producer.pieces > 0 {
      guard consumer.kind == .map, pair.access.pattern == .aligned,
        producer.pieces + consumer.pieces <= FusionLimits.pieces
      else { return .apart }
    }
    if consumer.pieces > FusionLimits.pieces { return .apart }
    let isCheap = producer.isCheap(pair.producer, f)
    if pair.isSole, pair.isLocal, pair.access.pattern != .repeated || isCheap { return .move }
    guard isCheap, producer.cost == 0 || (pair.isLocal && recomputing),
      consumer.recomputed + producer.cost <= FusionLimits.recomputedTotal
    else { return .apart }
    return .copy
  }

  /// Whether a map is all that reads a contraction, index by index, perhaps by way of others.
  private func isEpilogue(_ map: OpID) -> Bool {
    var kernel = map
    for _ in 0..<FusionLimits.readersAsked {
      let accesses = summary(kernel).accesses
      guard summary(kernel).isPackable, f.resultCount(of: kernel) == 1 else { return false }
      var sources: [OpID] = []
      for (operand, access) in zip(f.operands(of: kernel), accesses) where access?.pattern == .aligned {
        guard let source = f.definingOp(of: operand), f.opcode(of: source) == .kernel, f.resultCount(of: source) == 1,
          f.useCount(of: operand) == 1, f.block(of: source) == f.block(of: map), dims(of: source) == dims(of: kernel)
        else { continue }
        sources.append(source)
      }
      if sources.contains(where: { summary($0).kind == .contraction }) { return true }
      guard let next = sources.first(where: { summary($0).kind == .map }) else { return false }
      kernel = next
    }
    return false
  }

  private func fits(_ pair: Pair) -> Bool {
    let shared = Set(f.operands(of: pair.producer)).intersection(f.operands(of: pair.consumer)).count
    let operands =
      f.operandCount(of: pair.producer) + f.operandCount(of: pair.consumer) - shared - pair.slots.count
    return summary(pair.producer).ops + summary(pair.consumer).ops <= FusionLimits.bodyOps
      && operands <= FusionLimits.operands
  }

  /// Whether both bodies together make a kernel of which each row can be computed by itself, with rows that are not
  /// too long.
  private func isKernel(_ pair: Pair, keeping: Bool = false) -> Bool {
    let (source, body) = (f.region(0, of: pair.producer), f.region(0, of: pair.consumer))
    guard let first = f.terminator(of: source), let last = f.terminator(of: body) else { return false }
    var shape = KernelShape()
    guard shape.add(source, of: f) else { return false }
    let yielded = f.operands(of: first)
    let parameters = f.parameters(of: body)
    for slot in pair.slots {
      shape.setLevel(shape.level(of: yielded[f.index(of: f.operand(slot, of: pair.consumer))]), of: parameters[slot])
    }
    guard shape.add(body, of: f) else { return false }
    // A kernel may yield its own operand, which now is the producer's.
    var results = f.operands(of: last)
    if keeping { results += outsideReaders(of: pair).map { yielded[$0] } }
    guard shape.finish(results, of: f) else { return false }
    // With one element in each row, what is reduced and what is not have the same shape.
    if shape.kind == .reduction, shape.reducedAxes.allSatisfy({ shape.dims[$0] == 1 }) { return false }
    guard shape.kind == .reduction, summary(pair.producer).kind == .reduction else { return true }
    let isWritten = f.operands(of: last).contains { shape.level(of: $0) == .full || f.type(of: $0).dims == shape.dims }
    return !isWritten || isShort(shape)
  }

  /// The results of the producer that others than the consumer read.
  private func outsideReaders(of pair: Pair) -> [Int] {
    let read = Set(pair.slots.map { f.operand($0, of: pair.consumer) })
    return f.results(of: pair.producer).enumerated()
      .filter { f.useCount(of: $1) > (read.contains($1) ? 1 : 0) }.map(\.offset)
  }

  private func isShort(_ shape: KernelShape) -> Bool {
    let row = shape.reducedAxes.map { shape.dims[$0].constantValue ?? 1 }
    return row.reduce(1) { $0.multipliedReportingOverflow(by: $1).overflow ? .max : $0 * $1 }
      <= FusionLimits.rowElements
  }

  private func dims(of kernel: OpID) -> [Dim] { f.type(of: f.result(of: kernel)).dims }

  private func isConv(_ kernel: OpID) -> Bool {
    f.ops(in: f.region(0, of: kernel)).contains { f.opcode(of: $0) == .conv || f.opcode(of: $0) == .convInteger }
  }
}
