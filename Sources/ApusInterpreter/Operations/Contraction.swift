import ApusTensor

extension Operation {
  /// Products are summed in f64, or in 64-bit integers that wrap, and the sum is rounded or wrapped once.
  func matmul() throws -> Tensor {
    let (lhs, rhs) = (operands[0], operands[1])
    let rank = lhs.rank
    let (m, k, n) = (lhs.shape[rank - 2], lhs.shape[rank - 1], rhs.shape[rank - 1])
    try require(
      lhs.shape.dropLast(2) == rhs.shape.dropLast(2), "batch axes of \(lhs.shape) and \(rhs.shape) differ")
    try require(
      rhs.shape[rank - 2] == k, "k is \(k) on the left, \(rhs.shape[rank - 2]) on the right")
    let shape = lhs.shape.dropLast() + [n]
    try budget.admit(results[0].element, shape: Array(shape))
    let batches = elementCount(lhs.shape.dropLast(2))
    let sums: Elements
    switch (Elements(lhs), Elements(rhs)) {
    case (.floats(let a), .floats(let b)): sums = .floats(products(a, b, batches, m, k, n, 0) { $0 + $1 * $2 })
    case (.integers(let a), .integers(let b)):
      sums = .integers(products(a, b, batches, m, k, n, 0) { $0 &+ $1 &* $2 })
    case (.floats, .integers), (.integers, .floats): preconditionFailure("matmul of a float and an integer")
    }
    return try tensor(sums, results[0].element, Array(shape))
  }

  /// x is [batch, channels, spatial …], w is [output channels, channels / groups, kernel …].
  func conv() throws -> Tensor {
    let (x, w) = (operands[0], operands[1])
    let axes = x.rank - 2
    let groups = int("groups")
    let (channels, outputs, depth) = (x.shape[1], w.shape[0], w.shape[1])
    try require(
      channels == depth * groups, "`x` has \(channels) channels, and `w` asks for \(depth) in each of \(groups) groups")
    try require(outputs % groups == 0, "\(groups) groups do not divide \(outputs) output channels")
    let window = try Window(
      input: Array(x.shape[2...]), kernel: Array(w.shape[2...]),
      strides: ints("strides", orRepeating: 1, count: axes), pads: ints("pads", orRepeating: 0, count: 2 * axes),
      dilations: ints("dilations", orRepeating: 1, count: axes), of: self)
    let shape = [x.shape[0], outputs] + window.output
    try budget.admit(results[0].element, shape: shape)
    let sizes = ConvSizes(
      batch: x.shape[0], groups: groups, depth: depth, outputs: outputs / groups,
      taps: elementCount(w.shape[2...]), positions: elementCount(window.output), image: elementCount(x.shape[2...]))
    let sums: Elements
    switch (Elements(x), Elements(w)) {
    case (.floats(let x), .floats(let w)):
      sums = .floats(convolved(x, w, window.offsets, sizes, zero: 0) { $0 + $1 * $2 })
    case (.integers(let x), .integers(let w)):
      sums = .integers(convolved(x, w, window.offsets, sizes, zero: 0) { $0 &+ $1 &* $2 })
    case (.floats, .integers), (.integers, .floats): preconditionFailure("conv of a float and an integer")
    }
    return try tensor(sums, results[0].element, shape)
  }
}

private struct ConvSizes {
  var batch: Int
  var groups: Int
  /// Channels of x in a group.
  var depth: Int
  /// Output channels in a group.
  var outputs: Int
  var taps: Int
  var positions: Int
  /// Elements of a channel of x.
  var image: Int
}

/// [batch, m, k] times [batch, k, n].
private func products<T>(
  _ a: [T], _ b: [T], _ batches: Int, _ m: Int, _ k: Int, _ n: Int, _ zero: T, _ multiplyAdd: (T, T, T) -> T
) -> [T] {
  addingProducts(to: Array(repeating: zero, count: batches * m * n), a, b, batches, m, k, n, multiplyAdd)
}

/// `start` plus [batch, m, k] times [batch, k, n]; each sum runs over k in order.
func addingProducts<T>(
  to start: [T], _ a: [T], _ b: [T], _ batches: Int, _ m: Int, _ k: Int, _ n: Int, _ multiplyAdd: (T, T, T) -> T
) -> [T] {
  var sums = start
  sums.withUnsafeMutableBufferPointer { sums in
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        guard let sums = sums.baseAddress, let a = a.baseAddress, let b = b.baseAddress else { return }
        for row in 0..<(batches * m) {
          let right = b + row / max(m, 1) * k * n
          let sum = sums + row * n
          var p = 0
          while p < k {
            let left = a[row * k + p]
            let line = right + p * n
            var j = 0
            while j < n {
              sum[j] = multiplyAdd(sum[j], left, line[j])
              j += 1
            }
            p += 1
          }
        }
      }
    }
  }
  return sums
}

/// Per image and group a matrix product of w with the elements that the window reads; padding reads zero.
private func convolved<T>(
  _ x: [T], _ w: [T], _ offsets: [Int], _ sizes: ConvSizes, zero: T, _ multiplyAdd: (T, T, T) -> T
) -> [T] {
  let k = sizes.depth * sizes.taps
  let n = sizes.positions
  var result: [T] = []
  result.reserveCapacity(sizes.batch * sizes.groups * sizes.outputs * n)
  for image in 0..<sizes.batch {
    for group in 0..<sizes.groups {
      var columns = Array(repeating: zero, count: k * n)
      for channel in 0..<sizes.depth {
        let base = ((image * sizes.groups + group) * sizes.depth + channel) * sizes.image
        for position in 0..<n {
          for tap in 0..<sizes.taps {
            let offset = offsets[position * sizes.taps + tap]
            if offset >= 0 { columns[(channel * sizes.taps + tap) * n + position] = x[base + offset] }
          }
        }
      }
      let weights = Array(w[(group * sizes.outputs * k)..<((group + 1) * sizes.outputs * k)])
      result += products(weights, columns, 1, sizes.outputs, k, n, zero, multiplyAdd)
    }
  }
  return result
}
