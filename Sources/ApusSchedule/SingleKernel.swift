import ApusIR
import ApusSupport
import ApusTensor

extension KernelLowering {
  /// Lowers a kernel about one op with loops of its own. Its operands are computed where they are read.
  ///
  /// Throws `schedule.unsupported` for `non_zero`, whose result the host cannot size yet.
  mutating func lowerSingle() throws {
    guard let op = host.ops(in: body).first(where: { host.opcode(of: $0).kernelKind == .single }) else {
      preconditionFailure("a single kernel has its op")
    }
    guard results == host.results(of: op) else {
      throw DiagnosticError(
        .unsupported, id: "schedule.unsupported", "a kernel about \(host.opcode(of: op).name) yields all that it gives")
    }
    schedule.vectorLanes = 1
    switch host.opcode(of: op) {
    case .reduceWindow: try lowerReduceWindow(op)
    case .scan: try lowerScan(op)
    case .dynamicUpdateSlice: try lowerDynamicUpdateSlice(op)
    case .scatterElements, .scatterNd: try lowerScatter(op)
    case .sort: try lowerSort(op)
    case .topK: try lowerTopK(op)
    case let code:
      throw DiagnosticError(.unsupported, id: "schedule.unsupported", "\(code.name) has no loops")
    }
  }

  /// Loops over the axes of a shape, the first of them parallel; the body gets a position for each.
  mutating func scalarNest(
    _ shape: [Dim], skipping skipped: Int? = nil, isParallel: Bool = true,
    _ body: (inout KernelLowering, [Position]) throws -> Void
  ) throws {
    let start = Position.fixed(emitter.builder.index(0))
    try scalarNest(
      shape.indices.filter { $0 != skipped }[...], shape, isParallel, at: shape.map { _ in start }, body)
  }

  private mutating func scalarNest(
    _ axes: ArraySlice<Int>, _ shape: [Dim], _ isParallel: Bool, at positions: [Position],
    _ body: (inout KernelLowering, [Position]) throws -> Void
  ) throws {
    guard let axis = axes.first else { return try body(&self, positions) }
    let grain = max(1, Rules.chunkElements / 8 / shape[(axis + 1)...].reduce(1) { $0 * max($1.constantValue ?? 64, 1) })
    try loop(
      emitter.builder.index(0), emitter.size(shape[axis]), kind: isParallel ? .parallel(grain: grain) : .serial
    ) { lowering, counter, _ in
      var inner = positions
      inner[axis] = .fixed(counter)
      try lowering.scalarNest(axes.dropFirst(), shape, false, at: inner, body)
      return []
    }
  }

  /// Copies a value into an output.
  mutating func copyWhole(_ value: ValueID, to output: ValueID) throws {
    try scalarNest(emitter.dims(of: value)) { lowering, at in
      lowering.store(try lowering.emitter.emit(value, at: at), output, at)
    }
  }

  // MARK: Windows and scans

  private mutating func lowerReduceWindow(_ op: OpID) throws {
    let x = host.operand(0, of: op)
    let window = host.ints("window", of: op) ?? []
    func list(_ name: String, _ count: Int, _ filler: Int) -> [Int] {
      let given = host.ints(name, of: op) ?? []
      return given.isEmpty ? [Int](repeating: filler, count: count) : given
    }
    let (strides, dilations) = (list("strides", window.count, 1), list("dilations", window.count, 1))
    let pads = list("pads", 2 * window.count, 0)
    let shape = emitter.dims(of: results[0])
    let first = shape.count - window.count
    let sizes = emitter.dims(of: x)
    let folding = Folding(kind: host.string("kind", of: op) ?? "sum", operand: x, element: emitter.element(of: x))
    try scalarNest(shape) { lowering, at in
      let zero = lowering.emitter.builder.index(0)
      // Only the taps that fall on elements are visited, so nothing outside is read.
      var bounds: [(low: ValueID, high: ValueID, start: ValueID)] = []
      for axis in window.indices {
        let start = lowering.emitter.builder.subtract(
          lowering.emitter.builder.multiply(at[first + axis].value, strides[axis]), lowering.emitter.builder.index(pads[axis]))
        guard pads[axis] > 0 || pads[axis + window.count] > 0 else {
          bounds.append((zero, lowering.emitter.builder.index(window[axis]), start))
          continue
        }
        let before = lowering.emitter.builder.maximum(lowering.emitter.builder.subtract(zero, start), zero)
        let low = lowering.ceilDivide(before, dilations[axis])
        let room = lowering.emitter.builder.maximum(
          lowering.emitter.builder.subtract(lowering.emitter.size(sizes[first + axis]), start), zero)
        let high = lowering.emitter.builder.minimum(
          lowering.ceilDivide(room, dilations[axis]), lowering.emitter.builder.index(window[axis]))
        bounds.append((low, high, start))
      }
      let initial = folding.initial(&lowering.emitter, lanes: nil)
      let final = try lowering.taps(0, bounds, dilations, first, at, carrying: initial) { lowering, source, state in
        folding.step(&lowering.emitter, state, try lowering.emitter.emit(x, at: source), at: .fixed(zero))
      }
      lowering.store(folding.finish(&lowering.emitter, final), lowering.outputs[0], at)
    }
  }

