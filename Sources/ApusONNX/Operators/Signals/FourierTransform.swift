import ApusIR
import ApusTensor

/// Discrete Fourier transforms of one length, as products with constant matrices.
///
/// Complex numbers are pairs along a last axis: `[…, points, 2]`, or `[…, points, 1]` where all are real. A pair of axes
/// becomes one, and a transform is then a product of real matrices. What would take too large a matrix is made of shorter
/// transforms, by Cooley and Tukey's rule where the length has factors, and else by Bluestein's.
struct FourierTransform {
  /// The most points that a transform may have.
  static let maximumLength = 1 << 22
  /// Elements of a matrix at most: 2 MiB of f32.
  private static let matrixElements = 1 << 19

  private let n: NodeTranslation
  private let length: Int
  private let isInverse: Bool
  private let isOnesided: Bool

  /// Throws `onnx.operand` for a negative length, and `onnx.unsupported` for one above ``maximumLength``.
  init(_ n: NodeTranslation, length: Int, isInverse: Bool, isOnesided: Bool) throws {
    guard length >= 0 else { throw n.error("onnx.operand", "a transform of \(length) points") }
    guard length <= Self.maximumLength else {
      throw n.unsupported("a transform of \(length) points: \(Self.maximumLength) at most are supported")
    }
    self.n = n
    self.length = length
    self.isInverse = isInverse
    self.isOnesided = isOnesided
  }

  /// The transform along the last axis but one, whose points are cut or filled up with zeros to the length.
  ///
  /// A one-sided transform gives the first half of the points and the one in the middle; its inverse takes these and gives
  /// real numbers.
  func applied(to x: ValueID) throws -> ValueID {
    let rank = n.rank(x)
    let outer = Array(n.dims(x).prefix(rank - 2))
    let (given, parts) = (n.dims(x)[rank - 2], n.dims(x)[rank - 1].constantValue ?? 1)
    let isReal = isInverse && isOnesided
    let taken = isReal ? length / 2 + 1 : length
    let outputs = isOnesided && !isInverse ? length / 2 + 1 : length
    var lines = try n.reshape(x, [n.product(outer), given, .constant(parts)])
    let used = try n.smaller(given, .constant(taken))
    lines = try n.slice(lines, axis: 1, 0, used)
    let result: ValueID
    if let rows = used.constantValue, fits(rows * parts, outputs * (isReal ? 1 : 2)) {
      result = try product(lines, rows, Matrix(inputs: rows, parts: parts, outputs: outputs, isReal: isReal), scale)
    } else {
      lines = try filled(lines, to: taken)
      if isReal { lines = try mirrored(lines) }
      let all = try spectrum(lines, length, isInverse: isInverse, scale)
      result = try isReal ? n.slice(all, axis: 2, 0, 1) : n.slice(all, axis: 1, 0, .constant(outputs))
    }
    return try n.reshape(result, outer + [.constant(outputs), isReal ? 1 : 2])
  }

  private var scale: Double { isInverse && length > 0 ? 1 / Double(length) : 1 }

  private func fits(_ rows: Int, _ columns: Int) -> Bool {
    let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
    return !overflow && count <= Self.matrixElements
  }

  // MARK: As one product

  private struct Matrix {
    let inputs: Int
    /// Of an input: 1 where all are real.
    let parts: Int
    let outputs: Int
    /// Whether the outputs are real, and each input but the first and the one in the middle stands for its mirror image too.
    var isReal = false
  }

  private func product(_ lines: ValueID, _ points: Int, _ matrix: Matrix, _ scale: Double) throws -> ValueID {
    try product(lines, matrix, length: length, isInverse: isInverse, scale)
  }

