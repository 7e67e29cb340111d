/// A window that slides over the axes of an input: which element each tap reads at each position.
struct Window {
  /// The number of positions along each axis.
  let output: [Int]
  /// For each position, then each tap, both in row-major order: the row-major offset in the input, −1 in the padding.
  let offsets: [Int]

  /// `pads` are the counts before, then after, each axis.
  ///
  /// Throws `input.shape` when the dilated window is larger than the padded axis, and `limit.memory`.
  init(
    input: [Int], kernel: [Int], strides: [Int], pads: [Int], dilations: [Int], of operation: Operation
  ) throws {
    var output: [Int] = []
    for axis in input.indices {
      let padded = input[axis] + pads[axis] + pads[input.count + axis]
      let reach = (kernel[axis] - 1) * dilations[axis] + 1
      try operation.require(
        kernel[axis] == 0 || reach <= padded,
        "a window that reaches over \(reach) elements is larger than axis \(axis) with padding, \(padded)")
      output.append((padded - reach) / strides[axis] + 1)
    }
    self.output = output
    try operation.budget.admit(.s64, shape: output + kernel)
    // One axis after the other: the offsets so far are refined by each further axis.
    let inputStrides = rowMajorStrides(input)
    var table: [(position: Int, tap: Int, offset: Int)] = [(0, 0, 0)]
    for axis in input.indices {
      var refined: [(position: Int, tap: Int, offset: Int)] = []
      refined.reserveCapacity(table.count * output[axis] * kernel[axis])
      for row in table {
        for position in 0..<output[axis] {
          for tap in 0..<kernel[axis] {
            let at = position * strides[axis] + tap * dilations[axis] - pads[axis]
            let isInside = row.offset >= 0 && at >= 0 && at < input[axis]
            refined.append(
              (
                row.position * output[axis] + position, row.tap * kernel[axis] + tap,
                isInside ? row.offset + at * inputStrides[axis] : -1
              ))
          }
        }
      }
      table = refined
    }
    let taps = kernel.reduce(1, *)
    var offsets = Array(repeating: -1, count: table.count)
    for row in table { offsets[row.position * taps + row.tap] = row.offset }
    self.offsets = offsets
  }
}
