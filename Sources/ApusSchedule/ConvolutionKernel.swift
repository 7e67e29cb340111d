import ApusIR
import ApusTensor

/// The geometry of a convolution that is being lowered.
private struct Convolution {
  let site: ContractionSite
  let x: ValueID
  let w: ValueID
  /// Sizes of the input's and the output's spatial axes, and of the kernel's.
  let input: [Dim]
  let output: [Dim]
  let kernel: [Int]
  let strides: [Int]
  let dilations: [Int]
  let pads: [Int]
  let groups: Int
  /// Input and output channels of one group.
  let channels: Dim
  let rows: Dim

  init(_ lowering: KernelLowering) {
    site = ContractionSite(lowering)
    let host = lowering.host
    (x, w) = (host.operand(0, of: site.op), host.operand(1, of: site.op))
    input = Array(host.type(of: x).dims.dropFirst(2))
    output = Array(host.type(of: site.result).dims.dropFirst(2))
    kernel = host.type(of: w).dims.dropFirst(2).compactMap(\.constantValue)
    func list(_ name: String, _ count: Int, _ filler: Int) -> [Int] {
      let given = host.ints(name, of: lowering.contractionOp) ?? []
      return given.isEmpty ? [Int](repeating: filler, count: count) : given
    }
    strides = list("strides", kernel.count, 1)
    dilations = list("dilations", kernel.count, 1)
    pads = list("pads", 2 * kernel.count, 0)
    groups = host.int("groups", of: site.op) ?? 1
    channels = host.type(of: w).dims[1]
    rows = (try? Dim.floordiv(host.type(of: w).dims[0], .constant(groups))) ?? 0
  }

  var taps: Int { kernel.reduce(1, *) }
  var last: Int { kernel.count - 1 }
}

/// The lines of output that a task computes.
private struct LineBlock {
  let batch: ValueID
  let group: ValueID
  /// The first line, counted over all spatial axes but the last, and how many.
  let firstLine: ValueID
  let lines: ValueID
  /// The first column of each line, and how many.
  let firstColumn: ValueID
  let columns: ValueID
}

extension KernelLowering {
  fileprivate var contractionOp: OpID { ContractionSite(self).op }

  /// Lowers a convolution as a matrix product of the weights with patches of the input: tasks over
  /// images, groups and blocks of output lines; in each, blocks of the depth (channels × taps), whose
  /// patches are gathered into scratch memory, a row for each channel and tap.
  mutating func lowerConvolution() throws {
    let conv = Convolution(self)
    let lineCount = try Dim.product(conv.output.dropLast().map(emitter.local))
    let width = conv.output[conv.last]
    // Whole lines share a block where they are short and nothing in the epilogue tells lines apart.
    let isFlat = epilogueIgnoresLines(conv)
    let columnLimit = max(conv.site.columns, schedule.tiles[1] / conv.site.columns * conv.site.columns)
    var (lineBlock, columnBlock) = (1, columnLimit)
    if let width = width.constantValue, width > 0, width <= columnLimit {
      columnBlock = width
      if isFlat { lineBlock = linesPerBlock(width, limit: columnLimit, vector: conv.site.columns) }
    }
    let (lines, columns) = (emitter.builder.size(lineCount), emitter.size(width))
    let counts = [
      emitter.size(emitter.dims(of: conv.site.result)[0]), emitter.builder.index(conv.groups),
      ceilDivide(lines, lineBlock), ceilDivide(columns, columnBlock),
    ]
    let tasks = counts.reduce(emitter.builder.index(1)) { emitter.builder.multiply($0, $1) }
    let kind: LoopBuilder.LoopKind = schedule.parallelAxis == nil ? .serial : .parallel(grain: schedule.grain)
    let spatial = try Dim.product(conv.output.map(emitter.local))
    let shape = emitter.dims(of: results[0]).map(emitter.local)
    outputs[0] = view(outputs[0], [shape[0], shape[1], spatial])
    let weights = try operandBuffer(conv.w).map { try flatWeights($0, conv) }
    try loop(emitter.builder.index(0), tasks, kind: kind) { lowering, task, _ in
      let indices = lowering.unflatten(task, counts)
      let firstLine = lowering.emitter.builder.multiply(indices[2], lineBlock)
      let firstColumn = lowering.emitter.builder.multiply(indices[3], columnBlock)
      let block = LineBlock(
        batch: indices[0], group: indices[1], firstLine: firstLine,
        lines: lowering.part(of: lines, from: firstLine, atMost: lineBlock), firstColumn: firstColumn,
        columns: lowering.part(of: columns, from: firstColumn, atMost: columnBlock))
      try lowering.lineBlock(conv, block, weights, room: lineBlock * columnBlock, isFlat: isFlat)
      return []
    }
  }

