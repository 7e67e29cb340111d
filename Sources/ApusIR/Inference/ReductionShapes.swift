import ApusSupport
import ApusTensor

extension TypeInference {
  func reduceShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    return [x.with(dims: reduced(x.dims, ints("axes")))]
  }

  func argReduceShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    let axis = int("axis")
    try requireAtMost(1, x.dims[axis], "C1", .operand(0), "axis \(axis) is \(text(x.dims[axis]))")
    return [TensorType(.s64, reduced(x.dims, [axis]), form: x.form)]
  }

  func topKShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    let axis = int("axis")
    let k = dims("k")
    try require(k.count == 1, "C1", .attribute("k"), "it has \(k.count) entries")
    try requireAtMost(0, k[0], "C1", .attribute("k"), "it is \(text(k[0]))")
    try requireAtMost(k[0], x.dims[axis], "C1", .attribute("k"), "\(text(k[0])) of \(text(x.dims[axis]))")
    var shape = x.dims
    shape[axis] = k[0]
    return [x.with(dims: shape), TensorType(.s64, shape, form: x.form)]
  }

  func reduceWindowShape() throws(InferenceError) -> [TensorType] {
    let x = operand("x")
    let window = ints("window")
    // The composites over [batch, channels, spatial …] share this rule; their windows are spatial.
    let isSpatial = info.code != .reduceWindow
    try require(
      window.count >= 1 && (isSpatial ? window.count == x.rank - 2 : window.count <= x.rank), "C1",
      .attribute("window"), "\(window.count) entries for rank \(x.rank)")
    let axes = Array((x.rank - window.count)..<x.rank)
    let sizes = window.map { Dim.constant($0) }
    let sliding = try sliding(axes.count, "C2", "C3")
    try require(window.allSatisfy { $0 > 0 }, "C3", .attribute("window"), "it is \(window)")
    var shape = x.dims
    for (index, axis) in axes.enumerated() {
      shape[axis] = try windows(x.dims[axis], sizes[index], sliding, index, "C4")
    }
    return [x.with(dims: shape)]
  }

  private func reduced(_ dims: [Dim], _ axes: [Int]) -> [Dim] {
    let keepsDims = bool("keep_dims")
    return dims.enumerated().compactMap { axis, dim in
      axes.contains(axis) ? (keepsDims ? 1 : nil) : dim
    }
  }
}

/// How windows move over axes: what `reduce_window` and `conv` share.
struct Sliding {
  var strides: [Int]
  var dilations: [Int]
  var before: [Int]
  var after: [Int]
}

extension TypeInference {
  /// Reads `strides`, `dilations` and `pads` for `count` axes.
  func sliding(
    _ count: Int, _ lengths: String, _ signs: String
  ) throws(InferenceError) -> Sliding {
    let strides = try perAxis("strides", count: count, default: 1, lengths)
    let dilations = try perAxis("dilations", count: count, default: 1, lengths)
    let given = ints("pads")
    try require(
      given.isEmpty || given.count == 2 * count, lengths, .attribute("pads"),
      "\(given.count) pads for \(count) axes")
    let pads = given.isEmpty ? Array(repeating: 0, count: 2 * count) : given
    try require(strides.allSatisfy { $0 > 0 }, signs, .attribute("strides"), "strides are \(strides)")
    try require(
      dilations.allSatisfy { $0 > 0 }, signs, .attribute("dilations"), "dilations are \(dilations)")
    try require(pads.allSatisfy { $0 >= 0 }, signs, .attribute("pads"), "pads are \(pads)")
    return Sliding(
      strides: strides, dilations: dilations, before: Array(pads[..<count]), after: Array(pads[count...]))
  }

  /// The number of places a window takes along an axis: ⌊(padded − dilated window) / stride⌋ + 1.
  func windows(
    _ size: Dim, _ window: Dim, _ sliding: Sliding, _ index: Int, _ constraint: String
  ) throws(InferenceError) -> Dim {
    let padded = try sized { () throws(DimOverflow) in
      try Dim.sum(Dim.sum(size, .constant(sliding.before[index])), .constant(sliding.after[index]))
    }
    let reach = try sized { () throws(DimOverflow) in
      try Dim.sum(Dim.product(.constant(sliding.dilations[index]), Dim.difference(window, 1)), 1)
    }
    let most = isPlanted(.windowsMayExceedByOne) ? (try? Dim.sum(padded, 1)) ?? padded : padded
    try requireAtMost(
      reach, most, constraint, .operand(0), "a window of \(text(reach)) on \(text(padded)) elements")
    return try sized { () throws(DimOverflow) in
      try Dim.sum(Dim.floordiv(Dim.difference(padded, reach), .constant(sliding.strides[index])), 1)
    }
  }
}
