import ApusIR
import ApusTensor

extension Operators {
  /// Operators that put the elements of windows back where the windows lay.
  static var unpooling: [OperatorRule] {
    [OperatorRule("Col2Im", value: { try Columns($0).result() }), OperatorRule("MaxUnpool", value: maxUnpool)]
  }

  private static func maxUnpool(_ n: NodeTranslation) throws -> ValueID {
    let (x, indices) = (try n.value(0), try n.value(1))
    let outer = Array(n.dims(x).prefix(2))
    guard n.rank(x) >= 3 else { throw n.error("onnx.shape", "the operand has no spatial axis") }
    guard n.rank(indices) == n.rank(x) else { throw n.error("onnx.shape", "the indices have \(n.rank(indices)) axes, not \(n.rank(x))") }
    for (a, b) in zip(n.dims(x), n.dims(indices)) { try n.context.emitter.require(a, equals: b) }
    let space = n.spatial(x)
    guard let kernel = try n.optionalInts("kernel_shape"), kernel.count == space.count else {
      throw n.error("onnx.attribute", "'kernel_shape' has an entry for each spatial axis")
    }
    let strides = try n.perAxis("strides", 1, space.count)
    let pads = try n.has(2) ? Array(repeating: 0, count: 2 * space.count) : n.perAxis("pads", 0, 2 * space.count)
    guard (kernel + strides).allSatisfy({ (1..<1 << 31).contains($0) }), pads.allSatisfy({ (0..<1 << 31).contains($0) }) else {
      throw n.error("onnx.attribute", "kernel sizes and strides are positive, and pads are not negative")
    }
    var dims = outer
    for (axis, size) in space.enumerated() {
      let end = try n.sum(n.product(n.difference(size, 1), .constant(strides[axis])), .constant(kernel[axis]))
      let inner = try n.difference(end, .constant(pads[axis] + pads[axis + space.count]))
      try n.context.emitter.require(0, atMost: inner, "the pads are larger than what they surround", id: "onnx.attribute")
      dims.append(inner)
    }
    var result = dims
    if n.has(2) {
      result = try n.sizes(2, "the output's shape")
      guard result.count == dims.count else {
        throw n.error("onnx.shape", "the output's shape has \(result.count) sizes where the operand has \(dims.count) axes")
      }
      for size in result { try n.context.emitter.require(0, atMost: size, "a size of the output is negative", id: "onnx.shape") }
      dims = try zip(dims, result).map { try n.smaller($0, $1) }
    }
    // Indices count the elements of the tensor that was pooled; a larger output has it in its corner.
    try n.checkSize(TensorType(n.element(x), result))
    let (count, total) = (try n.product(n.dims(x)), try n.product(dims))
    let flat = try n.call(
      .scatterElements, [.value(n.filled(0, n.element(x), [total])), .value(n.reshape(indices, [count])), .value(n.reshape(x, [count]))],
      ["axis": .integer(0)])
    return try n.padded(n.reshape(flat, dims), to: result)
  }
}

/// `Col2Im`: sums blocks into the image from which they were cut.
private struct Columns {
  private let n: NodeTranslation
  private let image: [Dim]
  private let block: [Int]
  private let strides: [Int]
  private let dilations: [Int]
  private let pads: [Int]

  init(_ n: NodeTranslation) throws {
    self.n = n
    image = try n.sizes(1, "the image's shape")
    block = try n.integers(2, "the block's shape")
    let rank = image.count
    guard rank > 0, block.count == rank else {
      throw n.error("onnx.shape", "the image has \(rank) axes, and a block \(block.count)")
    }
    strides = try n.perAxis("strides", 1, rank)
    dilations = try n.perAxis("dilations", 1, rank)
    pads = try n.perAxis("pads", 0, 2 * rank)
    guard (block + strides + dilations).allSatisfy({ (1..<1 << 31).contains($0) }), pads.allSatisfy({ (0..<1 << 31).contains($0) }) else {
      throw n.error("onnx.attribute", "block sizes, strides and dilations are positive, and pads are not negative")
    }
  }

