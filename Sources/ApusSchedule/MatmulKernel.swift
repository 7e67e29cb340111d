import ApusIR
import ApusTensor

extension KernelLowering {
  /// Lowers a batched matrix product: tasks over the batch and blocks of columns (or of rows, where
  /// there are few columns); in each, blocks of the depth, the right side packed into panels of the
  /// register block's width, and the micro-kernel over the panels.
  mutating func lowerMatmul() throws {
    let site = ContractionSite(self)
    let shape = emitter.dims(of: site.result)
    let batch = Array(shape.dropLast(2))
    let (m, n) = (shape[shape.count - 2], shape[shape.count - 1])
    guard let k = emitter.dims(of: host.operand(0, of: site.op)).last else { return }
    let columnBlock = max(site.columns, schedule.tiles[1] / site.columns * site.columns)
    let rowBlock = max(site.rows, schedule.tiles[0] / site.rows * site.rows)
    // Sums over a depth of any length wait in scratch memory, which needs blocks of bounded height.
    let isUnbounded = depthBound(k) == nil
    let sharesRows = schedule.parallelAxis == batch.count || isUnbounded
    let (rows, columns) = (emitter.size(m), emitter.size(n))
    let blocks = sharesRows ? ceilDivide(rows, rowBlock) : ceilDivide(columns, columnBlock)
    let counts = batch.map { emitter.size($0) } + [blocks]
    let tasks = counts.reduce(emitter.builder.index(1)) { emitter.builder.multiply($0, $1) }
    let kind: LoopBuilder.LoopKind = schedule.parallelAxis == nil ? .serial : .parallel(grain: schedule.grain)
    try loop(emitter.builder.index(0), tasks, kind: kind) { lowering, task, _ in
      var indices = lowering.unflatten(task, counts)
      let block = indices.removeLast()
      var matrix = MatrixProduct(site: site, batch: indices, m: m, n: n, k: k)
      if sharesRows {
        matrix.firstRow = lowering.emitter.builder.multiply(block, rowBlock)
        matrix.rows = lowering.part(of: rows, from: matrix.firstRow, atMost: rowBlock)
        try lowering.loop(lowering.emitter.builder.index(0), columns, step: columnBlock) { lowering, start, _ in
          var inner = matrix
          inner.firstColumn = start
          inner.columns = lowering.part(of: columns, from: start, atMost: columnBlock)
          if isUnbounded { inner.sums = lowering.emitter.builder.scratch(site.accumulator, [rowBlock, columnBlock]) }
          try lowering.columnBlock(inner, columnBlock)
          return []
        }
      } else {
        matrix.firstRow = lowering.emitter.builder.index(0)
        matrix.rows = rows
        matrix.firstColumn = lowering.emitter.builder.multiply(block, columnBlock)
        matrix.columns = lowering.part(of: columns, from: matrix.firstColumn, atMost: columnBlock)
        try lowering.columnBlock(matrix, columnBlock)
      }
      return []
    }
  }

  /// One block of columns, all of the depth, and the rows of the task.
  private mutating func columnBlock(_ matrix: MatrixProduct, _ width: Int) throws {
    guard let firstColumn = matrix.firstColumn, let columns = matrix.columns else { return }
    let site = matrix.site
    let right = host.operand(1, of: site.op)
    let packed = packedPanels(of: right)
    let direct = packed == nil && !schedule.packing.contains(.rhs) ? operandBuffer(right) : nil
    if let sums = matrix.sums { try clear(sums, matrix) }
    try depthBlocks(matrix.k, site) { lowering, start, size, isFirst, isLast in
      var panels = packed
      if panels == nil && direct == nil {
        panels = try lowering.packColumns(matrix, width, from: start, depth: size)
      }
      let zero = lowering.emitter.builder.index(0)
      try lowering.loop(zero, columns, step: site.columns) { lowering, offset, _ in
        let column = lowering.emitter.builder.add(firstColumn, offset)
        let count = lowering.part(of: columns, from: offset, atMost: site.columns)
        let rhs: MatrixPlace
        if let direct {
          rhs = MatrixPlace(
            buffer: direct, indices: matrix.batch + [start, column], axes: [matrix.batch.count, matrix.batch.count + 1])
        } else if let panels {
          // Panels packed before all start at depth 0; a scratch block starts at this block's first.
          let isWhole = packed != nil
          let panel = lowering.emitter.builder.divide(isWhole ? column : offset, lowering.emitter.builder.index(site.columns))
          rhs = MatrixPlace(buffer: panels, indices: [panel, isWhole ? start : zero, zero], axes: [1, 2])
        } else {
          return []
        }
        try lowering.rowsOfPanel(
          matrix, rhs, column: column, columns: count, from: start, depth: size, isFirst: isFirst, isLast: isLast)
        return []
      }
    }
    if let sums = matrix.sums { try finish(sums, matrix) }
  }

