import ApusIR
import ApusTensor

extension Operators {
  /// Convolution whose kernel's taps are moved from place to place.
  static var deformableConvolution: [OperatorRule] {
    [OperatorRule("DeformConv", value: { try DeformableConvolution($0).result() })]
  }
}

/// `DeformConv`: samples between the elements, at the places where taps come to lie, and a product with the kernel.
private struct DeformableConvolution {
  private let n: NodeTranslation
  private let x: ValueID
  private let w: ValueID
  private let windows: Windows
  private let spatial: [Dim]
  /// The result's spatial axes.
  private let outer: [Dim]
  /// Channels by the offsets that they share.
  private let sets: Dim
  private let groups: Int
  private let wide: ElementType

  init(_ n: NodeTranslation) throws {
    self.n = n
    wide = n.element(try n.value(0)) == .f64 ? .f64 : .f32
    (x, w) = (n.convert(try n.value(0), to: wide), n.convert(try n.value(1), to: wide))
    let offset = try n.inputType(2)
    guard n.rank(x) >= 3, n.rank(w) == n.rank(x), offset.rank == n.rank(x) else {
      throw n.error("onnx.shape", "the operand, the kernel and the offsets have batch or outputs, channels and the same spatial axes")
    }
    spatial = n.spatial(x)
    windows = try Windows(n, over: spatial, kernel: n.kernel(w))
    (sets, groups) = (.constant(try n.int("offset_group", 1)), try n.int("group", 1))
    guard groups > 0, sets.constantValue.map({ $0 > 0 }) == true else {
      throw n.error("onnx.attribute", "numbers of groups are positive")
    }
    outer = Array(offset.dims.dropFirst(2))
    for (axis, size) in spatial.enumerated() {
      let padded = try n.sum(n.sum(size, windows.before[axis]), windows.after[axis])
      let room = try n.difference(padded, .constant(windows.reach(axis)))
      try n.context.emitter.require(0, atMost: room, "the kernel is larger than the padded operand", id: "onnx.shape")
      try n.context.emitter.require(outer[axis], equals: n.sum(n.quotient(room, .constant(windows.strides[axis])), 1))
    }
  }

  private var taps: Int { windows.kernel.reduce(1, *) }

  func result() throws -> ValueID {
    let (batch, channels, outputs) = (n.dims(x)[0], n.dims(x)[1], n.dims(w)[0])
    let group = Dim.constant(groups)
    try n.context.emitter.require(channels, equals: n.product(n.dims(w)[1], group), "the kernel's channels are not those of a group")
    let places = try n.product(outer)
    // Where each tap lies: [batch · sets, taps · places] for each axis.
    let rows = try n.product(batch, sets)
    let offset = try n.reshape(
      n.convert(n.value(2), to: wide), [rows, .constant(taps), .constant(spatial.count), places])
    var axes: [[Neighbour]] = []
    for axis in spatial.indices {
      let moved = try n.reshape(n.slice(offset, axis: 2, .constant(axis), .constant(axis + 1)), [rows, .constant(taps)] + outer)
      let place = try n.reshape(n.call(.add, moved, start(axis)), [rows, n.product(.constant(taps), places)])
      axes.append(try neighbours(of: place, spatial[axis]))
    }
    let samples = try sampled(axes, rows)
    var columns = try n.reshape(samples, [rows, n.quotient(channels, sets), .constant(taps), places])
    if n.has(4) {
      let mask = n.convert(try n.value(4), to: wide)
      columns = try n.call(.mul, columns, n.reshape(mask, [rows, 1, .constant(taps), places]))
    }
    let depth = try n.product(n.dims(w)[1], .constant(taps))
    columns = try n.reshape(columns, [batch, group, depth, places])
    let kernel = try n.reshape(w, [group, n.quotient(outputs, group), depth])
    var y = try n.reshape(n.call(.matmul, kernel, columns), [batch, outputs] + outer)
    if let bias = try n.optionalValue(3) {
      y = try n.call(.add, y, n.reshape(n.convert(bias, to: wide), [outputs] + outer.map { _ in 1 }))
    }
    return n.convert(y, to: n.element(try n.value(0)))
  }

  /// Where taps lie that are not moved, along one axis: `[taps, places …]`, with sizes of 1.
  private func start(_ axis: Int) throws -> ValueID {
    let inner = windows.kernel[(axis + 1)...].reduce(1, *)
    let steps = (0..<taps).map { Int64($0 / inner % windows.kernel[axis] * windows.dilations[axis]) }
    let tap = try n.reshape(n.constant(Tensor(steps)), [.constant(taps)] + outer.map { _ in 1 })
    var along = outer.map { _ in Dim.constant(1) }
    along[axis] = outer[axis]
    let window = try n.call(.mul, [.value(n.iota(.s64, along, axis: axis)), .integer(windows.strides[axis])])
    return n.convert(try n.call(.sub, [.value(n.call(.add, tap, window)), .size(windows.before[axis])]), to: wide)
  }

  // MARK: Sampling

  /// An element beside a place along one axis.
  private struct Neighbour {
    var index: ValueID
    var weight: ValueID
    var isInside: ValueID
  }

  private func neighbours(of place: ValueID, _ size: Dim) throws -> [Neighbour] {
    let low = try n.call(.floor, place)
    let above = try n.call(.sub, place, low)
    let last = try n.call(.sub, [.value(n.convert(n.value(of: size), to: wide)), .number(1)])
    return try [(0.0, try n.call(.sub, [.number(1), .value(above)])), (1.0, above)].map { step, weight in
      let at = try n.call(.add, [.value(low), .number(step)])
      let isInside = try n.call(
        .and, n.call(.greaterEqual, [.value(at), .number(0)]), n.call(.lessEqual, at, last))
      let index = n.convert(try n.call(.select, [.value(isInside), .value(at), .number(0)]), to: .s64)
      return Neighbour(index: index, weight: weight, isInside: isInside)
    }
  }

  /// The operand between its elements: `[batch · sets, channels of a set, taps · places]`. Beyond its ends lie zeros.
  private func sampled(_ axes: [[Neighbour]], _ rows: Dim) throws -> ValueID {
    let channels = try n.quotient(n.dims(x)[1], sets)
    let source = try n.reshape(x, [rows, channels, n.product(spatial)])
    guard axes.count <= 8 else { throw n.unsupported("a kernel of \(axes.count) spatial axes is not supported") }
    var sum: ValueID?
    for number in 0..<(1 << axes.count) {
      let corner = axes.enumerated().map { $1[number >> $0 & 1] }
      var (index, weight, isInside) = (corner[0].index, corner[0].weight, corner[0].isInside)
      for (neighbour, size) in zip(corner, spatial).dropFirst() {
        index = try n.call(.add, n.call(.mul, [.value(index), .size(size)]), neighbour.index)
        weight = try n.call(.mul, weight, neighbour.weight)
        isInside = try n.call(.and, isInside, neighbour.isInside)
      }
      let count = n.dims(index)[1]
      let indices = try n.expand(n.reshape(index, [rows, 1, count]), to: [rows, channels, count])
      let found = try n.call(.gatherElements, source, indices, attributes: ["axis": .integer(2)])
      let part = try n.call(.mul, found, n.reshape(weight, [rows, 1, count]))
      let counted = try n.call(.select, [.value(n.reshape(isInside, [rows, 1, count])), .value(part), .number(0)])
      sum = try sum.map { try n.call(.add, $0, counted) } ?? counted
    }
    guard let sum else { throw n.error("onnx.shape", "the operand has no spatial axis") }
    return sum
  }
}
