import ApusIR
import ApusSupport
import ApusTensor

extension Convolution {
  /// Taps that are written out one after the other.
  private static let mostTaps = 64

  /// Whether few output channels read each input channel: too few for the micro-kernel to keep its registers busy.
  var isDepthwise: Bool {
    channels == 1 && (rows.constantValue ?? .max) < 4 && taps > 1 && taps <= Self.mostTaps
  }
}

extension KernelLowering {
  /// A block of lines of one channel's group: vectors along the width, a multiply-add for each tap.
  mutating func depthwiseBlock(_ conv: Convolution, _ block: LineBlock, isFlat: Bool) throws {
    let (zero, rows) = (emitter.builder.index(0), emitter.size(conv.rows))
    let patches = try Patches(&self, conv, block, depth: nil)
    try copyLines(patches, conv, block, channel: block.group)
    try loop(zero, rows) { lowering, i, _ in
      let row = lowering.emitter.builder.add(lowering.emitter.builder.multiply(block.group, rows), i)
      let weights = try lowering.tapWeights(conv, row: row)
      try lowering.loop(zero, block.lines) { lowering, line, _ in
        try lowering.vectorizedOrScalar { lowering in
          let unroll = lowering.schedule.unroll
          lowering.schedule.unroll = 1
          try lowering.vectorLoop(block.columns) { lowering, j, _, _ in
            let sum = lowering.tapSum(patches, conv, weights, line: line, column: j)
            try lowering.storeResult(sum, conv, block, row: row, line: line, column: j, isFlat: isFlat)
            return []
          }
          lowering.schedule.unroll = unroll
        }
        return []
      }
      return []
    }
  }

  /// The weights of an output channel, scalar registers in the order of its taps.
  private mutating func tapWeights(_ conv: Convolution, row: ValueID) throws -> [ValueID] {
    let zero = Position.fixed(emitter.builder.index(0))
    return try (0..<conv.taps).map { tap in
      var rest = tap
      var at: [Position] = []
      for size in conv.kernel.reversed() {
        at.insert(.fixed(emitter.builder.index(rest % size)), at: 0)
        rest /= size
      }
      return emitter.builder.convert(try emitter.emit(conv.w, at: [.fixed(row), zero] + at), to: conv.site.accumulator)
    }
  }

  /// The sum over all taps at a line and a column of the block.
  private mutating func tapSum(
    _ patches: Patches, _ conv: Convolution, _ weights: [ValueID], line: ValueID, column: ValueID
  ) -> ValueID {
    let (last, lanes, element) = (conv.last, emitter.lanes, conv.site.accumulator)
    var sum: ValueID?
    for (tap, weight) in weights.enumerated() {
      let (leading, reach) = (tap / conv.kernel[last], tap % conv.kernel[last] * conv.dilations[last])
      var slot = emitter.builder.index(leading)
      if patches.sharesLines {
        slot = emitter.builder.add(emitter.builder.multiply(line, conv.strides[0]),
          leading * (isPlanted(.depthwiseTapsIgnoreDilation) ? 1 : conv.dilations[0]))
      }
      let (remainder, offset) = (emitter.builder.index(reach % conv.strides[last]), reach / conv.strides[last])
      let x = emitter.builder.load(
        patches.lines, [slot, remainder, emitter.builder.add(column, offset)], lanes: lanes)
      let w = emitter.builder.splat(weight, lanes: lanes)
      let type = TensorType.register(element, lanes: lanes)
      if let known = sum {
        sum =
          element.isFloat
          ? emitter.builder.emit(.fma, [x, w, known], type)
          : emitter.builder.emit(.add, [known, emitter.builder.emit(.mul, [x, w], type)], type)
      } else {
        sum = emitter.builder.emit(.mul, [x, w], type)
      }
    }
    guard let sum else { preconditionFailure("a convolution has a tap") }
    return sum
  }

  /// Finishes a register of sums at a line and column of the block and stores the result.
  mutating func storeResult(
    _ sum: ValueID, _ conv: Convolution, _ block: LineBlock, row: ValueID, line: ValueID, column: ValueID, isFlat: Bool
  ) throws {
    let element = emitter.element(of: conv.site.result)
    emitter.known[conv.site.result] = .register(emitter.builder.convert(sum, to: element))
    let place = emitter.builder.add(emitter.builder.multiply(line, block.columns), column)
    let at = resultPositions(conv, block, row: row, column: place, isFlat: isFlat, lanes: emitter.lanes)
    let value = try emitter.emit(results[0], at: at)
    let first = emitter.builder.add(
      emitter.builder.multiply(block.firstLine, emitter.size(conv.output[conv.last])), block.firstColumn)
    emitter.builder.store(
      emitter.builder.splat(value, lanes: emitter.lanes), outputs[0],
      [block.batch, row, emitter.builder.add(first, place)])
  }
}
