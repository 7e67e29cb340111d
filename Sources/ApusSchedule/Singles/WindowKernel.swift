import ApusIR
import ApusSupport
import ApusTensor

/// What slides over the trailing axes of a value.
private struct Window {
  var sizes: [Int]
  var strides: [Int]
  var dilations: [Int]
  /// Elements before the first along each axis that windows may reach, which are not there.
  var pads: [Int]
  var hasPads: [Bool]
  /// The first of the axes.
  var first: Int
  /// The shape of what it slides over.
  var shape: [Dim]

  init(_ op: OpID, in host: Function) {
    let sizes = host.ints("window", of: op) ?? []
    func list(_ name: String, _ count: Int, _ filler: Int) -> [Int] {
      let given = host.ints(name, of: op) ?? []
      return given.isEmpty ? [Int](repeating: filler, count: count) : given
    }
    self.sizes = sizes
    strides = list("strides", sizes.count, 1)
    dilations = list("dilations", sizes.count, 1)
    let all = list("pads", 2 * sizes.count, 0)
    pads = Array(all.prefix(sizes.count))
    hasPads = sizes.indices.map { all[$0] > 0 || all[$0 + sizes.count] > 0 }
    first = host.type(of: host.result(of: op)).rank - sizes.count
    shape = host.type(of: host.operand(0, of: op)).dims
  }
}

/// The taps of a window along one axis that fall on elements, and the element that tap 0 falls on.
private struct Taps {
  var low: ValueID
  var high: ValueID
  var start: ValueID
}

extension KernelLowering {
  /// Folds the window of each element of the result. Along the last axis, where whole windows fall on elements, as many
  /// results are computed at once as there are lanes; near the ends, one at a time.
  mutating func lowerReduceWindow(_ op: OpID) throws {
    let x = host.operand(0, of: op)
    let folding = Folding(kind: host.string("kind", of: op) ?? "sum", operand: x, element: emitter.element(of: x))
    let window = Window(op, in: host)
    let shape = emitter.dims(of: results[0])
    guard schedule.vectorLanes > 1, let last = shape.indices.last, last >= window.first else {
      return try scalarNest(shape) { lowering, at, _ in try lowering.window(window, folding, at: at) }
    }
    try vectorizedOrScalar { lowering in
      try lowering.scalarNest(shape, skipping: [last]) { lowering, at, _ in
        try lowering.windowRow(window, folding, at: at, along: last, lowering.emitter.size(shape[last]))
      }
    }
  }

  private mutating func windowRow(
    _ window: Window, _ folding: Folding, at positions: [Position], along last: Int, _ count: ValueID
  ) throws {
    let axis = last - window.first
    let lanes = schedule.vectorLanes
    let zero = emitter.builder.index(0)
    let size = emitter.size(window.shape[last])
    let reach = emitter.builder.add(size, window.pads[axis] - (window.sizes[axis] - 1) * window.dilations[axis])
    let low = emitter.builder.minimum(
      emitter.builder.index((window.pads[axis] + window.strides[axis] - 1) / window.strides[axis]), count)
    let end = emitter.builder.minimum(
      ceilDivide(emitter.builder.maximum(reach, zero), window.strides[axis]), count)
    let whole = emitter.builder.maximum(emitter.builder.subtract(end, low), zero)
    // The last vector ends with the last whole window, and may compute again what the one before it has. Fewer windows
    // than lanes make no vector.
    let vectors = lanes == 1 ? zero : emitter.builder.divide(whole, emitter.builder.index(lanes))
    let isWide = emitter.builder.minimum(vectors, emitter.builder.index(1))
    let inside = emitter.builder.multiply(isWide, whole)
    let high = emitter.builder.add(low, inside)
    if lanes > 1 {
      let leading = leadingTaps(window, at: positions)
      emitter.lanes = lanes
      try loop(zero, ceilDivide(inside, lanes)) { lowering, vector, _ in
        let next = lowering.emitter.builder.add(low, lowering.emitter.builder.multiply(vector, lanes))
        let index = lowering.emitter.builder.minimum(
          next, lowering.emitter.builder.subtract(high, lowering.emitter.builder.index(lanes)))
        let start = lowering.emitter.builder.subtract(
          lowering.emitter.builder.multiply(index, window.strides[axis]), lowering.emitter.builder.index(window.pads[axis]))
        let taps = Taps(low: zero, high: lowering.emitter.builder.index(window.sizes[axis]), start: start)
        var at = positions
        at[last] = Position(value: index, laneStride: 1)
        try lowering.window(window, folding, leading + [taps], at: at)
        return []
      }
      emitter.lanes = nil
    }
    let ends = emitter.builder.subtract(count, inside)
    try loop(zero, ends) { lowering, counter, _ in
      // What lies before `low` keeps its number; the others come after the whole windows.
      let isAfter = lowering.emitter.builder.compare(.greaterEqual, counter, low)
      let index = lowering.emitter.builder.emit(
        .select, [isAfter, lowering.emitter.builder.add(counter, inside), counter], .index)
      var at = positions
      at[last] = .fixed(index)
      try lowering.window(window, folding, at: at)
      return []
    }
  }

