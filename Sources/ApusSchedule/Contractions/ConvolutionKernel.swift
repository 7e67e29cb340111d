import ApusIR
import ApusSupport
import ApusTensor

/// The geometry of a convolution that is being lowered.
struct Convolution {
  let site: ContractionSite
  let x: ValueID
  let w: ValueID
  /// Sizes of the input's and the output's spatial axes, and of the kernel's.
  let input: [Dim]
  var output: [Dim]
  let kernel: [Int]
  let strides: [Int]
  let dilations: [Int]
  let pads: [Int]
  let groups: Int
  /// Input and output channels of one group.
  let channels: Dim
  let rows: Dim

  init(_ lowering: KernelLowering) {
    let site = ContractionSite(lowering)
    self.site = site
    let host = lowering.host
    (x, w) = (host.operand(0, of: site.op), host.operand(1, of: site.op))
    input = Array(host.type(of: x).dims.dropFirst(2))
    output = Array(host.type(of: site.result).dims.dropFirst(2))
    kernel = host.type(of: w).dims.dropFirst(2).compactMap(\.constantValue)
    func list(_ name: String, _ count: Int, _ filler: Int) -> [Int] {
      let given = host.ints(name, of: site.op) ?? []
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
  /// Whether each output reads the input at its own place only.
  var isPointwise: Bool {
    kernel.allSatisfy { $0 == 1 } && strides.allSatisfy { $0 == 1 } && pads.allSatisfy { $0 == 0 }
  }
  var last: Int { kernel.count - 1 }
}

/// The lines of output that a task computes.
struct LineBlock {
  let batch: ValueID
  let group: ValueID
  /// The first line, counted over all spatial axes but the last, and how many.
  let firstLine: ValueID
  let lines: ValueID
  /// The first column of each line, and how many.
  let firstColumn: ValueID
  let columns: ValueID
  /// How many lines and columns they are at most.
  let mostLines: Int
  let mostColumns: Int
}

extension KernelLowering {
  /// Lowers a convolution as a matrix product of the weights with patches of the input: tasks over images, groups and blocks
  /// of output lines; in each, blocks of the channels, whose patches are copied into scratch memory, a row for each channel
  /// and tap, that stays in L2. Pointwise convolutions read their patches from the input itself.
  mutating func lowerConvolution() throws {
    var conv = Convolution(self)
    // Whole lines share a block where nothing in the epilogue tells lines apart.
    let isFlat = epilogueIgnoresLines(conv)
    let shape = emitter.dims(of: results[0]).map(emitter.local)
    let spatial = try Dim.product(conv.output.map(emitter.local))
    let input = try conv.isPointwise && isFlat ? flatInput(conv) : nil
    if input != nil { conv.output = [try Dim.product(conv.output)] }
    let lineCount = try Dim.product(conv.output.dropLast().map(emitter.local))
    let width = conv.output[conv.output.count - 1]
    let columnLimit = schedule.tiles.count > 1 ? max(conv.site.columns, schedule.tiles[1]) : conv.site.columns
    var (lineBlock, columnBlock) = (1, roundedUp(columnLimit, to: conv.site.columns))
    if let width = width.constantValue, width > 0, width <= columnLimit {
      columnBlock = width
      if isFlat, conv.kernel.count == 2 { lineBlock = columnLimit / width }
    }
    let (lines, columns) = (emitter.builder.size(lineCount), emitter.size(width))
    let counts = [
      emitter.size(emitter.dims(of: conv.site.result)[0]), emitter.builder.index(conv.groups),
      ceilDivide(lines, lineBlock), ceilDivide(columns, columnBlock),
    ]
    let tasks = counts.reduce(emitter.builder.index(1)) { emitter.builder.multiply($0, $1) }
    let kind: LoopBuilder.LoopKind = schedule.parallelAxis == nil ? .serial : .parallel(grain: schedule.grain)
    outputs[0] = view(outputs[0], [shape[0], shape[1], spatial])
    let weights = try operandBuffer(conv.w).map { try flatWeights($0, conv) }
    try loop(emitter.builder.index(0), tasks, kind: kind) { lowering, task, _ in
      let indices = lowering.unflatten(task, counts)
      let firstLine = lowering.emitter.builder.multiply(indices[2], lineBlock)
      let firstColumn = lowering.emitter.builder.multiply(indices[3], columnBlock)
      let block = LineBlock(
        batch: indices[0], group: indices[1], firstLine: firstLine,
        lines: lowering.part(of: lines, from: firstLine, atMost: lineBlock), firstColumn: firstColumn,
        columns: lowering.part(of: columns, from: firstColumn, atMost: columnBlock), mostLines: lineBlock,
        mostColumns: columnBlock)
      if conv.isDepthwise {
        try lowering.depthwiseBlock(conv, block, isFlat: isFlat)
      } else if input == nil, lowering.isDirect(conv) {
        try lowering.directBlock(conv, block, weights, isFlat: isFlat)
      } else {
        try lowering.lineBlock(conv, block, weights, input, isFlat: isFlat)
      }
      return []
    }
  }

  private mutating func flatWeights(_ buffer: ValueID, _ conv: Convolution) throws -> ValueID {
    let channels = try Dim.product(emitter.local(conv.channels), .constant(conv.taps))
    return view(buffer, [emitter.local(emitter.dims(of: conv.w)[0]), channels])
  }

  /// The input with its spatial axes as one, where it is an operand.
  private mutating func flatInput(_ conv: Convolution) throws -> ValueID? {
    guard let buffer = operandBuffer(conv.x) else { return nil }
    let dims = emitter.dims(of: conv.x).map(emitter.local)
    return view(buffer, [dims[0], dims[1], try Dim.product(dims.dropFirst(2))])
  }

  private mutating func lineBlock(
    _ conv: Convolution, _ block: LineBlock, _ weights: ValueID?, _ input: ValueID?, isFlat: Bool
  ) throws {
    let (height, zero) = (emitter.size(conv.rows), emitter.builder.index(0))
    let firstRow = emitter.builder.multiply(block.group, height)
    let lineStart = emitter.builder.multiply(block.firstLine, emitter.size(conv.output[conv.output.count - 1]))
    let place = emitter.builder.add(lineStart, block.firstColumn)
    let count = emitter.builder.multiply(block.lines, block.columns)
    guard let most = depthBound(conv.channels) else {
      throw DiagnosticError(
        .unsupported, id: "schedule.unsupported", "a convolution over a number of channels that nothing bounds",
        hint: "state a bound: `where C in 1...256`")
    }
    let channelBlock = outputHoldsSums(conv.site) ? channelBlock(conv) : nil
    let depth = max(1, (channelBlock ?? most) * conv.taps)
    let patches = try input == nil ? Patches(&self, conv, block, depth: depth) : nil
    try blocks(of: conv.channels, by: channelBlock) { lowering, start, size, step in
      let rhs: MatrixPlace
      let channel = lowering.emitter.builder.add(
        lowering.emitter.builder.multiply(block.group, lowering.emitter.size(conv.channels)), start)
      if let patches, let buffer = patches.buffer {
        try lowering.gather(patches, conv, block, firstChannel: channel, channels: size)
        rhs = MatrixPlace(buffer: buffer, indices: [zero, zero], axes: [0, 1])
      } else if let input {
        rhs = MatrixPlace(buffer: input, indices: [block.batch, channel, block.firstColumn], axes: [1, 2])
      } else {
        preconditionFailure("a convolution reads patches or its input")
      }
      let (from, taps) = (
        lowering.emitter.builder.multiply(start, conv.taps), lowering.emitter.builder.multiply(size, conv.taps)
      )
      let lhs =
        try weights.map { MatrixPlace(buffer: $0, indices: [firstRow, from], axes: [0, 1]) }
        ?? lowering.computedWeights(conv, firstRow: firstRow, height: height, start: from, size: taps, room: depth)
      try lowering.rowBlocks(height, conv.site) { lowering, offset, rows in
        let row = lowering.emitter.builder.add(firstRow, offset)
        var lhs = lhs
        lhs.indices[0] = lowering.emitter.builder.add(lhs.indices[0], offset)
        let out = MatrixPlace(buffer: lowering.outputs[0], indices: [block.batch, row, place], axes: [1, 2])
        try lowering.contract(conv.site, lhs, rhs, out, depth: taps, rows: rows, columns: count, step) { lowering, i, j in
          lowering.resultPositions(
            conv, block, row: lowering.emitter.builder.add(row, i), column: j, isFlat: isFlat, lanes: conv.site.lanes)
        }
      }
    }
  }

  /// Runs `body` for blocks of as many rows as the schedule says.
  private mutating func rowBlocks(
    _ rows: ValueID, _ site: ContractionSite,
    _ body: (inout KernelLowering, _ first: ValueID, _ rows: ValueID) throws -> Void
  ) throws {
    guard schedule.tiles.count > 3, schedule.tiles[3] > 0 else { return try body(&self, emitter.builder.index(0), rows) }
    let height = max(site.rows, schedule.tiles[3] / site.rows * site.rows)
    if let known = emitter.builder.constant(rows), known <= height { return try body(&self, emitter.builder.index(0), rows) }
    try loop(emitter.builder.index(0), rows, step: height) { lowering, first, _ in
      try body(&lowering, first, lowering.part(of: rows, from: first, atMost: height))
      return []
    }
  }

  /// Channels that are worked on at once; nil is all of them.
  func channelBlock(_ conv: Convolution) -> Int? {
    guard let channels = conv.channels.constantValue, schedule.tiles.count > 2 else { return nil }
    let most = max(1, schedule.tiles[2] / conv.taps)
    guard channels > most else { return nil }
    let parts = (channels + most - 1) / most
    return (channels + parts - 1) / parts
  }

  /// Where a sum of the micro-kernel lies in the result.
  mutating func resultPositions(
    _ conv: Convolution, _ block: LineBlock, row: ValueID, column: ValueID, isFlat: Bool, lanes: Int?
  ) -> [Position] {
    let step = lanes == nil ? 0 : 1
    let leading = [Position.fixed(block.batch), .fixed(row)]
    let x = Position(value: emitter.builder.add(block.firstColumn, column), laneStride: step)
    let start = emitter.builder.multiply(block.firstLine, emitter.size(conv.output[conv.output.count - 1]))
    if isFlat {
      emitter.trailing = TrailingFlat(shape: emitter.dims(of: conv.site.result), split: 2)
      return leading + [Position(value: emitter.builder.add(start, x.value), laneStride: step)]
    }
    let counts = conv.output.dropLast().map { emitter.size($0) }
    return leading + unflatten(block.firstLine, counts).prefix(counts.count).map { .fixed($0) } + [x]
  }

  /// Weights that the kernel computes, a block of the depth at a time.
  mutating func computedWeights(
    _ conv: Convolution, firstRow: ValueID, height: ValueID, start: ValueID, size: ValueID, room: Int
  ) throws -> MatrixPlace {
    guard let rows = conv.rows.constantValue else {
      throw DiagnosticError(
        .unsupported, id: "schedule.unsupported", "a convolution whose computed weights have no constant size",
        hint: "state the number of output channels")
    }
    let block = emitter.builder.scratch(conv.site.accumulator, [max(1, rows), room])
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
        guard zip(axes, emitter.dims(of: source)).allSatisfy({ $0 < 2 || $1 == 1 || isPlanted(.epiloguesIgnoreTheirLine) })
        else { return false }
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
