import ApusIR
import ApusSupport
import ApusTensor

/// Scratch memory in which the micro-kernel reads the taps of a convolution where they lie.
///
/// A channel is a row: the lines of input that a block of output lines reads, with zeros for the padding, sorted by the
/// remainders of their line and column by the strides. So what one tap contributes to the outputs of the block, one line after
/// the other, lies side by side, a fixed distance from what every other tap does; between two lines of output lie a few sums
/// that nobody wants.
struct Planes {
  /// Distance of each tap from the first column.
  let taps: [Int]
  /// Columns from one line to the next.
  let pitch: Int
  /// Lines of one remainder.
  let lines: Int
  /// Elements from one channel to the next.
  let size: Int
  /// Columns that the sums of a block take, whole register blocks.
  let width: Int
  /// Whether neighbouring lines of output share lines of input; else each leading tap has a line of its own.
  let sharesLines: Bool

  /// Taps that are written out one after the other.
  static let mostTaps = 50

  init(_ conv: Convolution, _ block: LineBlock) {
    let (last, columns) = (conv.last, conv.site.columns)
    sharesLines = conv.kernel.count == 2
    precondition(sharesLines || block.mostLines == 1, "only lines of one plane share a block")
    let leading = conv.kernel.dropLast().reduce(1, *)
    let reach = (conv.kernel[last] - 1) * conv.dilations[last]
    pitch = block.mostColumns + reach / conv.strides[last]
    lines = sharesLines ? block.mostLines + (conv.kernel[0] - 1) * conv.dilations[0] / conv.strides[0] : leading
    let area = lines * pitch
    let sharesLines = sharesLines, pitch = pitch
    taps = (0..<conv.taps).map { tap in
      let (line, column) = (tap / conv.kernel[last], tap % conv.kernel[last] * conv.dilations[last])
      let (remainder, offset) = (column % conv.strides[last], column / conv.strides[last])
      guard sharesLines else { return remainder * area + line * pitch + offset }
      let y = line * conv.dilations[0]
      let pitchOfPhases = conv.strides[isPlanted(.planesMixTheirStrides) ? 0 : last]
      return (y % conv.strides[0] * pitchOfPhases + remainder) * area + y / conv.strides[0] * pitch + offset
    }
    let sums = (block.mostLines - 1) * pitch + block.mostColumns
    width = (sums + columns - 1) / columns * columns
    // Register blocks are read whole beyond the last sum; lines are copied even where no tap reads their end.
    let used = Swift.max((taps.max() ?? 0) + width, conv.usedRemainders(sharesLines: sharesLines) * area)
    let aligned = (used + 15) / 16 * 16
    // Channels a power of two apart would drive each other out of the cache.
    size = aligned % 256 == 0 ? aligned + 16 : aligned
  }
}

extension Convolution {
  /// How far the last tap along an axis lies after the first.
  func reach(_ axis: Int) -> Int { (kernel[axis] - 1) * dilations[axis] }

  /// The remainders by the strides up to the last one that some tap has.
  fileprivate func usedRemainders(sharesLines: Bool) -> Int {
    let columns = min(strides[last], reach(last) + 1)
    guard sharesLines else { return columns }
    return (min(strides[0], reach(0) + 1) - 1) * strides[last] + columns
  }
}

extension KernelLowering {
  /// Whether the micro-kernel reads the taps where they lie.
  func isDirect(_ conv: Convolution) -> Bool {
    conv.taps <= Planes.mostTaps && conv.rows.constantValue != nil && depthBound(conv.channels) != nil
  }

  /// A block of lines: the lines that a block of channels reads, the micro-kernel over them, and, when the sums of all
  /// channels are complete, the epilogue.
  mutating func directBlock(_ conv: Convolution, _ block: LineBlock, _ weights: ValueID?, isFlat: Bool) throws {
    guard let rowCount = conv.rows.constantValue, let most = depthBound(conv.channels) else {
      preconditionFailure("a direct convolution has a bounded number of channels")
    }
    let planes = Planes(conv, block)
    let channelBlock = channelBlock(conv)
    let element = conv.site.accumulator
    let input = emitter.builder.scratch(element, [max(1, channelBlock ?? most), planes.size])
    let sums = emitter.builder.scratch(element, [max(1, rowCount), planes.width])
    let (zero, rows) = (emitter.builder.index(0), emitter.size(conv.rows))
    let firstRow = emitter.builder.multiply(block.group, rows)
    let between = emitter.builder.subtract(block.lines, emitter.builder.index(1))
    let count = emitter.builder.minimum(
      emitter.builder.add(emitter.builder.multiply(between, planes.pitch), block.columns), emitter.builder.index(planes.width))
    try blocks(of: conv.channels, by: channelBlock) { lowering, start, size, step in
      let channel = lowering.emitter.builder.add(
        lowering.emitter.builder.multiply(
          isPlanted(.groupsReadTheFirstChannels) ? zero : block.group, lowering.emitter.size(conv.channels)), start)
      try lowering.loop(zero, size) { lowering, c, _ in
        try lowering.copyPlane(
          planes, conv, block, channel: lowering.emitter.builder.add(channel, c), to: input, row: c)
        return []
      }
      let (from, depth) = (
        lowering.emitter.builder.multiply(start, conv.taps), lowering.emitter.builder.multiply(size, conv.taps)
      )
      let lhs =
        try weights.map { MatrixPlace(buffer: $0, indices: [firstRow, from], axes: [0, 1]) }
        ?? lowering.computedWeights(
          conv, firstRow: firstRow, height: rows, start: from, size: depth, room: max(1, (channelBlock ?? most) * conv.taps))
      let rhs = MatrixPlace(buffer: input, indices: [zero, zero], axes: [0, 1], taps: planes.taps)
      let out = MatrixPlace(buffer: sums, indices: [zero, zero], axes: [0, 1])
      try lowering.contract(
        conv.site, lhs, rhs, out, depth: depth, rows: rows, columns: count, step, positions: nil)
    }
    try finish(sums, planes, conv, block, firstRow: firstRow, isFlat: isFlat)
  }

