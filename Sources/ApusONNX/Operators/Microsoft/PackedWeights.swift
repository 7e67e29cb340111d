import ApusIR
import ApusTensor

extension Operators {
  /// Products with weights of a few bits, and recurrences with weights of 8.
  static var packedWeights: [OperatorRule] {
    let domain = "com.microsoft"
    return [
      OperatorRule("MatMulNBits", domain: domain, value: { try $0.productOfPackedWeights() }),
      OperatorRule("DynamicQuantizeLSTM", domain: domain) { try $0.quantizedRecurrence() },
    ]
  }
}

extension NodeTranslation {
  /// a Wᵀ + bias, W [N, K] in blocks of `block_size` with a scale, and perhaps a zero point, each. Weights of fewer than
  /// 8 bits lie several in a byte, the first in its low bits. Where the indices of blocks are given, W's columns need not
  /// be in the blocks' order.
  fileprivate func productOfPackedWeights() throws -> ValueID {
    let bits = try int("bits", 4)
    let (rows, depth, block) = (try int("N", 0), try int("K", 0), try int("block_size", 0))
    guard bits == 2 || bits == 4 || bits == 8 else { throw unsupported("weights of \(bits) bits are not supported") }
    guard try int("weight_prepacked", 0) == 0 else { throw unsupported("weights in an order of one device are not supported") }
    guard [rows, depth, block].allSatisfy({ $0 > 0 && $0 < 1 << 31 }), block * bits % 8 == 0 else {
      throw error("onnx.attribute", "'N', 'K' and 'block_size' are not the sizes of a matrix in blocks")
    }
    let blocks = (depth + block - 1) / block
    let own = try inputType(0).element
    let weights = try reshape(unpacked(value(1), bits), [.constant(rows), .constant(blocks), .constant(block)])
    let scales = try reshape(value(2), [.constant(rows), .constant(blocks), 1])
    let zero = try zeroPoints(bits, rows, blocks)
    var real: ValueID
    if has(4) {
      // A column has the scale and the zero point of the block that its index names.
      let columns = try part(reshape(weights, [.constant(rows), .constant(blocks * block)]), axis: 1, from: 0, to: .constant(depth))
      let index = try part(value(4), axis: 0, from: 0, to: .constant(depth))
      func spread(_ parameter: ValueID) throws -> ValueID {
        guard rank(parameter) == 3 else { return parameter }
        let row = try reshape(parameter, [.constant(rows), .constant(blocks)])
        return try call(.gather, [.value(row), .value(index)], ["axis": .integer(1)])
      }
      real = try dequantized(columns, spread(scales), spread(zero), to: own)
    } else {
      real = try reshape(dequantized(weights, scales, zero, to: own), [.constant(rows), .constant(blocks * block)])
      if blocks * block != depth { real = try part(real, axis: 1, from: 0, to: .constant(depth)) }
    }
    let result = try call(.matmul, value(0), transpose(real, [1, 0]))
    return try optionalValue(5).map { try call(.add, result, $0) } ?? result
  }

  /// [N, blocks, 1], packed as the weights are or of the type of the scales; one for all where there are none.
  private func zeroPoints(_ bits: Int, _ rows: Int, _ blocks: Int) throws -> ValueID {
    guard let given = try optionalValue(3) else { return try scalar(Double(1 << (bits - 1)), .u8) }
    let shape: [Dim] = [.constant(rows), .constant(blocks), 1]
    guard !element(given).isFloat else { return try reshape(given, shape) }
    let stored = (blocks * bits + 7) / 8
    let points = try unpacked(reshape(given, [.constant(rows), .constant(stored)]), bits)
    let row = try reshape(points, [.constant(rows), .constant(stored * (8 / bits))])
    return try reshape(part(row, axis: 1, from: 0, to: .constant(blocks)), shape)
  }

  /// (weights − zero) · scales, in f32, rounded once to the type of the product.
  private func dequantized(_ weights: ValueID, _ scales: ValueID, _ zero: ValueID, to own: ElementType) throws -> ValueID {
    let factor = convert(scales, to: .f32)
    guard element(zero).isFloat else { return convert(try call(.dequantize, weights, factor, zero), to: own) }
    let difference = try call(.sub, convert(weights, to: .f32), convert(zero, to: .f32))
    return convert(try call(.mul, difference, factor), to: own)
  }

  /// Bytes, or the parts of bytes, low ones first, along a new last axis.
  private func unpacked(_ bytes: ValueID, _ bits: Int) throws -> ValueID {
    guard element(bytes) == .u8 else { throw error("onnx.type", "packed weights are \(element(bytes)), not u8") }
    guard bits < 8 else { return bytes }
    let parts = try stride(from: 0, to: 8, by: bits).map { shift in
      let low = shift == 0 ? bytes : try call(.shiftRight, [.value(bytes), .integer(shift)])
      let code = shift + bits == 8 ? low : try call(.and, [.value(low), .integer((1 << bits) - 1)])
      return try reshape(code, dims(code) + [1])
    }
    return try concat(parts, axis: rank(bytes))
  }

  /// LSTM whose weights are quantized, W [directions, input, 4 hidden] and R [directions, hidden, 4 hidden], each
  /// direction, or each column, with its scale. The input goes through 8 bits, and so do the hidden states, those of all
  /// rows of the batch in one range at each step, as in onnxruntime where one thread has the whole batch.
  fileprivate func quantizedRecurrence() throws -> [Imported] {
    let x = try dynamicallyQuantized(value(0))
    let input = try call(.dequantize, x.quantized, x.scale, x.zeroPoint)
    func weights(_ index: Int, _ scale: Int, _ zeroPoint: Int) throws -> ValueID {
      let packed = try value(index)
      func parameter(_ value: ValueID) throws -> ValueID {
        let own = dims(value)
        return own.isEmpty ? value : try reshape(value, own.count == 1 ? [own[0], 1, 1] : [own[0], 1, own[1]])
      }
      let zero = try has(zeroPoint) ? parameter(value(zeroPoint)) : scalar(0, element(packed))
      return try transpose(call(.dequantize, packed, parameter(value(scale)), zero), [0, 2, 1])
    }
    let operands: [Imported] = try [.value(input), .value(weights(1, 8, 9)), .value(weights(2, 10, 11))]
    let layer = NodeTranslation(node: node, version: 14, context: context, inputs: operands + (3...7).map { self.input($0) })
    return try Recurrence(layer, .lstm, quantizesState: true).outputs()
  }
}
