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
    let width = roundedUp(block.mostLines * block.mostColumns + lanes - 1, to: columns)
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
      let isShort = lowering.emitter.builder.constant(block.columns).map { $0 <= 16 * (lanes ?? 1) } ?? false
      lowering.loop(zero, block.columns, step: lanes ?? 1, kind: isShort ? .unrolled : .serial) { lowering, j, _ in
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
    let first = lineIndices(block.firstLine, conv)
    var used = emitter.builder.index(patches.slots)
    if patches.sharesLines {
      let reach = (conv.kernel[0] - 1) * conv.dilations[0] + 1 - conv.strides[0]
      used = emitter.builder.add(emitter.builder.multiply(block.lines, conv.strides[0]), reach)
    }
    let offset = emitter.builder.subtract(
      emitter.builder.multiply(block.firstColumn, conv.strides[last]), emitter.builder.index(conv.pads[last]))
    let tail = (conv.kernel[last] - 1) * conv.dilations[last] / conv.strides[last]
    let columns = emitter.builder.add(block.columns, tail)
    try loop(zero, used) { lowering, slot, _ in
      var ahead = [slot]
      if !patches.sharesLines {
        ahead = lowering.unflatten(slot, conv.kernel.dropLast().map { lowering.emitter.builder.index($0) })
        for axis in ahead.indices { ahead[axis] = lowering.emitter.builder.multiply(ahead[axis], conv.dilations[axis]) }
      }
      let (at, isInside) = lowering.inputLine(conv, block, channel: channel, first: first, ahead: ahead)
      try lowering.loop(zero, lowering.emitter.builder.index(conv.strides[last])) { lowering, remainder, _ in
        try lowering.copyLine(
          conv, at: at, offset: lowering.emitter.builder.add(offset, remainder), columns: columns, where: isInside
        ) { _, column in
          (patches.lines, [slot, remainder, column])
        }
        return []
      }
      return []
    }
  }
}
