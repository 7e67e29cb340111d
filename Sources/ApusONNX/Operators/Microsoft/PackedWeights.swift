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
  /// a Wᵀ + bias, W [N, K] in blocks of `block_size` with a scale, and perhaps a zero point, each. Weights of 4 bits
  /// lie two in a byte, the first in its low bits.
  fileprivate func productOfPackedWeights() throws -> ValueID {
    let bits = try int("bits", 4)
    let (rows, depth, block) = (try int("N", 0), try int("K", 0), try int("block_size", 0))
    guard bits == 4 || bits == 8, !has(4) else {
      throw unsupported("weights of \(bits) bits\(has(4) ? " in another order" : "") are not supported")
    }
    guard [rows, depth, block].allSatisfy({ $0 > 0 && $0 < 1 << 31 }), block % 2 == 0 else {
      throw error("onnx.attribute", "'N', 'K' and 'block_size' are not the sizes of a matrix in blocks")
    }
    let blocks = (depth + block - 1) / block
    let a = try value(0)
    let own = element(a)
    let scales = try reshape(value(2), [.constant(rows), .constant(blocks), 1])
    let weights = try reshape(
      unpacked(value(1), bits), [.constant(rows), .constant(blocks), .constant(block)])
    var zero = try scalar(bits == 4 ? 8 : 128, .u8)
    var real: ValueID
    if has(3), try inputType(3).element.isFloat {
      let offset = try reshape(value(3), [.constant(rows), .constant(blocks), 1])
      let difference = try call(.sub, convert(weights, to: element(offset)), offset)
      real = try call(.mul, difference, convert(scales, to: element(offset)))
    } else {
      if let packed = try optionalValue(3) {
        let stored = bits == 4 ? (blocks + 1) / 2 : blocks
        let bytes = try reshape(packed, [.constant(rows), .constant(stored)])
        let points = try unpacked(bytes, bits)
        let row = try reshape(points, [.constant(rows), .constant(bits == 4 ? 2 * stored : stored)])
        let used = try part(row, axis: 1, from: 0, to: .constant(blocks))
        zero = try reshape(used, [.constant(rows), .constant(blocks), 1])
      }
      real = try call(.dequantize, weights, scales, zero)
    }
    real = convert(try reshape(real, [.constant(rows), .constant(blocks * block)]), to: own)
    if blocks * block != depth { real = try part(real, axis: 1, from: 0, to: .constant(depth)) }
    let result = try call(.matmul, a, transpose(real, [1, 0]))
    return try optionalValue(5).map { try call(.add, result, $0) } ?? result
  }

  /// Bytes, or the halves of bytes, low ones first, along a new last axis.
  private func unpacked(_ bytes: ValueID, _ bits: Int) throws -> ValueID {
    guard element(bytes) == .u8 else { throw error("onnx.type", "packed weights are \(element(bytes)), not u8") }
    guard bits == 4 else { return bytes }
    let low = try call(.and, [.value(bytes), .integer(15)])
    let high = try call(.shiftRight, [.value(bytes), .integer(4)])
    let axis = rank(bytes)
    return try call(
      .concat, [.value(reshape(low, dims(low) + [1])), .value(reshape(high, dims(high) + [1]))],
      ["axis": .integer(axis)])
  }

  /// LSTM whose weights are quantized, W [directions, input, 4 hidden] and R [directions, hidden, 4 hidden], each
  /// direction, or each column, with its scale. The input goes through 8 bits as onnxruntime's does; its hidden states
  /// do too, and these do not, so that results differ by the steps of that.
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
    return try applying("LSTM", operands + (3...7).map { self.input($0) }, version: 14)
  }
}
