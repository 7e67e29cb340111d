import ApusIR
import ApusTensor

extension Operators {
  /// Parts of tensors, and tensors of parts.
  static var slicing: [OperatorRule] {
    [
      OperatorRule("Slice", value: slice),
      OperatorRule("Split", split),
      OperatorRule("Concat", value: { n in
        let parts = try (0..<n.inputCount).map { try n.value($0) }
        guard let first = parts.first else { throw n.error("onnx.operand", "there is nothing to concatenate") }
        let axis = try n.axis(n.int("axis", 1), rank: n.rank(first))
        guard parts.count > 1 else { return first }
        return try n.call(.concat, parts.map { .value($0) }, ["axis": .integer(axis)])
      }),
    ]
  }

  // MARK: Slice

  private static func slice(_ n: NodeTranslation) throws -> ValueID {
    let x = try n.value(0)
    let dims = n.dims(x)
    let starts = try n.optionalInts("starts")?.map { .constant($0) } ?? n.sizes(1, "the list of starts")
    let ends = try n.optionalInts("ends")?.map { .constant($0) } ?? n.sizes(2, "the list of ends")
    let axes = try n.optionalInts("axes") ?? (n.has(3) ? n.integers(3, "the list of axes") : Array(starts.indices))
    let steps = n.has(4) ? try n.integers(4, "the list of steps") : starts.map { _ in 1 }
    guard starts.count == ends.count, axes.count == starts.count, steps.count == starts.count else {
      throw n.error("onnx.operand", "the starts, ends, axes and steps differ in number")
    }
    var (lows, limits, strides) = (dims.map { _ in Dim.constant(0) }, dims, dims.map { _ in 1 })
    var reversed: [Int] = []
    for (index, axis) in try n.axes(axes, rank: dims.count).enumerated() {
      let (size, step) = (dims[axis], steps[index])
      guard step != 0 else { throw n.error("onnx.operand", "a step is 0") }
      var start = try counted(n, starts[index], size)
      var end = try counted(n, ends[index], size)
      if step < 0 {
        // Seen from the other end it is a slice forwards.
        let last = try n.difference(size, 1)
        start = try n.clamped(n.difference(last, start), 0, n.larger(0, last))
        end = try n.difference(last, end)
        reversed.append(axis)
      } else {
        start = try n.clamped(start, 0, size)
      }
      end = try n.clamped(end, 0, size)
      lows[axis] = start
      limits[axis] = n.isAtMost(start, end) == .yes ? end : try n.larger(start, end)
      strides[axis] = step.magnitude > UInt(Int32.max) ? Int(Int32.max) : abs(step)
    }
    let source = reversed.isEmpty ? x : try n.call(.reverse, [.value(x)], ["axes": .ints(reversed.sorted())])
    return try n.slice(source, lows, limits, strides)
  }

  /// An index counted from the start. Those far outside, which exporters write for the ends, become some just outside.
  private static func counted(_ n: NodeTranslation, _ index: Dim, _ size: Dim) throws -> Dim {
    if let index = index.constantValue {
      if index >= Int(Int32.max), size.constantValue.map({ $0 <= index }) ?? true { return size }
      if index <= Int(Int32.min), size.constantValue.map({ $0 <= ~index }) ?? true { return -1 }
      return index < 0 ? try n.sum(.constant(index), size) : .constant(index)
    }
    if n.isAtMost(0, index) == .yes { return index }
    let fromEnd = try n.sum(index, size)
    if n.isAtMost(index, -1) == .yes { return fromEnd }
    // The sign is known only when the model runs: −1 for a negative index, else 0.
    let sign = try n.larger(-1, n.smaller(0, index))
    return try n.difference(index, n.product(size, sign))
  }

  // MARK: Split

  private static func split(_ n: NodeTranslation) throws -> [Imported] {
    let x = try n.value(0)
    let axis = try n.axis(n.int("axis", 0), rank: n.rank(x))
    let size = n.dims(x)[axis]
    var ends: [Dim] = []
    if let lengths = try lengths(n) {
      guard lengths.count == n.node.outputs.count else {
        throw n.error("onnx.operand", "there are \(lengths.count) lengths for \(n.node.outputs.count) parts")
      }
      for length in lengths { ends.append(try n.sum(ends.last ?? 0, length)) }
      let total = ends.last ?? 0
      if n.areEqual(total, size) == .no {
        throw n.error("onnx.operand", "the lengths of the parts do not add up to the size of the axis")
      }
      try n.context.emitter.require(total, equals: size)
    } else {
      let count = try n.optionalInt("num_outputs") ?? n.node.outputs.count
      guard count == n.node.outputs.count, count > 0 else {
        throw n.error("onnx.attribute", "\(count) parts are wanted, and the node has \(n.node.outputs.count) results")
      }
      var length = try n.quotient(size, .constant(count))
      if n.version >= 18 {
        length = try n.quotient(n.sum(size, .constant(count - 1)), .constant(count))
      } else {
        try n.context.emitter.require(n.product(length, .constant(count)), equals: size)
      }
      for index in 1...count {
        let end = index == count ? size : try n.product(length, .constant(index))
        ends.append(n.isAtMost(end, size) == .yes ? end : try n.smaller(end, size))
      }
    }
    var start: Dim = 0
    return try ends.map { end in
      defer { start = end }
      return .value(try n.slice(x, axis: axis, start, end))
    }
  }

  private static func lengths(_ n: NodeTranslation) throws -> [Dim]? {
    if let lengths = try n.optionalInts("split") { return lengths.map { .constant($0) } }
    return n.has(1) ? try n.sizes(1, "the lengths of the parts") : nil
  }
}
