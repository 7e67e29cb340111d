import ApusIR
import ApusTensor

/// What the lowerings of all contractions share: the blocking, the epilogue and the micro-kernel's operands.
struct ContractionSite {
  let op: OpID
  let result: ValueID
  let accumulator: ElementType
  /// Rows and columns of the register block.
  let rows: Int
  let columns: Int
  let lanes: Int

  init(_ lowering: KernelLowering) {
    guard let op = lowering.host.ops(in: lowering.body).first(where: { lowering.host.opcode(of: $0).isContraction })
    else { preconditionFailure("a contraction kernel has a contraction") }
    self.op = op
    let host = lowering.host
    result = host.result(of: op)
    accumulator = ApusSchedule.accumulator(of: host.type(of: host.operand(0, of: op)).element, host.opcode(of: op))
    rows = lowering.schedule.registerBlock[0]
    columns = lowering.schedule.registerBlock[1]
    lanes = max(1, lowering.schedule.vectorLanes)
  }
}

/// A matrix operand of the micro-kernel: its buffer, where to start, and the axes it walks.
struct MatrixPlace {
  var buffer: ValueID
  var indices: [ValueID]
  /// Of the left side: row and depth; of the right: depth and column; of the output: row and column.
  var axes: [Int]
}

extension KernelLowering {
  /// The buffer of a value that is one of the kernel's operands as it is.
  func operandBuffer(_ value: ValueID) -> ValueID? {
    host.definingOp(of: value) == nil ? emitter.buffers[value] : nil
  }

  /// Emits the micro-kernel. `positions` maps the row and the vector of columns that it finishes to
  /// the positions of the result; `nil` leaves out the epilogue, for sums that are not complete.
  mutating func contract(
    _ site: ContractionSite, _ lhs: MatrixPlace, _ rhs: MatrixPlace, _ out: MatrixPlace, depth: ValueID,
    rows: ValueID, columns: ValueID, accumulate: Bool,
    positions: ((inout KernelLowering, _ row: ValueID, _ column: ValueID) -> [Position])?
  ) throws {
    var attributes = [
      NamedAttribute("lhs_axes", .ints(lhs.axes)), NamedAttribute("rhs_axes", .ints(rhs.axes)),
      NamedAttribute("out_axes", .ints(out.axes)), NamedAttribute("block", .ints([site.rows, site.columns])),
    ]
    if schedule.unroll > 1 { attributes.append(NamedAttribute("unroll", .int(schedule.unroll))) }
    if accumulate { attributes.append(NamedAttribute("accumulate", .bool(true))) }
    let op = emitter.builder.emit(
      .contract, [lhs.buffer, rhs.buffer, out.buffer, depth, rows, columns] + lhs.indices + rhs.indices + out.indices,
      [], attributes: attributes)
    let scope = emitter.openScope()
    let outer = emitter.builder.enter(region: 0, of: op)
    guard let positions else {
      emitter.builder.leave(to: outer, yielding: [])
      emitter.close(scope)
      return
    }
    let row = emitter.builder.addParameter(.index)
    let column = emitter.builder.addParameter(.index)
    let sum = emitter.builder.addParameter(.register(site.accumulator, lanes: site.lanes))
    let saved = emitter.lanes
    emitter.lanes = site.lanes
    let stored = emitter.builder.convert(sum, to: emitter.element(of: site.result))
    emitter.known[site.result] = .register(stored)
    let at = positions(&self, row, column)
    let value = try emitter.emit(results[0], at: at)
    emitter.builder.leave(to: outer, yielding: [emitter.builder.splat(value, lanes: site.lanes)])
    emitter.lanes = saved
    emitter.close(scope)
  }

  /// Whether partial sums may wait in the output: it has their type.
  func outputHoldsSums(_ site: ContractionSite) -> Bool {
    emitter.element(of: results[0]) == site.accumulator && emitter.element(of: site.result) == site.accumulator
  }

  /// The parts the depth is cut into, even ones; a single one where sums cannot wait, or where the size is not known.
  func depthBlock(_ depth: Dim, _ site: ContractionSite) -> Int? {
    guard let size = depth.constantValue, schedule.tiles.count > 2, schedule.tiles[2] > 0, size > schedule.tiles[2],
      outputHoldsSums(site)
    else { return nil }
    let parts = (size + schedule.tiles[2] - 1) / schedule.tiles[2]
    return ((size + parts - 1) / parts + 7) / 8 * 8
  }

  /// The largest a depth can be, where that is small enough to be kept in one piece; `nil` has it cut while running.
  func depthBound(_ depth: Dim) -> Int? {
    if let size = depth.constantValue { return size }
    guard let bound = host.symbols.bounds(of: depth).upper, bound <= 2 * runtimeDepthBlock else { return nil }
    return bound
  }

  /// Depth of the scratch panels.
  func scratchDepth(_ depth: Dim, _ site: ContractionSite) -> Int {
    depthBlock(depth, site) ?? depthBound(depth) ?? runtimeDepthBlock
  }

  private var runtimeDepthBlock: Int { schedule.tiles.count > 2 ? max(schedule.tiles[2], 8) : 256 }

  /// min(limit, size − start).
  mutating func part(of size: ValueID, from start: ValueID?, atMost limit: Int) -> ValueID {
    let rest = start.map { emitter.builder.subtract(size, $0) } ?? size
    return emitter.builder.minimum(rest, emitter.builder.index(limit))
  }

  /// Runs `body` for each block of the depth, telling whether it is the first and the last.
  mutating func depthBlocks(
    _ depth: Dim, _ site: ContractionSite,
    _ body: (inout KernelLowering, _ start: ValueID, _ size: ValueID, _ isFirst: Bool, _ isLast: Bool) throws -> Void
  ) throws {
    if depthBound(depth) == nil {
      // Sums wait in cleared memory and are finished afterwards, so every block is like the others.
      let (block, size) = (runtimeDepthBlock, emitter.size(depth))
      try loop(emitter.builder.index(0), size, step: block) { lowering, start, _ in
        try body(&lowering, start, lowering.part(of: size, from: start, atMost: block), false, false)
        return []
      }
      return
    }
    guard let block = depthBlock(depth, site), let size = depth.constantValue else {
      return try body(&self, emitter.builder.index(0), emitter.size(depth), true, true)
    }
    let last = (size - 1) / block * block
    try body(&self, emitter.builder.index(0), emitter.builder.index(block), true, false)
    try loop(emitter.builder.index(block), emitter.builder.index(last), step: block) { lowering, start, _ in
      try body(&lowering, start, lowering.emitter.builder.index(block), false, false)
      return []
    }
    try body(&self, emitter.builder.index(last), emitter.builder.index(size - last), false, true)
  }

  /// Splits a task's number into one index for each count, the last fastest.
  mutating func unflatten(_ task: ValueID, _ counts: [ValueID]) -> [ValueID] {
    var rest = task
    var indices: [ValueID] = []
    for (position, count) in counts.enumerated().reversed() {
      if position == 0 {
        indices.append(rest)
      } else {
        indices.append(emitter.builder.remainder(rest, count))
        rest = emitter.builder.divide(rest, count)
      }
    }
    return indices.reversed()
  }

  mutating func ceilDivide(_ a: ValueID, _ b: Int) -> ValueID {
    emitter.builder.divide(emitter.builder.add(a, b - 1), emitter.builder.index(b))
  }
}
