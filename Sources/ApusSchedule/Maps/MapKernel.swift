import ApusIR

extension KernelLowering {
  /// Lowers a kernel whose results are computed element by element: loops over the axes of the
  /// result, the last one in vectors where the lanes' operands lie in a row.
  mutating func lowerMap() throws {
    interleaves = canInterleave
    if let split = flatSplit() { return try lowerFlat(split) }
    let done = piecesInPlace()
    for domain in piecewiseDomains() where !done.contains(where: { domain[$0.axis] == $0.piece }) {
      emitter.domain = domain
      let transpose = blockTranspose()
      try vectorizedOrScalar { lowering in
        if let transpose, lowering.schedule.vectorLanes > 1 {
          try lowering.lowerTransposed(transpose, over: domain)
        } else {
          try lowering.nest(over: domain)
        }
      }
    }
  }

  mutating func nest(over domain: [Interval]) throws {
    var order = Array(domain.indices)
    // The parallel axis comes first; the last axis stays innermost, where the vectors are.
    if let parallel = schedule.parallelAxis, parallel < domain.count - 1 {
      order.removeAll { $0 == parallel }
      order.insert(parallel, at: 0)
    }
    let start = Position.fixed(emitter.builder.index(0))
    try nest(order[...], domain, at: [Position](repeating: start, count: domain.count))
  }

  private mutating func nest(_ order: ArraySlice<Int>, _ domain: [Interval], at positions: [Position]) throws {
    guard let axis = order.first else { return try storeResults(at: positions) }
    let lower = emitter.builder.size(domain[axis].lower)
    let upper = emitter.builder.size(domain[axis].upper)
    let isParallel = schedule.parallelAxis == axis
    if order.count == 1 {
      return try innermost(axis, lower, upper, at: positions, isParallel: isParallel)
    }
    try loop(lower, upper, kind: isParallel ? .parallel(grain: schedule.grain) : .serial) { lowering, counter, _ in
      var inner = positions
      inner[axis] = .along(axis, counter)
      try lowering.nest(order.dropFirst(), domain, at: inner)
      return []
    }
  }

  /// The innermost loop: vectors, then single elements. A parallel one is cut into chunks first, so
  /// that each thread runs a vector loop of its own.
  private mutating func innermost(
    _ axis: Int, _ lower: ValueID, _ upper: ValueID, at positions: [Position], isParallel: Bool
  ) throws {
    let span = emitter.builder.subtract(upper, lower)
    try chunks(of: span, grain: isParallel ? schedule.grain : nil) { lowering, start, count in
      try lowering.row(axis, lowering.emitter.builder.add(lower, start), count, at: positions)
    }
  }

  private mutating func row(_ axis: Int, _ start: ValueID, _ count: ValueID, at positions: [Position]) throws {
    try vectorLoop(count) { lowering, counter, _, _ in
      var inner = positions
      let index = lowering.emitter.builder.add(start, counter)
      inner[axis] = .along(axis, index, lanes: lowering.emitter.lanes)
      try lowering.storeResults(at: inner)
      return []
    }
  }

  mutating func storeResults(at positions: [Position]) throws {
    for (index, result) in results.enumerated() {
      store(try emitter.emit(result, at: positions), outputs[index], positions)
    }
  }

  // MARK: Pieces

  /// The pieces of the result that need not be computed. What is not cut along their ends is copied onto itself.
  private func piecesInPlace() -> [(axis: Int, piece: Interval)] {
    guard !inPlace.isEmpty, let concat = host.definingOp(of: results[0]), host.opcode(of: concat) == .concat else { return [] }
    let axis = host.int("axis", of: concat) ?? 0
    var start: Dim = 0
    var pieces: [(axis: Int, piece: Interval)] = []
    for (index, operand) in host.operands(of: concat).enumerated() {
      guard let end = try? Dim.sum(start, emitter.local(emitter.dims(of: operand)[axis])) else { return pieces }
      if inPlace.contains(index) { pieces.append((axis, Interval(lower: start, upper: end))) }
      start = end
    }
    return pieces
  }

  /// The iteration space cut where a `concat` or `pad` passes from one piece to the next, as far as
  /// the cuts are known to be in order; what is not cut is decided element by element.
  private func piecewiseDomains() -> [[Interval]] {
    let shape = emitter.dims(of: results[0]).map(emitter.local)
    let symbols = emitter.builder.function.symbols
    var domains: [[Interval]] = [[]]
    for (axis, size) in shape.enumerated() {
      var cuts: [Dim] = [0]
      for cut in boundaries(along: axis) where symbols.lessOrEqual(cut, size) == .yes {
        guard let last = cuts.last, symbols.lessOrEqual(last, cut) == .yes else { continue }
        if last != cut { cuts.append(cut) }
      }
      if cuts.count > 1, cuts.last == size { cuts.removeLast() }
      let ends = cuts.dropFirst() + [size]
      let intervals = zip(cuts, ends).map { Interval(lower: $0, upper: $1) }
      // Many pieces make much code; beyond a few, elements decide for themselves.
      let limited = domains.count * intervals.count <= 16 ? intervals : [Interval(lower: 0, upper: size)]
      domains = domains.flatMap { domain in limited.map { domain + [$0] } }
    }
    return domains
  }

  /// Cuts along an axis made by the concats and pads that yield results directly or through elementwise ops.
  private func boundaries(along axis: Int) -> [Dim] {
    var cuts: [Dim] = []
    var pending = results
    var seen: Set<ValueID> = []
    while let value = pending.popLast() {
      guard seen.insert(value).inserted, let op = host.definingOp(of: value) else { continue }
      switch host.opcode(of: op) {
      case .concat where host.int("axis", of: op) == axis:
        var end: Dim = 0
        for input in host.operands(of: op) {
          end = (try? Dim.sum(end, emitter.dims(of: input)[axis])) ?? end
          cuts.append(emitter.local(end))
        }
      case .pad:
        guard let low = host.dims("low", of: op)?[axis], (host.ints("interior", of: op) ?? []).allSatisfy({ $0 == 0 })
        else { continue }
        cuts.append(emitter.local(low))
        if let end = try? Dim.sum(low, emitter.dims(of: host.operand(0, of: op))[axis]) { cuts.append(emitter.local(end)) }
      case let code where code.isElementwise: pending += host.operands(of: op)
      default: continue
      }
    }
    let symbols = emitter.builder.function.symbols
    return cuts.sorted { symbols.lessOrEqual($0, $1) == .yes && $0 != $1 }
  }
}

extension Position {
  /// The position of a counter that runs along an axis of the iteration space, one lane after the other.
  static func along(_ axis: Int, _ counter: ValueID, lanes: Int? = nil) -> Position {
    Position(value: counter, laneStride: lanes == nil ? 0 : 1, source: .init(axis: axis, scale: 1, offset: 0))
  }
}