  private mutating func clear(_ sums: ValueID, _ matrix: MatrixProduct) throws {
    guard let rows = matrix.rows, let columns = matrix.columns else { return }
    loop(emitter.builder.index(0), rows) { lowering, i, _ in
      lowering.vectorLoop(columns) { lowering, j, _, _ in
        let zero = lowering.emitter.builder.literal(.zero(matrix.site.accumulator), matrix.site.accumulator, lanes: lowering.emitter.lanes)
        lowering.emitter.builder.store(zero, sums, [i, j])
        return []
      }
      return []
    }
  }

  /// Runs the epilogue over sums that are complete.
  private mutating func finish(_ sums: ValueID, _ matrix: MatrixProduct) throws {
    guard let firstRow = matrix.firstRow, let rows = matrix.rows, let firstColumn = matrix.firstColumn,
      let columns = matrix.columns
    else { return }
    let element = emitter.element(of: matrix.site.result)
    try loop(emitter.builder.index(0), rows) { lowering, i, _ in
      try lowering.vectorizedOrScalar { lowering in
        try lowering.vectorLoop(columns) { lowering, j, _, _ in
          let sum = lowering.emitter.builder.load(sums, [i, j], lanes: lowering.emitter.lanes)
          lowering.emitter.known[matrix.site.result] = .register(lowering.emitter.builder.convert(sum, to: element))
          let at = matrix.batch.map { Position.fixed($0) } + [
            .fixed(lowering.emitter.builder.add(firstRow, i)),
            Position(
              value: lowering.emitter.builder.add(firstColumn, j), laneStride: lowering.emitter.lanes == nil ? 0 : 1),
          ]
          lowering.store(try lowering.emitter.emit(lowering.results[0], at: at), lowering.outputs[0], at)
          return []
        }
      }
      return []
    }
  }

  /// All rows of the task against one panel.
  private mutating func rowsOfPanel(
    _ matrix: MatrixProduct, _ rhs: MatrixPlace, column: ValueID, columns: ValueID, from start: ValueID,
    depth: ValueID, isFirst: Bool, isLast: Bool
  ) throws {
    guard let firstRow = matrix.firstRow, let rows = matrix.rows else { return }
    let site = matrix.site
    let left = host.operand(0, of: site.op)
    let outRank = matrix.batch.count
    func emit(_ lowering: inout KernelLowering, _ lhs: MatrixPlace, _ row: ValueID, _ count: ValueID) throws {
      var out = MatrixPlace(
        buffer: lowering.outputs[0], indices: matrix.batch + [row, column], axes: [outRank, outRank + 1])
      if let sums = matrix.sums, let firstColumn = matrix.firstColumn {
        let (i, j) = (lowering.emitter.builder.subtract(row, firstRow), lowering.emitter.builder.subtract(column, firstColumn))
        out = MatrixPlace(buffer: sums, indices: [i, j], axes: [0, 1])
      }
      try lowering.contract(
        site, lhs, rhs, out, depth: depth, rows: count, columns: columns, accumulate: !isFirst,
        positions: isLast
          ? { lowering, i, j in
            matrix.batch.map { .fixed($0) } + [
              .fixed(lowering.emitter.builder.add(row, i)),
              Position(value: lowering.emitter.builder.add(column, j), laneStride: 1),
            ]
          } : nil)
    }
    if let buffer = operandBuffer(left) {
      let lhs = MatrixPlace(buffer: buffer, indices: matrix.batch + [firstRow, start], axes: [outRank, outRank + 1])
      return try emit(&self, lhs, firstRow, rows)
    }
    // A computed left side: its rows are made block by block, for each panel anew.
    let height = site.rows
    let size = scratchDepth(matrix.k, site)
    try loop(emitter.builder.index(0), rows, step: height) { lowering, offset, _ in
      let row = lowering.emitter.builder.add(firstRow, offset)
      let count = lowering.part(of: rows, from: offset, atMost: height)
      let block = lowering.emitter.builder.scratch(site.accumulator, [height, max(size, 1)])
      try lowering.loop(lowering.emitter.builder.index(0), count) { lowering, i, _ in
        try lowering.vectorizedOrScalar { lowering in
          try lowering.vectorLoop(depth) { lowering, p, _, _ in
            let at = matrix.batch.map { Position.fixed($0) } + [
              .fixed(lowering.emitter.builder.add(row, i)),
              Position(
                value: lowering.emitter.builder.add(start, p), laneStride: lowering.emitter.lanes == nil ? 0 : 1),
            ]
            let value = lowering.emitter.builder.convert(try lowering.emitter.emit(left, at: at), to: site.accumulator)
            let spread = lowering.emitter.builder.splat(value, lanes: lowering.emitter.lanes)
            lowering.emitter.builder.store(spread, block, [i, p])
            return []
          }
        }
        return []
      }
      let zero = lowering.emitter.builder.index(0)
      try emit(&lowering, MatrixPlace(buffer: block, indices: [zero, zero], axes: [0, 1]), row, count)
      return []
    }
  }