  private mutating func taps(
    _ axis: Int, _ bounds: [(low: ValueID, high: ValueID, start: ValueID)], _ dilations: [Int], _ first: Int,
    _ at: [Position], carrying state: [ValueID],
    _ body: (inout KernelLowering, [Position], [ValueID]) throws -> [ValueID]
  ) throws -> [ValueID] {
    guard axis < bounds.count else { return try body(&self, at, state) }
    let bound = bounds[axis]
    return try loop(bound.low, bound.high, carrying: state) { lowering, tap, inner in
      var source = at
      let step = lowering.emitter.builder.multiply(tap, dilations[axis])
      source[first + axis] = .fixed(lowering.emitter.builder.add(bound.start, step))
      return try lowering.taps(axis + 1, bounds, dilations, first, source, carrying: inner, body)
    }
  }

  private mutating func lowerScan(_ op: OpID) throws {
    let x = host.operand(0, of: op)
    let axis = host.int("axis", of: op) ?? 0
    let isExclusive = host.bool("exclusive", of: op) ?? false
    let isReversed = host.bool("reverse", of: op) ?? false
    let shape = emitter.dims(of: x)
    let folding = Folding(kind: host.string("kind", of: op) ?? "sum", operand: x, element: emitter.element(of: x))
    try scalarNest(shape, skipping: axis) { lowering, at in
      let size = lowering.emitter.size(shape[axis])
      let initial = folding.initial(&lowering.emitter, lanes: nil)
      try lowering.loop(lowering.emitter.builder.index(0), size, carrying: initial) { lowering, counter, state in
        var here = at
        let last = lowering.emitter.builder.subtract(size, lowering.emitter.builder.index(1))
        here[axis] = .fixed(isReversed ? lowering.emitter.builder.subtract(last, counter) : counter)
        let element = try lowering.emitter.emit(x, at: here)
        let next = folding.step(&lowering.emitter, state, element, at: .fixed(counter))
        lowering.store(folding.finish(&lowering.emitter, isExclusive ? state : next), lowering.outputs[0], here)
        return next
      }
    }
  }

  // MARK: Updates

  private mutating func lowerDynamicUpdateSlice(_ op: OpID) throws {
    let (x, update, starts) = (host.operand(0, of: op), host.operand(1, of: op), host.operand(2, of: op))
    try copyWhole(x, to: outputs[0])
    let sizes = emitter.dims(of: x)
    let shape = emitter.dims(of: update)
    try scalarNest(shape) { lowering, at in
      var target: [Position] = []
      for axis in at.indices {
        let raw = try lowering.emitter.emit(starts, at: [.fixed(lowering.emitter.builder.index(axis))])
        let start = lowering.emitter.builder.maximum(
          lowering.emitter.builder.convert(raw, to: .s64), lowering.emitter.builder.index(0))
        let room = lowering.emitter.builder.subtract(lowering.emitter.size(sizes[axis]), lowering.emitter.size(shape[axis]))
        let clamped = lowering.emitter.builder.minimum(start, room)
        target.append(.fixed(lowering.emitter.builder.add(clamped, at[axis].value)))
      }
      lowering.store(try lowering.emitter.emit(update, at: at), lowering.outputs[0], target)
    }
  }

  /// Updates apply one after another, in row-major order of the indices.
  private mutating func lowerScatter(_ op: OpID) throws {
    let (x, indices, updates) = (host.operand(0, of: op), host.operand(1, of: op), host.operand(2, of: op))
    try copyWhole(x, to: outputs[0])
    let sizes = emitter.dims(of: x)
    let element = emitter.element(of: x)
    let combiner: OpCode? =
      switch host.string("reduction", of: op) {
      case "add": .add
      case "mul": .mul
      case "min": .min
      case "max": .max
      case _: nil
      }
    let isByElement = host.opcode(of: op) == .scatterElements
    let axis = host.int("axis", of: op) ?? 0
    let indexShape = emitter.dims(of: indices)
    let shape = isByElement ? indexShape : emitter.dims(of: updates)
    try scalarNest(shape, isParallel: false) { lowering, at in
      var target: [Position]
      if isByElement {
        target = at
        target[axis] = try lowering.emitter.checkedIndex(indices, at: at, limit: sizes[axis])
      } else {
        let leading = indexShape.count - 1
        let depth = indexShape.last?.constantValue ?? 0
        target = []
        for step in 0..<depth {
          let place = Array(at[..<leading]) + [.fixed(lowering.emitter.builder.index(step))]
          target.append(try lowering.emitter.checkedIndex(indices, at: place, limit: sizes[step]))
        }
        target += at[leading...]
      }
      var value = try lowering.emitter.emit(updates, at: at)
      if let combiner {
        let old = lowering.emitter.builder.load(lowering.outputs[0], target.map(\.value))
        value = lowering.emitter.elementwise(combiner, [old, value], element)
      }
      lowering.store(value, lowering.outputs[0], target)
    }
  }
}
