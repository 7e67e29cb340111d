import ApusIR
import ApusSupport
import ApusTensor

/// Kernels that change some elements of a copy.
extension KernelLowering {
  mutating func lowerDynamicUpdateSlice(_ op: OpID) throws {
    let (x, update, starts) = (host.operand(0, of: op), host.operand(1, of: op), host.operand(2, of: op))
    if !inPlace.contains(0) { try copyWhole(x, to: outputs[0]) }
    let sizes = emitter.dims(of: x)
    let shape = emitter.dims(of: update)
    var first: [ValueID] = []
    for axis in shape.indices {
      let raw = try emitter.emit(starts, at: [.fixed(emitter.builder.index(axis))])
      let least = emitter.builder.index(isPlanted(.negativeStartOfAnUpdateIsTaken) ? .min : 0)
      let start = emitter.builder.maximum(emitter.builder.convert(raw, to: .s64), least)
      let room = emitter.builder.subtract(emitter.size(sizes[axis]), emitter.size(shape[axis]))
      first.append(emitter.builder.minimum(start, room))
    }
    try rows(of: shape) { lowering, at in
      var target = at
      for axis in at.indices { target[axis].value = lowering.emitter.builder.add(first[axis], at[axis].value) }
      lowering.store(try lowering.emitter.emit(update, at: at), lowering.outputs[0], target)
    }
  }

  /// Updates apply one after another, in row-major order of the indices.
  mutating func lowerScatter(_ op: OpID) throws {
    let (x, indices, updates) = (host.operand(0, of: op), host.operand(1, of: op), host.operand(2, of: op))
    if !inPlace.contains(0) { try copyWhole(x, to: outputs[0]) }
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
    func update(_ lowering: inout KernelLowering, _ at: [Position], _ target: [Position]) throws {
      var value = try lowering.emitter.emit(updates, at: at)
      if let combiner {
        let old = try lowering.emitter.load(lowering.outputs[0], target)
        value = lowering.emitter.elementwise(combiner, [old, value], element)
      }
      lowering.store(value, lowering.outputs[0], target)
    }
    guard host.opcode(of: op) == .scatterNd else {
      let axis = host.int("axis", of: op) ?? 0
      let isShared = isPlanted(.scattersRunInParallel)
      return try scalarNest(emitter.dims(of: indices), isParallel: isShared) { lowering, at, _ in
        var target = at
        target[axis] = try lowering.emitter.checkedIndex(indices, at: at, limit: sizes[axis])
        try update(&lowering, at, target)
      }
    }
    let shape = emitter.dims(of: updates)
    let leading = host.type(of: indices).rank - 1
    let depth = emitter.dims(of: indices).last?.constantValue ?? 0
    try vectorizedOrScalar { lowering in
      try lowering.scalarNest(shape, skipping: Set(leading..<shape.count), isParallel: false) { lowering, outer, _ in
        var place: [Position] = []
        for step in 0..<depth {
          let index = Array(outer[..<leading]) + [.fixed(lowering.emitter.builder.index(step))]
          place.append(try lowering.emitter.checkedIndex(indices, at: index, limit: sizes[step]))
        }
        // What one index moves is a block of its own, whose elements are in no order.
        try lowering.sideBySide(leading..<shape.count, shape, at: outer, isParallel: false) { lowering, at in
          try update(&lowering, at, place + at[leading...])
        }
      }
    }
  }

  /// Copies a value into an output.
  private mutating func copyWhole(_ value: ValueID, to output: ValueID) throws {
    let shape = emitter.dims(of: value)
    guard host.definingOp(of: value) == nil, let buffer = emitter.buffers[value],
      let count = try? Dim.product(shape.map(emitter.local))
    else {
      return try rows(of: shape) { lowering, at in
        lowering.store(try lowering.emitter.emit(value, at: at), output, at)
      }
    }
    let (source, target) = (view(buffer, [count]), view(output, [count]))
    try chunks(of: emitter.builder.size(count), grain: Rules.chunkElements) { lowering, start, count in
      try lowering.vectorLoop(count) { lowering, counter, _, _ in
        let index = lowering.emitter.builder.add(start, counter)
        let at = [Position.along(0, index, lanes: lowering.emitter.lanes)]
        lowering.store(try lowering.emitter.load(source, at), target, at)
        return []
      }
    }
  }

  /// Visits all places of a shape, neighbours along the last axis side by side where that can be.
  private mutating func rows(
    of shape: [Dim], _ body: (inout KernelLowering, [Position]) throws -> Void
  ) throws {
    let start = shape.map { _ in Position.fixed(emitter.builder.index(0)) }
    try vectorizedOrScalar { lowering in
      try lowering.sideBySide(shape.indices, shape, at: start, isParallel: true, body)
    }
  }

  /// Visits the places along some trailing axes, lanes along the last of them.
  private mutating func sideBySide(
    _ axes: Range<Int>, _ shape: [Dim], at outer: [Position], isParallel: Bool,
    _ body: (inout KernelLowering, [Position]) throws -> Void
  ) throws {
    guard let last = axes.last else { return try body(&self, outer) }
    let fixed = Set(shape.indices.filter { !axes.contains($0) || $0 == last })
    try scalarNest(shape, skipping: fixed, isParallel: isParallel, grain: Rules.chunkElements) { lowering, inner, isShared in
      let grain = isParallel && !isShared ? Rules.chunkElements : nil
      try lowering.chunks(of: lowering.emitter.size(shape[last]), grain: grain) { lowering, start, count in
        try lowering.vectorLoop(count) { lowering, counter, _, _ in
          var at = shape.indices.map { axes.contains($0) ? inner[$0] : outer[$0] }
          let index = lowering.emitter.builder.add(start, counter)
          at[last] = .along(last, index, lanes: lowering.emitter.lanes)
          try body(&lowering, at)
          return []
        }
      }
    }
  }
}