  /// As many lines as fill the limit, a number whose columns are whole vectors if there is one.
  private func linesPerBlock(_ width: Int, limit: Int, vector: Int) -> Int {
    let most = max(1, limit / width)
    return (1...most).reversed().first { $0 * width % vector == 0 } ?? most
  }

  private mutating func flatWeights(_ buffer: ValueID, _ conv: Convolution) throws -> ValueID {
    let channels = try Dim.product(emitter.local(conv.channels), .constant(conv.taps))
    return view(buffer, [emitter.local(emitter.dims(of: conv.w)[0]), channels])
  }

  private mutating func lineBlock(
    _ conv: Convolution, _ block: LineBlock, _ weights: ValueID?, room: Int, isFlat: Bool
  ) throws {
    let depth = try Dim.product(conv.channels, .constant(conv.taps))
    let (height, rows) = (emitter.size(conv.rows), conv.rows)
    let width = (room + conv.site.columns - 1) / conv.site.columns * conv.site.columns
    let patches = emitter.builder.scratch(conv.site.accumulator, [max(1, scratchDepth(depth, conv.site)), width])
    let zero = emitter.builder.index(0)
    let firstRow = emitter.builder.multiply(block.group, emitter.size(rows))
    let outWidth = emitter.size(conv.output[conv.last])
    let lineStart = emitter.builder.multiply(block.firstLine, outWidth)
    let place = emitter.builder.add(lineStart, block.firstColumn)
    let count = emitter.builder.multiply(block.lines, block.columns)
    guard depthBound(depth) != nil else { preconditionFailure("a convolution's depth is bounded") }
    try depthBlocks(depth, conv.site) { lowering, start, size, isFirst, isLast in
      try lowering.loop(zero, size) { lowering, p, _ in
        let tap = lowering.emitter.builder.add(start, p)
        try lowering.gatherPatches(conv, block, tap: tap, into: patches, row: p)
        return []
      }
      let out = MatrixPlace(buffer: lowering.outputs[0], indices: [block.batch, firstRow, place], axes: [1, 2])
      let rhs = MatrixPlace(buffer: patches, indices: [zero, zero], axes: [0, 1])
      let positions = { (lowering: inout KernelLowering, i: ValueID, j: ValueID) -> [Position] in
        lowering.resultPositions(conv, block, row: lowering.emitter.builder.add(firstRow, i), column: j, isFlat: isFlat)
      }
      if let weights {
        let lhs = MatrixPlace(buffer: weights, indices: [firstRow, start], axes: [0, 1])
        return try lowering.contract(
          conv.site, lhs, rhs, out, depth: size, rows: height, columns: count, accumulate: !isFirst,
          positions: isLast ? positions : nil)
      }
      let lhs = try lowering.computedWeights(conv, firstRow: firstRow, height: height, start: start, size: size, depth: depth)
      try lowering.contract(
        conv.site, lhs, rhs, out, depth: size, rows: height, columns: count, accumulate: !isFirst,
        positions: isLast ? positions : nil)
    }
  }

