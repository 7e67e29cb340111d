import ApusIR
import ApusTensor

/// Scratch memory in which a task lays out what the taps of a convolution read.
///
/// The lines that one channel's taps reach are copied first, with zeros for the padding and columns sorted by their remainder
/// by the stride; each tap's row is then a plain copy from there, whatever the padding, stride and dilation. Rows are copied
/// in whole vectors: what is written past the end of a line is overwritten by the next one, or lies in the room at the end.
struct Patches {
  /// A row for each channel and tap, a column for each output of the block; nil where the lines are read themselves.
  let buffer: ValueID?
  /// The lines that a channel's taps read: by slot, remainder and column.
  let lines: ValueID
  /// Lines of input that a block reads.
  let slots: Int
  /// Columns of a line by remainder.
  let pitch: Int
  /// Whether neighbouring lines of output share lines of input; else each leading tap has a line of its own.
  let sharesLines: Bool

  init(_ lowering: inout KernelLowering, _ conv: Convolution, _ block: LineBlock, depth: Int?) throws {
    let lanes = max(1, lowering.schedule.vectorLanes)
    let (last, columns) = (conv.last, conv.site.columns)
    sharesLines = conv.kernel.count == 2
    precondition(sharesLines || block.mostLines == 1, "only lines of one plane share a block")
    slots =
      sharesLines
      ? (block.mostLines - 1) * conv.strides[0] + (conv.kernel[0] - 1) * conv.dilations[0] + 1
      : conv.kernel.dropLast().reduce(1, *)
    pitch = block.mostColumns + (conv.kernel[last] - 1) * conv.dilations[last] / conv.strides[last] + lanes
    let width = lowering.roundedUp(block.mostLines * block.mostColumns + lanes - 1, to: columns)
    let isAliasing = width * conv.site.accumulator.byteCount % 1_024 == 0
    buffer = depth.map {
      lowering.emitter.builder.scratch(conv.site.accumulator, [$0, isAliasing ? width + columns : width])
    }
    lines = lowering.emitter.builder.scratch(conv.site.accumulator, [slots, conv.strides[last], pitch])
  }
}

extension KernelLowering {
  /// Fills the rows of a block of channels.
  mutating func gather(
    _ patches: Patches, _ conv: Convolution, _ block: LineBlock, firstChannel: ValueID, channels: ValueID
  ) throws {
    let zero = emitter.builder.index(0)
    try loop(zero, channels) { lowering, c, _ in
      let channel = lowering.emitter.builder.add(firstChannel, c)
      try lowering.copyLines(patches, conv, block, channel: channel)
      let leading = conv.kernel.dropLast().reduce(1, *)
      let first = lowering.emitter.builder.multiply(c, conv.taps)
      lowering.loop(zero, lowering.emitter.builder.index(leading)) { lowering, tap, _ in
        let row = lowering.emitter.builder.add(first, lowering.emitter.builder.multiply(tap, conv.kernel[conv.last]))
        lowering.loop(zero, lowering.emitter.builder.index(conv.kernel[conv.last])) { lowering, column, _ in
          lowering.copyTap(
            patches, conv, block, leadingTap: tap, tap: column, row: lowering.emitter.builder.add(row, column))
          return []
        }
        return []
      }
      return []
    }
  }

  /// One row: what a channel and tap contribute to each output of the block.
  private mutating func copyTap(
    _ patches: Patches, _ conv: Convolution, _ block: LineBlock, leadingTap: ValueID, tap: ValueID, row: ValueID
  ) {
    guard let buffer = patches.buffer else { preconditionFailure("patches without rows") }
    let (last, zero) = (conv.last, emitter.builder.index(0))
    let reach = emitter.builder.multiply(tap, conv.dilations[last])
    let stride = emitter.builder.index(conv.strides[last])
    let (remainder, offset) = (emitter.builder.remainder(reach, stride), emitter.builder.divide(reach, stride))
    let lanes = schedule.vectorLanes > 1 ? schedule.vectorLanes : nil
    loop(zero, block.lines) { lowering, line, _ in
      var slot = leadingTap
      if patches.sharesLines {
        slot = lowering.emitter.builder.add(
          lowering.emitter.builder.multiply(line, conv.strides[0]),
          lowering.emitter.builder.multiply(leadingTap, conv.dilations[0]))
      }
      let begin = lowering.emitter.builder.multiply(line, block.columns)
      lowering.loop(zero, block.columns, step: lanes ?? 1) { lowering, j, _ in
        let source = lowering.emitter.builder.add(offset, j)
        let values = lowering.emitter.builder.load(patches.lines, [slot, remainder, source], lanes: lanes)
        lowering.emitter.builder.store(values, buffer, [row, lowering.emitter.builder.add(begin, j)])
        return []
      }
      return []
    }
  }

