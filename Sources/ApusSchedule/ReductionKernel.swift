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
    let plan = ReductionPlan(body: body, results: results, host: host)
    if let flat = flatReduction(plan) {
      try lowerReduction(plan, over: flat)
    } else {
      let kept = plan.shape.indices.filter { !plan.axes.contains($0) }
      try lowerReduction(plan, over: Sweep(kept: kept, reduced: plan.axes, sizes: plan.shape.map(emitter.local)))
    }
  }

  /// The axes that are looped over: those of the body's values, or two flat ones.
  private struct Sweep {
    var kept: [Int]
    var reduced: [Int]
    var sizes: [Dim]

    var lanesAreRows: Bool { (reduced.last ?? -1) < (kept.last ?? -1) }
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
    _ axes: ArraySlice<Int>, _ plan: ReductionPlan, _ sweep: Sweep, at positions: [Position]
  ) throws {
    guard let axis = axes.first else { return try row(plan, sweep, at: positions) }
    let size = emitter.builder.size(sweep.sizes[axis])
    let isParallel = axes.count == sweep.kept.count && schedule.parallelAxis != nil
    if axes.count == 1 && sweep.lanesAreRows {
      try vectorLoop(size) { lowering, counter, inner, _ in
        var inside = positions
        inside[axis] = .along(axis, counter, lanes: lowering.emitter.lanes)
        try lowering.row(plan, sweep, at: inside)
        return inner
      }
      return
    }
    let kind: LoopBuilder.LoopKind = isParallel ? .parallel(grain: schedule.grain) : .serial
    try loop(emitter.builder.index(0), size, kind: kind) { lowering, counter, _ in
      var inside = positions
      inside[axis] = .along(axis, counter)
      try lowering.rows(axes.dropFirst(), plan, sweep, at: inside)
      return []
    }
  }

  /// All sweeps of one row, or of as many neighbouring rows as there are lanes.
  private mutating func row(_ plan: ReductionPlan, _ sweep: Sweep, at positions: [Position]) throws {
    // What one row knows is stale in the next.
    let scope = emitter.openScope()
    defer { emitter.close(scope) }
    var room = spareOutputs(plan, sweep)
    for (index, folds) in plan.sweeps.enumerated() {
      var stored: [(value: ValueID, buffer: ValueID)] = []
      for value in plan.kept[index] ?? [] {
        guard let found = room.firstIndex(where: { emitter.element(of: results[$0]) == emitter.element(of: value) })
        else { continue }
        stored.append((value, outputs[room.remove(at: found)]))
      }
      let folded = try fold(folds, sweep, at: positions, storing: stored)
      for (op, register) in zip(folds, folded) { emitter.known[host.result(of: op)] = .register(register) }
      for (value, buffer) in stored { emitter.known[value] = .buffer(buffer, firstAxis: 0) }
    }
    for (index, result) in results.enumerated() where !isFullShape(result, plan) {
      let at = reducedPositions(of: result, plan, sweep, positions)
      store(try emitter.emit(result, at: at), outputs[index], at)
    }
    let full = results.indices.filter { isFullShape(results[$0], plan) }
    guard !full.isEmpty else { return }
    try sweepReduced(sweep, at: positions) { lowering, inside, _, _ in
      // A buffer may hold a value that another result is computed from: all are computed before any is stored.
      var computed: [ValueID] = []
      for index in full { computed.append(try lowering.emitter.emit(lowering.results[index], at: inside)) }
      for (index, value) in zip(full, computed) { lowering.store(value, lowering.outputs[index], inside) }
      return []
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

  // MARK: Sweeps

  /// Runs over the reduced axes; the innermost loop is a vector loop unless lanes are rows.
  @discardableResult
  private mutating func sweepReduced(
    _ sweep: Sweep, at positions: [Position], carrying initial: [ValueID] = [],
    folding: (inout KernelLowering, [ValueID]) -> [ValueID] = { $1 },
    _ body: (inout KernelLowering, [Position], [ValueID], Int) throws -> [ValueID]
  ) throws -> [ValueID] {
    try sweepReduced(sweep.reduced[...], sweep, at: positions, carrying: initial, folding: folding, body)
  }

  private mutating func sweepReduced(
    _ axes: ArraySlice<Int>, _ sweep: Sweep, at positions: [Position], carrying initial: [ValueID],
    folding: (inout KernelLowering, [ValueID]) -> [ValueID],
    _ body: (inout KernelLowering, [Position], [ValueID], Int) throws -> [ValueID]
  ) throws -> [ValueID] {
    guard let axis = axes.first else { return try body(&self, positions, initial, 0) }
    let size = emitter.builder.size(sweep.sizes[axis])
    if axes.count == 1 && !sweep.lanesAreRows {
      return try vectorLoop(size, carrying: initial, folding: folding) { lowering, counter, carried, copy in
        var inside = positions
        inside[axis] = .along(axis, counter, lanes: lowering.emitter.lanes)
        return try body(&lowering, inside, carried, copy)
      }
    }
    return try loop(emitter.builder.index(0), size, carrying: initial) { lowering, counter, carried in
      var inside = positions
      inside[axis] = .along(axis, counter)
      return try lowering.sweepReduced(axes.dropFirst(), sweep, at: inside, carrying: carried, folding: folding, body)
    }
  }

  /// Folds the operands of `folds` in one sweep, and stores some values on the way.
  private mutating func fold(
    _ folds: [OpID], _ sweep: Sweep, at positions: [Position], storing stored: [(value: ValueID, buffer: ValueID)]
  ) throws -> [ValueID] {
    let foldings = folds.map { Folding($0, in: host) }
    // Lanes of one fold must meet at the end of each innermost loop, so with several reduced axes the
    // accumulators that cross the outer ones are scalars.
    let isLaneFold = !sweep.lanesAreRows && schedule.vectorLanes > 1 && foldings.allSatisfy { !$0.isArg }
    let saved = schedule
    if !sweep.lanesAreRows && !isLaneFold { schedule.vectorLanes = 1 }
    defer { schedule = saved }

    let rows = sweep.lanesAreRows ? emitter.lanes : nil
    var initial: [ValueID] = []
    for folding in foldings { initial += folding.initial(&emitter, lanes: rows) }
    let widths = foldings.map(\.registers)

    let final = try sweepFold(sweep, at: positions, initial: initial, foldings, widths, isLaneFold, stored)
    return foldings.indices.map { index in
      let first = widths[..<index].reduce(0, +)
      return foldings[index].finish(&emitter, Array(final[first..<first + widths[index]]))
    }
  }

  private mutating func sweepFold(
    _ sweep: Sweep, at positions: [Position], initial: [ValueID], _ foldings: [Folding], _ widths: [Int],
    _ isLaneFold: Bool, _ stored: [(value: ValueID, buffer: ValueID)]
  ) throws -> [ValueID] {
    func step(_ lowering: inout KernelLowering, _ inside: [Position], _ carried: [ValueID]) throws -> [ValueID] {
      for (value, buffer) in stored {
        lowering.store(try lowering.emitter.emit(value, at: inside), buffer, inside)
      }
      var next: [ValueID] = []
      for (index, folding) in foldings.enumerated() {
        let x = try lowering.emitter.emit(folding.operand, at: inside)
        let state = Array(carried[next.count..<next.count + widths[index]])
        next += folding.step(&lowering.emitter, state, x, index: inside[folding.axis(sweep.sizes.count)].value)
      }
      return next
    }
    guard isLaneFold else {
      return try sweepReduced(sweep, at: positions, carrying: initial) { lowering, inside, carried, _ in
        try step(&lowering, inside, carried)
      }
    }
    // The outer reduced axes carry scalars; each innermost loop starts vectors at the neutral element.
    return try outerReduced(sweep.reduced.dropLast()[...], sweep, at: positions, carrying: initial) {
      lowering, inside, carried in
      let axis = sweep.reduced[sweep.reduced.count - 1]
      let size = lowering.emitter.builder.size(sweep.sizes[axis])
      let copies = max(lowering.schedule.unroll, 1)
      let lanes = lowering.schedule.vectorLanes
      var vectors: [ValueID] = []
      for _ in 0..<copies {
        for folding in foldings { vectors += folding.initial(&lowering.emitter, lanes: lanes) }
      }
      let width = foldings.count
      return try lowering.vectorLoop(
        size, carrying: vectors,
        folding: { lowering, all in
          foldings.indices.map { index in
            var parts = (0..<copies).map { all[$0 * width + index] }
            while parts.count > 1 {
              let half = parts.count / 2
              parts = (0..<half).map { foldings[index].combine(&lowering.emitter, parts[$0], parts[$0 + half]) }
                + parts[(2 * half)...]
            }
            let folded = foldings[index].foldLanes(&lowering.emitter, parts[0])
            return foldings[index].combine(&lowering.emitter, carried[index], folded)
          }
        }
      ) { lowering, counter, state, copy in
        var at = inside
        at[axis] = .along(axis, counter, lanes: lowering.emitter.lanes)
        if lowering.emitter.lanes == nil { return try step(&lowering, at, state) }
        var next = state
        let own = Array(state[copy * width..<(copy + 1) * width])
        next.replaceSubrange(copy * width..<(copy + 1) * width, with: try step(&lowering, at, own))
        return next
      }
    }
  }

  private mutating func outerReduced(
    _ axes: ArraySlice<Int>, _ sweep: Sweep, at positions: [Position], carrying initial: [ValueID],
    _ body: (inout KernelLowering, [Position], [ValueID]) throws -> [ValueID]
  ) throws -> [ValueID] {
    guard let axis = axes.first else { return try body(&self, positions, initial) }
    let size = emitter.builder.size(sweep.sizes[axis])
    return try loop(emitter.builder.index(0), size, carrying: initial) { lowering, counter, carried in
      var inside = positions
      inside[axis] = .along(axis, counter)
      return try lowering.outerReduced(axes.dropFirst(), sweep, at: inside, carrying: carried, body)
    }
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
}