  private mutating func window(_ window: Window, _ folding: Folding, at positions: [Position]) throws {
    try self.window(window, folding, window.sizes.indices.map { taps(window, $0, at: positions) }, at: positions)
  }

  private mutating func leadingTaps(_ window: Window, at positions: [Position]) -> [Taps] {
    window.sizes.indices.dropLast().map { taps(window, $0, at: positions) }
  }

  /// Only the taps that fall on elements are visited, so nothing outside is read.
  private mutating func taps(_ window: Window, _ axis: Int, at positions: [Position]) -> Taps {
    let place = window.first + axis
    let zero = emitter.builder.index(0)
    let start = emitter.builder.subtract(
      emitter.builder.multiply(positions[place].value, window.strides[axis]), emitter.builder.index(window.pads[axis]))
    guard window.hasPads[axis] else {
      return Taps(low: zero, high: emitter.builder.index(window.sizes[axis]), start: start)
    }
    let before = emitter.builder.maximum(emitter.builder.subtract(zero, start), zero)
    let size = emitter.size(window.shape[place])
    let room = emitter.builder.maximum(emitter.builder.subtract(size, start), zero)
    let high = emitter.builder.minimum(
      ceilDivide(room, window.dilations[axis]), emitter.builder.index(window.sizes[axis]))
    let rounding = isPlanted(.paddedWindowStartsEarly) ? 0 : window.dilations[axis] - 1
    let low = emitter.builder.divide(
      emitter.builder.add(before, rounding), emitter.builder.index(window.dilations[axis]))
    return Taps(low: low, high: high, start: start)
  }

  private mutating func window(_ window: Window, _ folding: Folding, _ taps: [Taps], at positions: [Position]) throws {
    let initial = folding.initial(&emitter, lanes: emitter.lanes)
    let final = try fold(window, taps[...], at: positions, carrying: initial) { lowering, source, state in
      let x = try lowering.emitter.emit(folding.operand, at: source)
      return folding.step(&lowering.emitter, state, x, at: source[0])
    }
    store(folding.finish(&emitter, final), outputs[0], positions)
  }

  private mutating func fold(
    _ window: Window, _ taps: ArraySlice<Taps>, at positions: [Position], carrying state: [ValueID],
    _ body: (inout KernelLowering, [Position], [ValueID]) throws -> [ValueID]
  ) throws -> [ValueID] {
    guard let own = taps.first else { return try body(&self, positions, state) }
    let axis = taps.startIndex
    let kind: LoopBuilder.LoopKind = emitter.lanes != nil && taps.count == 1 ? .unrolled : .serial
    return try loop(own.low, own.high, kind: kind, carrying: state) { lowering, tap, inner in
      var source = positions
      let step = lowering.emitter.builder.multiply(tap, window.dilations[axis])
      let lane = positions[window.first + axis].laneStride * window.strides[axis]
      source[window.first + axis] = Position(value: lowering.emitter.builder.add(own.start, step), laneStride: lane)
      return try lowering.fold(window, taps.dropFirst(), at: source, carrying: inner, body)
    }
  }
}
