import ApusIR
import ApusSupport
import ApusTensor

extension KernelLowering {
  /// Lowers a kernel that folds axes: for each position of the kept axes, one sweep over the reduced
  /// ones for each level of folds, then one that computes the results of full shape.
  ///
  /// Where the last axis is reduced, lanes are partial folds that meet at the end of a sweep;
  /// otherwise lanes are neighbouring rows, each with a fold of its own.
  mutating func lowerReduction() throws {
    interleaves = canInterleave
    let plan = ReductionPlan(body: body, results: results, host: host)
    if let flat = flatReduction(plan) {
      try lowerReduction(plan, over: flat)
    } else {
      let kept = plan.shape.indices.filter { !plan.axes.contains($0) }
      try lowerReduction(plan, over: Sweep(kept: kept, reduced: plan.axes, sizes: plan.shape.map(emitter.local)))
    }
  }

  // MARK: Rows

  private mutating func lowerReduction(_ plan: ReductionPlan, over sweep: Sweep) throws {
    emitter.domain = sweep.sizes.map { Interval(lower: 0, upper: $0) }
    try vectorizedOrScalar { lowering in
      let start = Position.fixed(lowering.emitter.builder.index(0))
      try lowering.rows(sweep.kept[...], plan, sweep, at: [Position](repeating: start, count: sweep.sizes.count))
    }
  }

  private mutating func rows(
    _ axes: ArraySlice<Int>, _ plan: ReductionPlan, _ sweep: Sweep, at positions: [Position], isParallel: Bool = true
  ) throws {
    guard let axis = axes.first else { return try rows(plan, sweep, at: [positions]) }
    let size = emitter.builder.size(sweep.sizes[axis])
    // An axis of one row has nothing to share.
    let isShared = isParallel && schedule.parallelAxis != nil && sweep.sizes[axis] != 1
    let inner = axes.dropFirst().reduce(1) { $0 * max(sweep.sizes[$1].constantValue ?? 64, 1) }
    let grain = max(1, schedule.grain / inner)
    if axes.count == 1 && sweep.lanesAreRows {
      return try chunks(of: size, grain: isShared ? grain : nil) { lowering, start, count in
        try lowering.neighbours(start, count) { lowering, counter in
          var inside = positions
          inside[axis] = .along(axis, counter, lanes: lowering.emitter.lanes)
          try lowering.rows(plan, sweep, at: [inside])
        }
      }
    }
    let group = axes.count == 1 ? rowsAtOnce(sweep, along: axis) : 1
    let count = emitter.builder.divide(size, emitter.builder.index(group))
    let kind: LoopBuilder.LoopKind = isShared ? .parallel(grain: max(1, grain / group)) : .serial
    try loop(emitter.builder.index(0), count, kind: kind) { lowering, counter, _ in
      let first = lowering.emitter.builder.multiply(counter, group)
      let places = (0..<group).map { number in
        var inside = positions
        inside[axis] = .along(axis, lowering.emitter.builder.add(first, number))
        return inside
      }
      if axes.count == 1 {
        try lowering.rows(plan, sweep, at: places)
      } else {
        try lowering.rows(axes.dropFirst(), plan, sweep, at: places[0], isParallel: isParallel && !isShared)
      }
      return []
    }
  }

  /// A short row ends before a core is busy: the lanes of its folds meet one step after the other. Two rows at once fill
  /// the gaps, where no row would be left over.
  private func rowsAtOnce(_ sweep: Sweep, along axis: Int) -> Int {
    guard !sweep.lanesAreRows, schedule.vectorLanes > 1, let count = sweep.sizes[axis].constantValue,
      count % 2 == 0 || isPlanted(.lastOddRowIsLeftOut),
      let length = (try? Dim.product(sweep.reduced.map { sweep.sizes[$0] }))?.constantValue, length <= 1024
    else { return 1 }
    return 2
  }

  /// All sweeps of some rows; where lanes are rows, of as many neighbouring rows as there are lanes.
  private mutating func rows(_ plan: ReductionPlan, _ sweep: Sweep, at places: [[Position]]) throws {
    // What one row knows is stale in the next.
    let scope = emitter.openScope()
    defer { emitter.close(scope) }
    var known = places.map { _ in emitter.known }
    var room = spareOutputs(plan, sweep)
    for (index, folds) in plan.sweeps.enumerated() {
      var stored: [(value: ValueID, buffer: ValueID)] = []
      for value in plan.kept[index] ?? [] {
        guard let found = room.firstIndex(where: { emitter.element(of: results[$0]) == emitter.element(of: value) })
        else { continue }
        stored.append((value, outputs[isPlanted(.keptValuesShareARow) ? room[found] : room.remove(at: found)]))
      }
      let folded = try fold(folds, over: sweep, at: places, knowing: known, storing: stored)
      for row in places.indices {
        for (op, register) in zip(folds, folded[row]) { known[row][host.result(of: op)] = .register(register) }
        for (value, buffer) in stored { known[row][value] = .buffer(buffer, firstAxis: 0) }
      }
    }
    for (row, positions) in places.enumerated() {
      emitter.known = known[row]
      for (index, result) in results.enumerated() where !isFullShape(result, plan) {
        let at = reducedPositions(of: result, plan, sweep, positions)
        store(try emitter.emit(result, at: at), outputs[index], at)
      }
    }
    let full = results.indices.filter { isFullShape(results[$0], plan) }
    guard !full.isEmpty else { return }
    try visit(sweep, at: places) { lowering, row, inside in
      lowering.emitter.known = known[row]
      // A buffer may hold a value that another result is computed from: all are computed before any is stored.
      var computed: [ValueID] = []
      for index in full { computed.append(try lowering.emitter.emit(lowering.results[index], at: inside)) }
      for (index, value) in zip(full, computed) { lowering.store(value, lowering.outputs[index], inside) }
    }
  }