  /// Copies the lines of input that a channel's taps read, with their padding.
  mutating func copyLines(_ patches: Patches, _ conv: Convolution, _ block: LineBlock, channel: ValueID) throws {
    let (last, zero) = (conv.last, emitter.builder.index(0))
    let counts = conv.output.dropLast().map { emitter.size($0) }
    let lines = unflatten(block.firstLine, counts).prefix(counts.count)
    var used = emitter.builder.index(patches.slots)
    if patches.sharesLines {
      let reach = (conv.kernel[0] - 1) * conv.dilations[0] + 1 - conv.strides[0]
      used = emitter.builder.add(emitter.builder.multiply(block.lines, conv.strides[0]), reach)
    }
    // Input column = column of the block · stride + remainder + offset.
    let offset = emitter.builder.subtract(
      emitter.builder.multiply(block.firstColumn, conv.strides[last]), emitter.builder.index(conv.pads[last]))
    let tail = (conv.kernel[last] - 1) * conv.dilations[last] / conv.strides[last]
    let columns = emitter.builder.add(block.columns, tail)
    try loop(zero, used) { lowering, slot, _ in
      var at = [Position.fixed(block.batch), .fixed(channel)]
      var conditions: [ValueID] = []
      let taps = patches.sharesLines ? [] : lowering.unflatten(slot, conv.kernel.dropLast().map { lowering.emitter.builder.index($0) })
      for (axis, line) in lines.enumerated() {
        let reach = patches.sharesLines ? slot : lowering.emitter.builder.multiply(taps[axis], conv.dilations[axis])
        let start = lowering.emitter.builder.multiply(line, conv.strides[axis])
        let index = lowering.emitter.builder.subtract(
          lowering.emitter.builder.add(start, reach), lowering.emitter.builder.index(conv.pads[axis]))
        conditions.append(lowering.emitter.builder.compare(.greaterEqual, index, zero))
        conditions.append(lowering.emitter.builder.compare(.less, index, lowering.emitter.size(conv.input[axis])))
        at.append(.fixed(index))
      }
      let isInside = conditions.first.map { first in
        conditions.dropFirst().reduce(first) { lowering.emitter.builder.emit(.and, [$0, $1], .register(.bool)) }
      }
      try lowering.loop(zero, lowering.emitter.builder.index(conv.strides[last])) { lowering, remainder, _ in
        try lowering.copyLine(
          patches, conv, at: at, slot: slot, remainder: remainder,
          offset: lowering.emitter.builder.add(offset, remainder), columns: columns, where: isInside)
        return []
      }
      return []
    }
  }

  /// Every stride-th column of a line, zeros where there is none.
  private mutating func copyLine(
    _ patches: Patches, _ conv: Convolution, at line: [Position], slot: ValueID, remainder: ValueID, offset: ValueID,
    columns: ValueID, where isInside: ValueID?
  ) throws {
    let (last, zero) = (conv.last, emitter.builder.index(0))
    let stride = conv.strides[last]
    // Columns `from ..< to` have an element: 0 <= column · stride + offset < size.
    let before = emitter.builder.maximum(emitter.builder.subtract(zero, offset), zero)
    var from = emitter.builder.minimum(ceilDivide(before, stride), columns)
    let room = emitter.builder.subtract(emitter.size(conv.input[last]), offset)
    let end = ceilDivide(emitter.builder.maximum(room, zero), stride)
    var to = emitter.builder.maximum(emitter.builder.minimum(end, columns), from)
    if let isInside {
      from = emitter.builder.emit(.select, [isInside, from, columns], .index)
      to = emitter.builder.emit(.select, [isInside, to, columns], .index)
    }
    let unroll = schedule.unroll
    schedule.unroll = 1
    clear(patches, conv, slot: slot, remainder: remainder, from: zero, to: from)
    try vectorizedOrScalar { lowering in
      let span = lowering.emitter.builder.subtract(to, from)
      try lowering.vectorLoop(span) { lowering, step, _, _ in
        let column = lowering.emitter.builder.add(from, step)
        let source = lowering.emitter.builder.add(lowering.emitter.builder.multiply(column, stride), offset)
        let at = line + [Position(value: source, laneStride: lowering.emitter.lanes == nil ? 0 : stride)]
        let element = conv.site.accumulator
        let value = lowering.emitter.builder.convert(try lowering.emitter.emit(conv.x, at: at), to: element)
        let spread = lowering.emitter.builder.splat(value, lanes: lowering.emitter.lanes)
        lowering.emitter.builder.store(spread, patches.lines, [slot, remainder, column])
        return []
      }
    }
    clear(patches, conv, slot: slot, remainder: remainder, from: to, to: columns)
    schedule.unroll = unroll
  }

  /// Zeroes columns `start ..< end` of a line.
  private mutating func clear(
    _ patches: Patches, _ conv: Convolution, slot: ValueID, remainder: ValueID, from start: ValueID, to end: ValueID
  ) {
    let element = conv.site.accumulator
    vectorLoop(emitter.builder.subtract(end, start)) { lowering, step, _, _ in
      let zero = lowering.emitter.builder.literal(.zero(element), element, lanes: lowering.emitter.lanes)
      lowering.emitter.builder.store(
        zero, patches.lines, [slot, remainder, lowering.emitter.builder.add(start, step)])
      return []
    }
  }
}
