import ApusIR
import ApusTensor

/// The part of a matrix product that is being computed.
private struct MatrixProduct {
  let site: ContractionSite
  /// The index of each batch axis.
  let batch: [ValueID]
  let k: Dim
  let firstRow: ValueID
  let rows: ValueID
  let firstColumn: ValueID
  let columns: ValueID
  /// What the task's rows and columns are at most, where that is known.
  let mostRows: Int?
  let mostColumns: Int?
}

extension KernelLowering {
  /// Lowers a batched matrix product: tasks over the batch and blocks of rows and of columns. In each, blocks of the depth;
  /// for each of them the right side in panels of the register block's width, packed before or now, then blocks of rows
  /// that stay in L2, and the micro-kernel over all panels.
  mutating func lowerMatmul() throws {
    let site = ContractionSite(self)
    let shape = emitter.dims(of: site.result)
    let batch = Array(shape.dropLast(2))
    let (m, n) = (shape[shape.count - 2], shape[shape.count - 1])
    guard let k = emitter.dims(of: host.operand(0, of: site.op)).last else { return }
    let (rows, columns) = (emitter.size(m), emitter.size(n))
    let rowTask = task(schedule.tiles.first, of: m, multiple: site.rows)
    let columnTask = task(schedule.tiles.dropFirst().first, of: n, multiple: site.columns)
    let one = emitter.builder.index(1)
    let counts =
      batch.map { emitter.size($0) } + [
        rowTask.map { ceilDivide(rows, $0) } ?? one, columnTask.map { ceilDivide(columns, $0) } ?? one,
      ]
    let tasks = counts.reduce(one) { emitter.builder.multiply($0, $1) }
    let kind: LoopBuilder.LoopKind = schedule.parallelAxis == nil ? .serial : .parallel(grain: schedule.grain)
    try loop(emitter.builder.index(0), tasks, kind: kind) { lowering, number, _ in
      var indices = lowering.unflatten(number, counts)
      func part(_ size: ValueID, _ task: Int?) -> (start: ValueID, size: ValueID) {
        let index = indices.removeLast()
        guard let task else { return (lowering.emitter.builder.index(0), size) }
        let start = lowering.emitter.builder.multiply(index, task)
        return (start, lowering.part(of: size, from: start, atMost: task))
      }
      let columnPart = part(columns, columnTask)
      let rowPart = part(rows, rowTask)
      try lowering.product(
        MatrixProduct(
          site: site, batch: indices, k: k, firstRow: rowPart.start, rows: rowPart.size, firstColumn: columnPart.start,
          columns: columnPart.size, mostRows: rowTask ?? m.constantValue, mostColumns: columnTask ?? n.constantValue))
      return []
    }
  }

  /// How much of an axis a task takes: nil is all of it.
  private func task(_ tile: Int?, of size: Dim, multiple: Int) -> Int? {
    guard let tile, tile > 0 else { return nil }
    let rounded = max(multiple, tile / multiple * multiple)
    if let known = size.constantValue, known <= rounded { return nil }
    return rounded
  }

  /// A task: its rows and columns, over all of the depth.
  private mutating func product(_ matrix: MatrixProduct) throws {
    let site = matrix.site
    let zero = emitter.builder.index(0)
    guard depthBound(matrix.k) == nil, !outputHoldsSums(site) else {
      return try depthBlocks(matrix.k, site) { lowering, start, size, step in
        try lowering.depthBlock(matrix, from: start, size: size) { lowering, lhs, rhs, row, rows in
          let (first, column) = (lowering.emitter.builder.add(matrix.firstRow, row), matrix.firstColumn)
          let rank = matrix.batch.count
          let out = MatrixPlace(
            buffer: lowering.outputs[0], indices: matrix.batch + [first, column], axes: [rank, rank + 1])
          try lowering.contract(site, lhs, rhs, out, depth: size, rows: rows, columns: matrix.columns, step) {
            lowering, i, j in
            matrix.batch.map { .fixed($0) } + [
              .fixed(lowering.emitter.builder.add(first, i)),
              Position(value: lowering.emitter.builder.add(column, j), laneStride: 1),
            ]
          }
        }
      }
    }
    // Sums over a depth of any length, in a type that the output does not have.
    guard let height = matrix.mostRows, let width = matrix.mostColumns else {
      preconditionFailure("a product of unknown depth is cut into blocks of rows and columns")
    }
    let sums = emitter.builder.scratch(site.accumulator, [height, roundedUp(width, to: site.columns)])
    try depthBlocks(matrix.k, site) { lowering, start, size, step in
      try lowering.depthBlock(matrix, from: start, size: size) { lowering, lhs, rhs, row, rows in
        let out = MatrixPlace(buffer: sums, indices: [row, zero], axes: [0, 1])
        try lowering.contract(
          site, lhs, rhs, out, depth: size, rows: rows, columns: matrix.columns, step, positions: nil)
      }
    }
    try finish(sums, matrix)
  }