  /// `lines` is `[count, inputs, parts]`.
  private func product(
    _ lines: ValueID, _ matrix: Matrix, length: Int, isInverse: Bool, _ scale: Double
  ) throws -> ValueID {
    let columns = matrix.isReal ? 1 : 2
    var elements: [Double] = []
    elements.reserveCapacity(matrix.inputs * matrix.parts * matrix.outputs * columns)
    // Without inputs there is no row; without points there are no roots.
    let roots = RootsOfUnity(max(1, length))
    let sign = isInverse ? 1.0 : -1.0
    for input in 0..<matrix.inputs {
      let isAlone = input == 0 || 2 * input == length
      let weight = matrix.isReal && !isAlone ? 2 * scale : scale
      for part in 0..<matrix.parts {
        for output in 0..<matrix.outputs {
          let (cosine, sine) = roots[input * output]
          let (x, y) = (cosine * weight, sine * sign * weight)
          elements.append(part == 0 ? x : -y)
          if !matrix.isReal { elements.append(part == 0 ? y : x) }
        }
      }
    }
    let rows = matrix.inputs * matrix.parts
    let count = n.dims(lines)[0]
    let table = try constant(elements, [rows, matrix.outputs * columns], like: lines)
    let result = try n.call(.matmul, n.reshape(lines, [count, .constant(rows)]), table)
    return try n.reshape(result, [count, .constant(matrix.outputs), .constant(columns)])
  }

  private func constant(_ elements: [Double], _ shape: [Int], like value: ValueID) throws -> ValueID {
    try n.constant(
      n.element(value) == .f64 ? Tensor(elements, shape: shape) : Tensor(elements.map { Float($0) }, shape: shape))
  }

  // MARK: Of shorter ones

  /// All points of a transform: `[count, length, parts]` to `[count, length, 2]`, times `scale`.
  private func spectrum(_ lines: ValueID, _ length: Int, isInverse: Bool, _ scale: Double) throws -> ValueID {
    let parts = n.dims(lines)[2].constantValue ?? 1
    if fits(length * parts, length * 2) {
      let matrix = Matrix(inputs: length, parts: parts, outputs: length)
      return try product(lines, matrix, length: length, isInverse: isInverse, scale)
    }
    guard let factor = Self.factor(of: length) else {
      return try chirped(lines, length, isInverse: isInverse, scale)
    }
    // Point b·i + j, of i < a and j < b, goes into point h + a·k with the factor ω^(jh) · ω_a^(ih) · ω_b^(jk).
    let count = n.dims(lines)[0]
    let (a, b) = (Dim.constant(factor), Dim.constant(length / factor))
    var x = try n.transpose(n.reshape(lines, [count, a, b, .constant(parts)]), [0, 2, 1, 3])
    x = try n.reshape(x, [n.product(count, b), a, .constant(parts)])
    x = try n.reshape(spectrum(x, factor, isInverse: isInverse, 1), [count, b, a, 2])
    let roots = RootsOfUnity(length)
    let turns = (0..<length).map { roots[$0 / factor * ($0 % factor)] }
    x = try turned(x, turns, [length / factor, factor], isBackward: !isInverse)
    x = try n.reshape(n.transpose(x, [0, 2, 1, 3]), [n.product(count, a), b, 2])
    x = try n.reshape(spectrum(x, length / factor, isInverse: isInverse, scale), [count, a, b, 2])
    return try n.reshape(n.transpose(x, [0, 2, 1, 3]), [count, .constant(length), 2])
  }

  /// The largest factor that is no larger than its cofactor; nil for a prime.
  private static func factor(of length: Int) -> Int? {
    let root = (1...4_096).last { $0 * $0 <= length } ?? 1
    return (2...max(2, root)).last { length.isMultiple(of: $0) && $0 * $0 <= length }
  }

  /// Complex numbers times constant ones, or their conjugates: over the last axes `shape` and the pairs.
  private func turned(
    _ x: ValueID, _ factors: [(cosine: Double, sine: Double)], _ shape: [Int], isBackward: Bool = false
  ) throws -> ValueID {
    let sign = isBackward ? -1.0 : 1.0
    let along = try constant(factors.map(\.cosine), shape + [1], like: x)
    let across = factors.flatMap { [-$0.sine * sign, $0.sine * sign] }
    let swapped = try n.call(.reverse, [.value(x)], ["axes": .ints([shape.count + 1])])
    return try n.call(.add, n.call(.mul, x, along), n.call(.mul, swapped, constant(across, shape + [2], like: x)))
  }