  func result() throws -> ValueID {
    let x = try n.value(0)
    guard n.rank(x) == 3 else { throw n.error("onnx.shape", "the operand has \(n.rank(x)) axes, not batch, elements and blocks") }
    let batch = n.dims(x)[0]
    let elements = try n.product(block.map { .constant($0) })
    let channels = try n.quotient(n.dims(x)[1], elements)
    try n.context.emitter.require(
      n.dims(x)[1], equals: n.product(channels, elements), "the operand's elements are not those of whole blocks")
    var (padded, counts): ([Dim], [Dim]) = ([], [])
    for axis in image.indices {
      try n.context.emitter.require(0, atMost: image[axis], "a size of the image is negative", id: "onnx.shape")
      let size = try n.sum(image[axis], .constant(pads[axis] + pads[axis + image.count]))
      let room = try n.difference(size, .constant((block[axis] - 1) * dilations[axis] + 1))
      try n.context.emitter.require(0, atMost: room, "a block is larger than the padded image", id: "onnx.shape")
      padded.append(size)
      counts.append(try n.sum(n.quotient(room, .constant(strides[axis])), 1))
    }
    try n.context.emitter.require(
      n.dims(x)[2], equals: n.product(counts), "the operand has not as many blocks as lie in the image")
    let element = n.element(x)
    try n.checkSize(TensorType(element, [batch, channels] + padded))
    // A row of elements for each place in a block, summed where it lies in the image; narrow floats are rounded once.
    let wide: ElementType = element == .bool ? .u8 : element.isFloat && element != .f64 ? .f32 : element
    let (places, planes) = (try n.product(elements, n.dims(x)[2]), try n.product(batch, channels))
    var rows = try n.reshape(n.convert(x, to: wide), [planes, places])
    rows = try n.transpose(rows, [1, 0])
    let sums = try n.call(
      .scatterNd, [.value(n.filled(0, wide, [n.product(padded), planes])), .value(numbers(padded, counts)), .value(rows)],
      ["reduction": .name(element == .bool ? "max" : "add")])
    let whole = try n.reshape(n.transpose(sums, [1, 0]), [batch, channels] + padded)
    let low = pads.prefix(image.count).map { Dim.constant($0) }
    let inner = try n.slice(whole, [0, 0] + low, [batch, channels] + zip(low, image).map { try n.sum($0, $1) })
    return n.convert(inner, to: element)
  }

  /// Where in the padded image each element of each block lies: `[places, 1]`, counted in row-major order.
  private func numbers(_ padded: [Dim], _ counts: [Dim]) throws -> ValueID {
    let rank = image.count
    let shape = block.map { Dim.constant($0) } + counts
    var number = try n.scalar(0, .s64)
    for axis in image.indices {
      var (inner, outer) = (shape.map { _ in Dim.constant(1) }, shape.map { _ in Dim.constant(1) })
      inner[axis] = shape[axis]
      outer[rank + axis] = shape[rank + axis]
      let within = try n.call(.mul, [.value(n.iota(.s64, inner, axis: axis)), .integer(dilations[axis])])
      let start = try n.call(.mul, [.value(n.iota(.s64, outer, axis: rank + axis)), .integer(strides[axis])])
      let scaled = try n.call(.mul, [.value(number), .size(padded[axis])])
      number = try n.call(.add, scaled, n.call(.add, within, start))
    }
    return try n.reshape(number, [n.product(shape), 1])
  }
}

extension NodeTranslation {
  /// The value in the corner of a tensor of zeros.
  fileprivate func padded(_ value: ValueID, to dims: [Dim]) throws -> ValueID {
    guard self.dims(value) != dims else { return value }
    let missing = try zip(dims, self.dims(value)).map { try difference($0, $1) }
    return try call(
      .pad, [.value(value), .integer(0)], ["low": .sizes(dims.map { _ in 0 }), "high": .sizes(missing)])
  }
}