  /// Runs the epilogue over sums that are complete.
  private mutating func finish(_ sums: ValueID, _ matrix: MatrixProduct) throws {
    let element = emitter.element(of: matrix.site.result)
    try loop(emitter.builder.index(0), matrix.rows) { lowering, i, _ in
      try lowering.vectorizedOrScalar { lowering in
        try lowering.vectorLoop(matrix.columns) { lowering, j, _, _ in
          let sum = lowering.emitter.builder.load(sums, [i, j], lanes: lowering.emitter.lanes)
          lowering.emitter.known[matrix.site.result] = .register(lowering.emitter.builder.convert(sum, to: element))
          let at = matrix.batch.map { Position.fixed($0) } + [
            .fixed(lowering.emitter.builder.add(matrix.firstRow, i)),
            Position(
              value: lowering.emitter.builder.add(matrix.firstColumn, j),
              laneStride: lowering.emitter.lanes == nil ? 0 : 1),
          ]
          lowering.store(try lowering.emitter.emit(lowering.results[0], at: at), lowering.outputs[0], at)
          return []
        }
      }
      return []
    }
  }

  /// A block of the depth: `body` gets the places of both sides for one block of rows after the other, the number of its
  /// first row in the task, and how many there are.
  private mutating func depthBlock(
    _ matrix: MatrixProduct, from start: ValueID, size: ValueID,
    _ body: (inout KernelLowering, _ lhs: MatrixPlace, _ rhs: MatrixPlace, _ row: ValueID, _ rows: ValueID) throws -> Void
  ) throws {
    let site = matrix.site
    let rank = matrix.batch.count
    let right = host.operand(1, of: site.op)
    let rhs: MatrixPlace
    if let buffer = operandBuffer(right), host.type(of: right).layout != nil || !schedule.packing.contains(.rhs) {
      rhs = MatrixPlace(
        buffer: buffer, indices: matrix.batch + [start, matrix.firstColumn], axes: [rank, rank + 1])
    } else {
      rhs = try packedColumns(matrix, from: start, depth: size)
    }
    let left = host.operand(0, of: site.op)
    let copies = schedule.packing.contains(.lhs) && host.type(of: left).layout == nil
    let direct = copies ? nil : operandBuffer(left)
    let height = leftBlock(matrix, isCopied: direct == nil)
    func rowBlock(_ lowering: inout KernelLowering, _ row: ValueID, _ rows: ValueID) throws {
      let first = lowering.emitter.builder.add(matrix.firstRow, row)
      let lhs: MatrixPlace
      if let direct {
        lhs = MatrixPlace(buffer: direct, indices: matrix.batch + [first, start], axes: [rank, rank + 1])
      } else {
        lhs = try lowering.copiedRows(matrix, first: first, rows: rows, room: height ?? 1, from: start, depth: size)
      }
      try body(&lowering, lhs, rhs, row, rows)
    }
    guard let height else { return try rowBlock(&self, emitter.builder.index(0), matrix.rows) }
    if let most = matrix.mostRows, most <= height { return try rowBlock(&self, emitter.builder.index(0), matrix.rows) }
    try loop(emitter.builder.index(0), matrix.rows, step: height) { lowering, row, _ in
      try rowBlock(&lowering, row, lowering.part(of: matrix.rows, from: row, atMost: height))
      return []
    }
  }

  /// Rows of the left side that are worked on at once; nil is all of the task.
  private func leftBlock(_ matrix: MatrixProduct, isCopied: Bool) -> Int? {
    let rows = matrix.site.rows
    if schedule.tiles.count > 3, schedule.tiles[3] > 0 { return max(rows, schedule.tiles[3] / rows * rows) }
    return isCopied ? min(matrix.mostRows.map { roundedUp($0, to: rows) } ?? 8 * rows, 8 * rows) : nil
  }

  // MARK: Packing