  /// Where a sum of the micro-kernel lies in the result.
  private mutating func resultPositions(
    _ conv: Convolution, _ block: LineBlock, row: ValueID, column: ValueID, isFlat: Bool
  ) -> [Position] {
    let leading = [Position.fixed(block.batch), .fixed(row)]
    let x = Position(value: emitter.builder.add(block.firstColumn, column), laneStride: 1)
    let start = emitter.builder.multiply(block.firstLine, emitter.size(conv.output[conv.last]))
    if isFlat {
      emitter.trailing = TrailingFlat(shape: emitter.dims(of: conv.site.result), split: 2)
      return leading + [Position(value: emitter.builder.add(start, x.value), laneStride: 1)]
    }
    let counts = conv.output.dropLast().map { emitter.size($0) }
    return leading + unflatten(block.firstLine, counts).prefix(counts.count).map { .fixed($0) } + [x]
  }

  // MARK: Patches

  /// Fills one row of the patch matrix: what channel and tap `tap` contributes to each column of the block.
  private mutating func gatherPatches(
    _ conv: Convolution, _ block: LineBlock, tap: ValueID, into patches: ValueID, row: ValueID
  ) throws {
    let parts = unflatten(tap, [emitter.size(conv.channels)] + conv.kernel.map { emitter.builder.index($0) })
    let channel = emitter.builder.add(emitter.builder.multiply(block.group, emitter.size(conv.channels)), parts[0])
    let taps = Array(parts.dropFirst())
    let last = conv.last
    // Input column = output column · stride + offset.
    let offset = emitter.builder.subtract(
      emitter.builder.multiply(taps[last], conv.dilations[last]), emitter.builder.index(conv.pads[last]))
    let stride = conv.strides[last]
    let zero = emitter.builder.index(0)
    let toFirst = emitter.builder.maximum(emitter.builder.subtract(zero, offset), zero)
    let first = emitter.builder.subtract(ceilDivide(toFirst, stride), block.firstColumn)
    let low = emitter.builder.minimum(emitter.builder.maximum(first, zero), block.columns)
    let room = emitter.builder.subtract(emitter.size(conv.input[last]), offset)
    let toLast = emitter.builder.maximum(emitter.builder.add(room, stride - 1), zero)
    let end = emitter.builder.subtract(
      emitter.builder.divide(toLast, emitter.builder.index(stride)), block.firstColumn)
    let high = emitter.builder.maximum(emitter.builder.minimum(end, block.columns), low)
    let counts = conv.output.dropLast().map { emitter.size($0) }
    try loop(zero, block.lines) { lowering, line, _ in
      let begin = lowering.emitter.builder.multiply(line, block.columns)
      var at = [Position.fixed(block.batch), .fixed(channel)]
      var conditions: [ValueID] = []
      let place = lowering.unflatten(lowering.emitter.builder.add(block.firstLine, line), counts).prefix(counts.count)
      for (axis, position) in place.enumerated() {
        let reach = lowering.emitter.builder.multiply(taps[axis], conv.dilations[axis])
        let scaled = lowering.emitter.builder.multiply(position, conv.strides[axis])
        let index = lowering.emitter.builder.subtract(
          lowering.emitter.builder.add(scaled, reach), lowering.emitter.builder.index(conv.pads[axis]))
        conditions.append(lowering.emitter.builder.compare(.greaterEqual, index, zero))
        conditions.append(lowering.emitter.builder.compare(.less, index, lowering.emitter.size(conv.input[axis])))
        at.append(.fixed(index))
      }
      // A line that lies in the padding has no column to copy.
      var (from, to) = (low, high)
      if let condition = conditions.first {
        let isInside = conditions.dropFirst().reduce(condition) {
          lowering.emitter.builder.emit(.and, [$0, $1], .register(.bool))
        }
        from = lowering.emitter.builder.emit(.select, [isInside, low, block.columns], .index)
        to = lowering.emitter.builder.emit(.select, [isInside, high, block.columns], .index)
      }
      lowering.fill(patches, row, begin, zero, from, conv)
      try lowering.vectorizedOrScalar { lowering in
        let span = lowering.emitter.builder.subtract(to, from)
        try lowering.vectorLoop(span) { lowering, step, _, _ in
          let column = lowering.emitter.builder.add(from, step)
          let x = lowering.emitter.builder.add(block.firstColumn, column)
          let source = lowering.emitter.builder.add(lowering.emitter.builder.multiply(x, stride), offset)
          let here = at + [Position(value: source, laneStride: lowering.emitter.lanes == nil ? 0 : stride)]
          let value = lowering.emitter.builder.convert(try lowering.emitter.emit(conv.x, at: here), to: conv.site.accumulator)
          let spread = lowering.emitter.builder.splat(value, lanes: lowering.emitter.lanes)
          lowering.emitter.builder.store(spread, patches, [row, lowering.emitter.builder.add(begin, column)])
          return []
        }
      }
      lowering.fill(patches, row, begin, to, block.columns, conv)
      return []
    }
  }