  private func isFullShape(_ value: ValueID, _ plan: ReductionPlan) -> Bool { emitter.dims(of: value) == plan.shape }

  /// Results of full shape whose buffers can hold a value until the last sweep overwrites it.
  private func spareOutputs(_ plan: ReductionPlan, _ sweep: Sweep) -> [Int] {
    results.indices.filter { isFullShape(results[$0], plan) }
  }

  /// A reduced value's positions: the kept axes, and 0 on axes it keeps with size 1.
  private mutating func reducedPositions(
    of value: ValueID, _ plan: ReductionPlan, _ sweep: Sweep, _ positions: [Position]
  ) -> [Position] {
    if emitter.flat != nil { return [positions[0]] }
    if host.type(of: value).rank == plan.shape.count {
      let zero = Position.fixed(emitter.builder.index(0))
      return positions.indices.map { sweep.reduced.contains($0) ? zero : positions[$0] }
    }
    return sweep.kept.map { positions[$0] }
  }

  // MARK: Flat reductions

  /// The two flat axes of a kernel that folds its trailing axes and whose operands run over all
  /// axes, the kept, the folded or none.
  private mutating func flatReduction(_ plan: ReductionPlan) -> Sweep? {
    let rank = plan.shape.count
    let split = rank - plan.axes.count
    guard plan.axes == Array(split..<rank), !(rank == 2 && split == 1), split > 0 || rank > 1 else { return nil }
    let flat = FlatShape(shape: plan.shape, split: split)
    let reduced = plan.shape[..<split] + [Dim](repeating: 1, count: rank - split)
    func isReduced(_ value: ValueID) -> Bool {
      let dims = emitter.dims(of: value)
      return dims == Array(reduced) || dims == Array(plan.shape[..<split])
    }
    for op in host.ops(in: body) where !host.opcode(of: op).isTerminator {
      let code = host.opcode(of: op)
      let result = host.result(of: op)
      let dims = emitter.dims(of: result)
      switch code {
      case .broadcast:
        guard dims == plan.shape else { return nil }
        let source = host.operand(0, of: op)
        guard let axes = host.ints("axes", of: op) else { return nil }
        let sizes = emitter.dims(of: source)
        guard zip(axes, sizes).allSatisfy({ $1 == 1 || $1 == plan.shape[$0] }) else { return nil }
        let wide = Set(zip(axes, sizes).filter { $1 != 1 }.map(\.0))
        let leading = (0..<split).filter { plan.shape[$0] != 1 }
        let trailing = (split..<rank).filter { plan.shape[$0] != 1 }
        let covers = [leading, trailing].map { side in side.count { wide.contains($0) } }
        guard covers[0] == 0 || covers[0] == leading.count, covers[1] == 0 || covers[1] == trailing.count else { return nil }
        // One number for all is read without an index, but not by what else reads it for each row.
        if wide.isEmpty, isReadForEachRow(source) { return nil }
      case .constant:
        guard case .scalar? = host.attribute("value", of: op) else { return nil }
      case .size: break
      case _ where code.isElementwise || code.isReduction:
        guard dims == plan.shape || isReduced(result) || dims.isEmpty else { return nil }
      default: return nil
      }
    }
    guard let parts = try? [plan.shape[..<split], plan.shape[split...]].map({ try Dim.product($0.map(emitter.local)) })
    else { return nil }
    emitter.flat = flat
    for parameter in host.parameters(of: body) {
      guard let buffer = emitter.buffers[parameter] else { continue }
      let sizes = emitter.dims(of: parameter)
      if sizes == plan.shape {
        emitter.buffers[parameter] = view(buffer, parts)
      } else if let use = host.uses(of: parameter).first(where: { host.opcode(of: $0.op) == .broadcast }),
        let axes = host.ints("axes", of: use.op)
      {
        switch flat.coverage(of: sizes, axes: axes) {
        case .none: emitter.buffers[parameter] = view(buffer, [])
        case .leading: emitter.buffers[parameter] = view(buffer, [parts[0]])
        case .trailing: emitter.buffers[parameter] = view(buffer, [parts[1]])
        case .all: emitter.buffers[parameter] = view(buffer, parts)
        }
      } else if isReduced(parameter) {
        emitter.buffers[parameter] = view(buffer, [parts[0]])
      }
    }
    for index in outputs.indices {
      outputs[index] = view(outputs[index], isFullShape(results[index], plan) ? parts : [parts[0]])
    }
    return Sweep(kept: [0], reduced: [1], sizes: parts)
  }

  /// Whether a value comes of operands of the kernel by other ways than a broadcast, without a fold in between.
  private func isReadForEachRow(_ value: ValueID) -> Bool {
    guard let op = host.definingOp(of: value) else {
      return host.uses(of: value).contains { host.opcode(of: $0.op) != .broadcast }
    }
    if host.opcode(of: op).isReduction || host.opcode(of: op) == .broadcast { return false }
    return host.operands(of: op).contains { operand in
      emitter.dims(of: operand).isEmpty ? false : isReadForEachRow(operand)
    }
  }
}