  // MARK: Of prime length

  /// A transform as a convolution with a chirp: jk is (j² + k² − (j − k)²) / 2.
  private func chirped(_ lines: ValueID, _ length: Int, isInverse: Bool, _ scale: Double) throws -> ValueID {
    var size = 1
    while size < 2 * length - 1 { size *= 2 }
    let roots = RootsOfUnity(2 * length)
    let chirp = (0..<length).map { roots[$0 * $0 % (2 * length)] }
    // The convolution's kernel is the chirp the other way round, on both sides of 0.
    let direction = isInverse ? -1.0 : 1.0
    var kernel = Array(repeating: (cosine: 0.0, sine: 0.0), count: size)
    for (index, root) in chirp.enumerated() {
      kernel[index] = (root.cosine, root.sine * direction)
      if index > 0 { kernel[size - index] = kernel[index] }
    }
    transform(&kernel)
    var x = lines
    if n.dims(x)[2] == 1 { x = try n.call(.pad, [.value(x), .integer(0)], ["low": .sizes([0, 0, 0]), "high": .sizes([0, 0, 1])]) }
    x = try filled(turned(x, chirp, [length], isBackward: !isInverse), to: size)
    x = try turned(spectrum(x, size, isInverse: false, 1), kernel, [size])
    x = try n.slice(spectrum(x, size, isInverse: true, scale / Double(size)), axis: 1, 0, .constant(length))
    return try turned(x, chirp, [length], isBackward: !isInverse)
  }

  /// The transform of numbers that are known, a power of two of them.
  private func transform(_ points: inout [(cosine: Double, sine: Double)]) {
    let roots = RootsOfUnity(points.count)
    let bits = points.count.trailingZeroBitCount
    for index in points.indices {
      let mirrored = Int(UInt64(index).bitReversed >> UInt64(64 - max(1, bits)))
      if index < mirrored { points.swapAt(index, mirrored) }
    }
    var half = 1
    while half < points.count {
      for start in stride(from: 0, to: points.count, by: 2 * half) {
        for step in 0..<half {
          let root = roots[step * (points.count / (2 * half))]
          let (a, b) = (points[start + step], points[start + step + half])
          let x = b.cosine * root.cosine + b.sine * root.sine
          let y = b.sine * root.cosine - b.cosine * root.sine
          points[start + step] = (a.cosine + x, a.sine + y)
          points[start + step + half] = (a.cosine - x, a.sine - y)
        }
      }
      half *= 2
    }
  }

  // MARK: Points

  /// Points of zero behind the given ones.
  private func filled(_ lines: ValueID, to points: Int) throws -> ValueID {
    let missing = try n.difference(.constant(points), n.dims(lines)[1])
    if missing == 0 { return lines }
    let padded = try n.call(
      .pad, [.value(lines), .integer(0)], ["low": .sizes([0, 0, 0]), "high": .sizes([0, missing, 0])])
    return try n.reshape(padded, [n.dims(lines)[0], .constant(points), n.dims(lines)[2]])
  }

  /// The points of a real signal's spectrum that follow from its first half.
  private func mirrored(_ half: ValueID) throws -> ValueID {
    var x = half
    if n.dims(x)[2] == 1 { x = try n.call(.pad, [.value(x), .integer(0)], ["low": .sizes([0, 0, 0]), "high": .sizes([0, 0, 1])]) }
    let inner = try n.slice(x, axis: 1, 1, .constant(1 + (length - 1) / 2))
    let reversed = try n.call(.reverse, [.value(inner)], ["axes": .ints([1])])
    let conjugated = try n.call(.mul, reversed, constant([1, -1], [2], like: x))
    return try n.concat([x, conjugated], axis: 1)
  }
}

extension UInt64 {
  /// The bits in opposite order.
  fileprivate var bitReversed: UInt64 {
    var (rest, result) = (self, UInt64(0))
    for _ in 0..<64 {
      result = result << 1 | rest & 1
      rest >>= 1
    }
    return result
  }
}