  /// Zeroes columns `from ..< to` of a line.
  private mutating func fill(
    _ patches: ValueID, _ row: ValueID, _ begin: ValueID, _ from: ValueID, _ to: ValueID, _ conv: Convolution
  ) {
    let first = emitter.builder.add(begin, from)
    let element = conv.site.accumulator
    vectorLoop(emitter.builder.subtract(to, from)) { lowering, step, _, _ in
      let zero = lowering.emitter.builder.literal(.zero(element), element, lanes: lowering.emitter.lanes)
      lowering.emitter.builder.store(zero, patches, [row, lowering.emitter.builder.add(first, step)])
      return []
    }
  }

  /// Weights that the kernel computes, a block of the depth at a time.
  private mutating func computedWeights(
    _ conv: Convolution, firstRow: ValueID, height: ValueID, start: ValueID, size: ValueID, depth: Dim
  ) throws -> MatrixPlace {
    guard let rows = conv.rows.constantValue else { preconditionFailure("computed weights have a constant size") }
    let block = emitter.builder.scratch(conv.site.accumulator, [max(1, rows), max(1, scratchDepth(depth, conv.site))])
    let zero = emitter.builder.index(0)
    try loop(zero, height) { lowering, i, _ in
      try lowering.loop(zero, size) { lowering, p, _ in
        let tap = lowering.emitter.builder.add(start, p)
        let parts = lowering.unflatten(
          tap, [lowering.emitter.size(conv.channels)] + conv.kernel.map { lowering.emitter.builder.index($0) })
        let at = [Position.fixed(lowering.emitter.builder.add(firstRow, i))] + parts.map { .fixed($0) }
        let value = try lowering.emitter.emit(conv.w, at: at)
        lowering.emitter.builder.store(lowering.emitter.builder.convert(value, to: conv.site.accumulator), block, [i, p])
        return []
      }
      return []
    }
    return MatrixPlace(buffer: block, indices: [zero, zero], axes: [0, 1])
  }

  // MARK: Epilogue

  /// Whether everything after the convolution reads its other operands at the same spatial place, or
  /// at none: the spatial axes can then be one.
  private mutating func epilogueIgnoresLines(_ conv: Convolution) -> Bool {
    let shape = emitter.dims(of: conv.site.result)
    var pending = results
    var seen: Set<ValueID> = []
    var full: [ValueID] = []
    while let value = pending.popLast() {
      guard value != conv.site.result, seen.insert(value).inserted else { continue }
      guard let op = host.definingOp(of: value) else {
        if emitter.dims(of: value) == shape { full.append(value) }
        continue
      }
      let code = host.opcode(of: op)
      if code == .broadcast, emitter.dims(of: value) == shape {
        let source = host.operand(0, of: op)
        let axes = host.ints("axes", of: op) ?? []
        guard zip(axes, emitter.dims(of: source)).allSatisfy({ $0 < 2 || $1 == 1 }) else { return false }
      } else if code.isElementwise, emitter.dims(of: value) == shape {
        pending += host.operands(of: op)
      } else if code == .constant {
        guard case .scalar? = host.attribute("value", of: op) else { return false }
      } else {
        return false
      }
    }
    // Operands of the full shape are seen with one spatial axis, so nothing else may read them.
    for value in full where value != conv.x {
      guard let buffer = emitter.buffers[value], let spatial = try? Dim.product(shape.dropFirst(2).map(emitter.local))
      else { return false }
      emitter.trailingViews[value] = view(buffer, shape.prefix(2).map(emitter.local) + [spatial])
    }
    return !full.contains(conv.x)
  }
}