  /// Copies a block of the left side, computing it if it is no operand, into scratch memory whose rows do not lie a
  /// power of two apart, so that they do not drive each other out of the cache.
  private mutating func copiedRows(
    _ matrix: MatrixProduct, first: ValueID, rows: ValueID, room: Int, from start: ValueID, depth: ValueID
  ) throws -> MatrixPlace {
    let site = matrix.site
    let left = host.operand(0, of: site.op)
    let pitch = roundedUp(max(scratchDepth(matrix.k, site), 1), to: site.columns)
    let block = emitter.builder.scratch(site.accumulator, [room, pitch % 256 == 0 ? pitch + site.columns : pitch])
    let zero = emitter.builder.index(0)
    try loop(zero, rows) { lowering, i, _ in
      try lowering.vectorizedOrScalar { lowering in
        try lowering.vectorLoop(depth) { lowering, p, _, _ in
          let at = matrix.batch.map { Position.fixed($0) } + [
            .fixed(lowering.emitter.builder.add(first, i)),
            Position(
              value: lowering.emitter.builder.add(start, p), laneStride: lowering.emitter.lanes == nil ? 0 : 1),
          ]
          try lowering.storeConverted(left, at: at, site.accumulator, block, [i, p])
          return []
        }
      }
      return []
    }
    return MatrixPlace(buffer: block, indices: [zero, zero], axes: [0, 1])
  }

  /// Copies a block of the right side, computing it if it is no operand, into panels of scratch memory. A row goes to all
  /// panels before the next one, as it lies in memory.
  private mutating func packedColumns(_ matrix: MatrixProduct, from start: ValueID, depth: ValueID) throws -> MatrixPlace {
    let site = matrix.site
    let right = host.operand(1, of: site.op)
    guard let most = matrix.mostColumns else { preconditionFailure("a right side that is packed is cut into blocks") }
    let size = max(scratchDepth(matrix.k, site), 1)
    let count = max(1, (most + site.columns - 1) / site.columns)
    // As whole rows of panels to write, as a matrix whose layout says so to read.
    let rows = emitter.builder.scratch(site.accumulator, [count, size, site.columns])
    let panels = emitter.builder.emit(
      .view, [rows],
      TensorType(
        site.accumulator, [.constant(size), .constant(count * site.columns)], form: .buffer,
        layout: .panels(rank: 2, axis: 1, width: site.columns)))
    let zero = emitter.builder.index(0)
    let whole = emitter.builder.divide(matrix.columns, emitter.builder.index(site.columns))
    let rest = emitter.builder.remainder(matrix.columns, emitter.builder.index(site.columns))
    func position(_ lowering: inout KernelLowering, _ p: ValueID, _ column: ValueID) -> [Position] {
      matrix.batch.map { Position.fixed($0) } + [
        .fixed(lowering.emitter.builder.add(start, p)),
        Position(value: column, laneStride: lowering.emitter.lanes == nil ? 0 : 1),
      ]
    }
    try loop(zero, depth) { lowering, p, _ in
      try lowering.vectorizedOrScalar { lowering in
        let width = lowering.schedule.vectorLanes
        try lowering.loop(zero, whole) { lowering, panel, _ in
          let offset = lowering.emitter.builder.multiply(panel, site.columns)
          let column = lowering.emitter.builder.add(matrix.firstColumn, offset)
          let saved = lowering.emitter.lanes
          lowering.emitter.lanes = width > 1 ? width : nil
          defer { lowering.emitter.lanes = saved }
          func vector(_ lowering: inout KernelLowering, _ lane: ValueID) throws {
            let at = position(&lowering, p, lowering.emitter.builder.add(column, lane))
            try lowering.storeConverted(right, at: at, site.accumulator, rows, [panel, p, lane])
          }
          if width > 1 {
            for lane in stride(from: 0, to: site.columns, by: width) { try vector(&lowering, lowering.emitter.builder.index(lane)) }
          } else {
            try lowering.loop(zero, lowering.emitter.builder.index(site.columns)) { lowering, lane, _ in
              try vector(&lowering, lane)
              return []
            }
          }
          return []
        }
      }
      if lowering.emitter.builder.constant(rest) == 0 { return [] }
      try lowering.vectorizedOrScalar { lowering in
        let offset = lowering.emitter.builder.multiply(whole, site.columns)
        let first = lowering.emitter.builder.add(matrix.firstColumn, offset)
        let unroll = lowering.schedule.unroll
        lowering.schedule.unroll = 1
        try lowering.vectorLoop(rest) { lowering, j, _, _ in
          let at = position(&lowering, p, lowering.emitter.builder.add(first, j))
          try lowering.storeConverted(right, at: at, site.accumulator, rows, [whole, p, j])
          return []
        }
        lowering.schedule.unroll = unroll
      }
      return []
    }
    return MatrixPlace(buffer: panels, indices: [zero, zero], axes: [0, 1])
  }

  /// Computes a value of the body and stores it in another type.
  private mutating func storeConverted(
    _ value: ValueID, at positions: [Position], _ element: ElementType, _ buffer: ValueID, _ indices: [ValueID]
  ) throws {
    let converted = emitter.builder.convert(try emitter.emit(value, at: positions), to: element)
    emitter.builder.store(emitter.builder.splat(converted, lanes: emitter.lanes), buffer, indices)
  }
}
