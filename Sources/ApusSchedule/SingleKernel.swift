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

  /// Loops over the axes of a shape but some, the first of more than one turn parallel; the body gets a position for each
  /// axis, 0 on those that are left out, and whether it runs in a parallel loop.
  mutating func scalarNest(
    _ shape: [Dim], skipping skipped: Set<Int> = [], isParallel: Bool = true, grain: Int = Rules.chunkElements / 8,
    _ body: (inout KernelLowering, [Position], _ isShared: Bool) throws -> Void
  ) throws {
    let start = Position.fixed(emitter.builder.index(0))
    let axes = shape.indices.filter { !skipped.contains($0) }
    try scalarNest(axes[...], shape, isParallel ? .open : .closed, grain, at: shape.map { _ in start }, body)
  }

  /// Whether a nest may still share a loop among threads.
  private enum Sharing {
    case open, shared, closed
  }

  private mutating func scalarNest(
    _ axes: ArraySlice<Int>, _ shape: [Dim], _ sharing: Sharing, _ grain: Int, at positions: [Position],
    _ body: (inout KernelLowering, [Position], _ isShared: Bool) throws -> Void
  ) throws {
    guard let axis = axes.first else { return try body(&self, positions, sharing == .shared) }
    let isShared = sharing == .open && shape[axis] != 1
    let inner = shape[(axis + 1)...].reduce(1) { $0 * max($1.constantValue ?? 64, 1) }
    try loop(
      emitter.builder.index(0), emitter.size(shape[axis]), kind: isShared ? .parallel(grain: max(1, grain / inner)) : .serial
    ) { lowering, counter, _ in
      var inside = positions
      inside[axis] = .fixed(counter)
      try lowering.scalarNest(axes.dropFirst(), shape, isShared ? .shared : sharing, grain, at: inside, body)
      return []
    }
  }

  /// Copies a value into an output.
  mutating func copyWhole(_ value: ValueID, to output: ValueID) throws {
    try scalarNest(emitter.dims(of: value)) { lowering, at, _ in
      lowering.store(try lowering.emitter.emit(value, at: at), output, at)
    }
  }

  // MARK: Updates

  private mutating func lowerDynamicUpdateSlice(_ op: OpID) throws {
    let (x, update, starts) = (host.operand(0, of: op), host.operand(1, of: op), host.operand(2, of: op))
    try copyWhole(x, to: outputs[0])
    let sizes = emitter.dims(of: x)
    let shape = emitter.dims(of: update)
    try scalarNest(shape) { lowering, at, _ in
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
    try scalarNest(shape, isParallel: false) { lowering, at, _ in
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
