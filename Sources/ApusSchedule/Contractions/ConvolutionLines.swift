import ApusIR
import ApusSupport
import ApusTensor

/// Where an element is to be stored.
typealias Destination = (inout KernelLowering, _ column: ValueID) -> (buffer: ValueID, indices: [ValueID])

extension KernelLowering {
  /// The index of a line along each spatial axis but the last.
  mutating func lineIndices(_ line: ValueID, _ conv: Convolution) -> [ValueID] {
    let counts = conv.output.dropLast().map { emitter.size($0) }
    return Array(unflatten(line, counts).prefix(counts.count))
  }

  /// The line of input that lies so far after what the first tap of an output line reads, and whether it is no padding.
  mutating func inputLine(
    _ conv: Convolution, _ block: LineBlock, channel: ValueID, first: [ValueID], ahead: [ValueID]
  ) -> (positions: [Position], isInside: ValueID?) {
    let zero = emitter.builder.index(0)
    var at = [Position.fixed(block.batch), .fixed(channel)]
    var isInside: ValueID?
    func require(_ condition: ValueID) {
      isInside = isInside.map { emitter.builder.emit(.and, [$0, condition], .register(.bool)) } ?? condition
    }
    for (axis, line) in first.enumerated() {
      let start = emitter.builder.multiply(line, conv.strides[axis])
      let index = emitter.builder.subtract(
        emitter.builder.add(start, ahead[axis]), emitter.builder.index(conv.pads[axis]))
      require(emitter.builder.compare(.greaterEqual, index, zero))
      let end = conv.input[isPlanted(.linesAreCheckedAgainstTheWidth) ? conv.last : axis]
      require(emitter.builder.compare(.less, index, emitter.size(end)))
      at.append(.fixed(index))
    }
    return (at, isInside)
  }

  /// Copies every stride-th column of a line from `offset` on, zeros where there is none.
  mutating func copyLine(
    _ conv: Convolution, at line: [Position], offset: ValueID, columns: ValueID, where isInside: ValueID?,
    to destination: Destination
  ) throws {
    let (zero, stride) = (emitter.builder.index(0), conv.strides[conv.last])
    // Columns `from ..< to` have an element: 0 <= column · stride + offset < size.
    let before = emitter.builder.maximum(emitter.builder.subtract(zero, offset), zero)
    var from = emitter.builder.minimum(ceilDivide(before, stride), columns)
    let room = emitter.builder.subtract(emitter.size(conv.input[conv.last]), offset)
    let end = ceilDivide(emitter.builder.maximum(room, zero), stride)
    var to = emitter.builder.maximum(emitter.builder.minimum(end, columns), from)
    if let isInside {
      from = emitter.builder.emit(.select, [isInside, from, columns], .index)
      to = emitter.builder.emit(.select, [isInside, to, columns], .index)
    }
    let unroll = schedule.unroll
    schedule.unroll = 1
    clear(conv, from: zero, to: from, destination)
    try vectorizedOrScalar { lowering in
      let span = lowering.emitter.builder.subtract(to, from)
      try lowering.vectorLoop(span) { lowering, step, _, _ in
        let column = lowering.emitter.builder.add(from, step)
        let source = lowering.emitter.builder.add(lowering.emitter.builder.multiply(column, stride), offset)
        let at = line + [Position(value: source, laneStride: lowering.emitter.lanes == nil ? 0 : stride)]
        let element = conv.site.accumulator
        let value = lowering.emitter.builder.convert(try lowering.emitter.emit(conv.x, at: at), to: element)
        let spread = lowering.emitter.builder.splat(value, lanes: lowering.emitter.lanes)
        let place = destination(&lowering, column)
        lowering.emitter.builder.store(spread, place.buffer, place.indices)
        return []
      }
    }
    clear(conv, from: to, to: columns, destination)
    schedule.unroll = unroll
  }

  /// Zeroes columns `start ..< end` of a line.
  private mutating func clear(
    _ conv: Convolution, from start: ValueID, to end: ValueID, _ destination: Destination
  ) {
    let element = conv.site.accumulator
    vectorLoop(emitter.builder.subtract(end, start)) { lowering, step, _, _ in
      let zero = lowering.emitter.builder.literal(.zero(element), element, lanes: lowering.emitter.lanes)
      let place = destination(&lowering, lowering.emitter.builder.add(start, step))
      lowering.emitter.builder.store(zero, place.buffer, place.indices)
      return []
    }
  }
}
