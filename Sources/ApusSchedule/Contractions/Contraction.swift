import ApusIR
import ApusSupport
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
  /// Of the right side: how far each tap of a channel lies along the columns; empty where there are no taps.
  var taps: [Int] = []
}

/// Where a block of the depth stands among the others.
enum DepthStep {
  case only
  /// One of several: conditions, as registers, that it is the first and that it is the last. It may be both where the depth is
  /// not known.
  case several(isFirst: ValueID, isLast: ValueID, mayBeOne: Bool)
}

extension KernelLowering {
  /// The buffer of a value that is one of the kernel's operands as it is.
  func operandBuffer(_ value: ValueID) -> ValueID? {
    host.definingOp(of: value) == nil ? emitter.buffers[value] : nil
  }

  /// Emits the micro-kernel for a block of the depth: from zero in the first one, from the sums in the output in all others,
  /// finished in the last one. `positions` maps the row and the vector of columns that it finishes to the positions of the
  /// result; `nil` leaves out the epilogue.
  mutating func contract(
    _ site: ContractionSite, _ lhs: MatrixPlace, _ rhs: MatrixPlace, _ out: MatrixPlace, depth: ValueID,
    rows: ValueID, columns: ValueID, _ step: DepthStep, positions: ResultPositions?
  ) throws {
    // Sums that are the result need no epilogue.
    let isResult = results[0] == site.result && outputHoldsSums(site)
    let positions = isResult ? nil : positions
    func emit(_ lowering: inout KernelLowering, isFirst: Bool, isLast: Bool) throws {
      try lowering.contract(
        site, lhs, rhs, out, depth: depth, rows: rows, columns: columns, accumulate: !isFirst,
        positions: isLast || isPlanted(.sumsAreFinishedWhileTheyGrow) ? positions : nil)
    }
    switch step {
    case .only: try emit(&self, isFirst: true, isLast: true)
    case .several(let isFirst, let isLast, let mayBeOne):
      if positions == nil { return try branch(isFirst) { try emit(&$0, isFirst: $1, isLast: false) } }
      try branch(isLast) { lowering, last in
        if last, !mayBeOne { return try emit(&lowering, isFirst: false, isLast: true) }
        try lowering.branch(isFirst) { try emit(&$0, isFirst: $1, isLast: last) }
      }
    }
  }

  typealias ResultPositions = (inout KernelLowering, _ row: ValueID, _ column: ValueID) -> [Position]

  /// Runs `body` for each value of a condition.
  private mutating func branch(_ condition: ValueID, _ body: (inout KernelLowering, Bool) throws -> Void) rethrows {
    let op = emitter.builder.emit(.if, [condition], [])
    for (index, value) in [true, false].enumerated() {
      let scope = emitter.openScope()
      let outer = emitter.builder.enter(region: index, of: op)
      try body(&self, value)
      emitter.builder.leave(to: outer, yielding: [])
      emitter.close(scope)
    }
  }

  private mutating func contract(
    _ site: ContractionSite, _ lhs: MatrixPlace, _ rhs: MatrixPlace, _ out: MatrixPlace, depth: ValueID,
    rows: ValueID, columns: ValueID, accumulate: Bool, positions: ResultPositions?
  ) throws {
    var attributes = [
      NamedAttribute("lhs_axes", .ints(lhs.axes)), NamedAttribute("rhs_axes", .ints(rhs.axes)),
      NamedAttribute("out_axes", .ints(out.axes)), NamedAttribute("block", .ints([site.rows, site.columns])),
    ]
    if schedule.unroll > 1 { attributes.append(NamedAttribute("unroll", .int(schedule.unroll))) }
    if !rhs.taps.isEmpty { attributes.append(NamedAttribute("taps", .ints(rhs.taps))) }
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

  /// Runs `body` for each block of the depth; once for a depth of zero.
  mutating func depthBlocks(
    _ depth: Dim, _ site: ContractionSite,
    _ body: (inout KernelLowering, _ start: ValueID, _ size: ValueID, DepthStep) throws -> Void
  ) throws {
    let isWhole = depthBound(depth) != nil
    try blocks(of: depth, by: depthBlock(depth, site) ?? (isWhole ? nil : runtimeDepthBlock), body)
  }

  /// Runs `body` for each block of a size, all of it at once where `block` is nil; once for a size of zero.
  mutating func blocks(
    of depth: Dim, by block: Int?,
    _ body: (inout KernelLowering, _ start: ValueID, _ size: ValueID, DepthStep) throws -> Void
  ) throws {
    let size = emitter.size(depth)
    guard let block else { return try body(&self, emitter.builder.index(0), size, .only) }
    let upper = depth.constantValue == nil ? emitter.builder.maximum(size, emitter.builder.index(1)) : size
    try loop(emitter.builder.index(0), upper, step: block) { lowering, start, _ in
      let isEven = depth.constantValue.map { $0 % block == 0 } ?? false
      let count =
        isEven ? lowering.emitter.builder.index(block) : lowering.part(of: size, from: start, atMost: block)
      let end = lowering.emitter.builder.add(start, block)
      let step = DepthStep.several(
        isFirst: lowering.emitter.builder.compare(.equal, start, lowering.emitter.builder.index(0)),
        isLast: lowering.emitter.builder.compare(.greaterEqual, end, size), mayBeOne: depth.constantValue == nil)
      try body(&lowering, start, count, step)
      return []
    }
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