  /// Runs the epilogue over sums that are complete, leaving out those between two lines.
  private mutating func finish(
    _ sums: ValueID, _ planes: Planes, _ conv: Convolution, _ block: LineBlock, firstRow: ValueID, isFlat: Bool
  ) throws {
    let zero = emitter.builder.index(0)
    try loop(zero, emitter.size(conv.rows)) { lowering, i, _ in
      let row = lowering.emitter.builder.add(firstRow, i)
      try lowering.loop(zero, block.lines) { lowering, line, _ in
        let begin = lowering.emitter.builder.multiply(line, planes.pitch)
        let unroll = lowering.schedule.unroll
        lowering.schedule.unroll = 1
        try lowering.vectorizedOrScalar { lowering in
          try lowering.vectorLoop(block.columns) { lowering, j, _, _ in
            let sum = lowering.emitter.builder.load(
              sums, [i, lowering.emitter.builder.add(begin, j)], lanes: lowering.emitter.lanes)
            try lowering.storeResult(sum, conv, block, row: row, line: line, column: j, isFlat: isFlat)
            return []
          }
        }
        lowering.schedule.unroll = unroll
        return []
      }
      return []
    }
  }

  /// Copies the lines of input that a channel's taps read, with their padding.
  private mutating func copyPlane(
    _ planes: Planes, _ conv: Convolution, _ block: LineBlock, channel: ValueID, to buffer: ValueID, row: ValueID
  ) throws {
    let (last, zero) = (conv.last, emitter.builder.index(0))
    let area = planes.lines * planes.pitch
    let first = lineIndices(block.firstLine, conv)
    let remainders = planes.sharesLines ? min(conv.strides[0], conv.reach(0) + 1) : 1
    let offset = emitter.builder.subtract(
      emitter.builder.multiply(block.firstColumn, conv.strides[last]), emitter.builder.index(conv.pads[last]))
    let reach = (conv.kernel[last] - 1) * conv.dilations[last] / conv.strides[last]
    let columns = emitter.builder.add(block.columns, reach)
    var used = emitter.builder.index(planes.lines)
    if planes.sharesLines { used = emitter.builder.add(block.lines, planes.lines - block.mostLines) }
    try loop(zero, emitter.builder.index(remainders)) { lowering, phase, _ in
      try lowering.loop(zero, used) { lowering, line, _ in
        // How far a line lies after the first one, along each leading axis.
        var ahead = lowering.unflatten(line, conv.kernel.dropLast().map { lowering.emitter.builder.index($0) })
        for axis in ahead.indices { ahead[axis] = lowering.emitter.builder.multiply(ahead[axis], conv.dilations[axis]) }
        if planes.sharesLines {
          ahead = [lowering.emitter.builder.add(lowering.emitter.builder.multiply(line, conv.strides[0]), phase)]
        }
        let (at, isInside) = lowering.inputLine(conv, block, channel: channel, first: first, ahead: ahead)
        let begin = lowering.emitter.builder.add(
          lowering.emitter.builder.multiply(phase, conv.strides[last] * area),
          lowering.emitter.builder.multiply(line, planes.pitch))
        let phases = lowering.emitter.builder.index(min(conv.strides[last], conv.reach(last) + 1))
        try lowering.loop(zero, phases) { lowering, remainder, _ in
          let start = lowering.emitter.builder.add(begin, lowering.emitter.builder.multiply(remainder, area))
          try lowering.copyLine(
            conv, at: at, offset: lowering.emitter.builder.add(offset, remainder), columns: columns, where: isInside
          ) { lowering, column in
            (buffer, [row, lowering.emitter.builder.add(start, column)])
          }
          return []
        }
        return []
      }
      return []
    }
  }
}