  // MARK: Packing

  /// Panels of an operand that was packed when the model was compiled: [columns / width, depth, width].
  private func packedPanels(of value: ValueID) -> ValueID? {
    guard host.type(of: value).layout != nil else { return nil }
    return operandBuffer(value)
  }

  /// Copies a block of the right side, computing it if it is no operand, into panels of scratch memory.
  private mutating func packColumns(_ matrix: MatrixProduct, _ width: Int, from start: ValueID, depth: ValueID) throws
    -> ValueID
  {
    guard let firstColumn = matrix.firstColumn, let columns = matrix.columns else { preconditionFailure("no block") }
    let site = matrix.site
    let right = host.operand(1, of: site.op)
    let size = scratchDepth(matrix.k, site)
    let widest = min(width, (max(host.symbols.bounds(of: matrix.n).upper ?? width, 1) + site.columns - 1) / site.columns * site.columns)
    let panels = emitter.builder.scratch(site.accumulator, [widest / site.columns, max(size, 1), site.columns])
    let zero = emitter.builder.index(0)
    try loop(zero, columns, step: site.columns) { lowering, offset, _ in
      let count = lowering.part(of: columns, from: offset, atMost: site.columns)
      let panel = lowering.emitter.builder.divide(offset, lowering.emitter.builder.index(site.columns))
      let column = lowering.emitter.builder.add(firstColumn, offset)
      try lowering.loop(zero, depth) { lowering, p, _ in
        let row = Position.fixed(lowering.emitter.builder.add(start, p))
        try lowering.vectorizedOrScalar { lowering in
          try lowering.vectorLoop(count) { lowering, j, _, _ in
            let at = matrix.batch.map { Position.fixed($0) } + [
              row,
              Position(
                value: lowering.emitter.builder.add(column, j), laneStride: lowering.emitter.lanes == nil ? 0 : 1),
            ]
            let value = lowering.emitter.builder.convert(try lowering.emitter.emit(right, at: at), to: site.accumulator)
            let spread = lowering.emitter.builder.splat(value, lanes: lowering.emitter.lanes)
            lowering.emitter.builder.store(spread, panels, [panel, p, j])
            return []
          }
        }
        return []
      }
      return []
    }
    return panels
  }
}

/// The part of a matrix product that is being computed.
private struct MatrixProduct {
  let site: ContractionSite
  /// The index of each batch axis.
  let batch: [ValueID]
  let m: Dim
  let n: Dim
  let k: Dim
  var firstRow: ValueID?
  var rows: ValueID?
  var firstColumn: ValueID?
  var columns: ValueID?
  /// Where sums wait until they are complete; `nil` is the output.
  var sums: ValueID?
}
