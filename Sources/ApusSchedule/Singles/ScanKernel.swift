import ApusIR
import ApusTensor

extension KernelLowering {
  /// Running folds along an axis. Where it is not the last one, neighbours along that one run side by side.
  mutating func lowerScan(_ op: OpID) throws {
    let x = host.operand(0, of: op)
    let axis = host.int("axis", of: op) ?? 0
    let scan = Scan(
      axis: axis, isExclusive: host.bool("exclusive", of: op) ?? false, isReversed: host.bool("reverse", of: op) ?? false,
      folding: Folding(kind: host.string("kind", of: op) ?? "sum", operand: x, element: emitter.element(of: x)))
    let shape = emitter.dims(of: x)
    guard let last = shape.indices.last, last != axis else {
      schedule.vectorLanes = 1
      return try scalarNest(shape, skipping: [axis]) { lowering, at, _ in try lowering.scanned(scan, shape, at: at) }
    }
    try vectorizedOrScalar { lowering in
      try lowering.scalarNest(shape, skipping: [axis, last]) { lowering, at, isShared in
        let length = max(shape[axis].constantValue ?? 64, 1)
        let grain = isShared ? nil : max(1, lowering.schedule.grain / length)
        try lowering.chunks(of: lowering.emitter.size(shape[last]), grain: grain) { lowering, start, count in
          try lowering.neighbours(start, count) { lowering, counter in
            var at = at
            at[last] = .along(last, counter, lanes: lowering.emitter.lanes)
            try lowering.scanned(scan, shape, at: at)
          }
        }
      }
    }
  }

  private mutating func scanned(_ scan: Scan, _ shape: [Dim], at positions: [Position]) throws {
    let size = emitter.size(shape[scan.axis])
    let last = emitter.builder.subtract(size, emitter.builder.index(1))
    let initial = scan.folding.initial(&emitter, lanes: emitter.lanes)
    try loop(emitter.builder.index(0), size, carrying: initial) { lowering, counter, state in
      var here = positions
      here[scan.axis] = .fixed(scan.isReversed ? lowering.emitter.builder.subtract(last, counter) : counter)
      let element = try lowering.emitter.emit(scan.folding.operand, at: here)
      let next = scan.folding.step(&lowering.emitter, state, element, at: here[scan.axis])
      let shown = scan.folding.finish(&lowering.emitter, scan.isExclusive ? state : next)
      lowering.store(shown, lowering.outputs[0], here)
      return next
    }
  }
}

private struct Scan {
  var axis: Int
  var isExclusive: Bool
  var isReversed: Bool
  var folding: Folding
}
