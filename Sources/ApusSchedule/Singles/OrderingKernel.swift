import ApusIR
import ApusSupport
import ApusTensor

/// The order of `sort` and `top_k`: by value, NaNs at the end (at the front when descending), and
/// by index among equals, which makes every algorithm stable.
private struct Order {
  let element: ElementType
  let isDescending: Bool

  /// Whether the value a comes before b.
  func isBefore(_ e: inout ElementEmitter, _ a: ValueID, _ b: ValueID) -> ValueID {
    let before = e.elementwise(isDescending ? .greater : .less, [a, b], .bool)
    guard element.isFloat else { return before }
    let (aNaN, bNaN) = (e.elementwise(.notEqual, [a, a], .bool), e.elementwise(.notEqual, [b, b], .bool))
    let (first, second) = isDescending ? (aNaN, bNaN) : (bNaN, aNaN)
    let only = e.elementwise(.and, [first, e.elementwise(.not, [second], .bool)], .bool)
    return e.elementwise(.or, [before, only], .bool)
  }

  /// Whether (a, i) comes before (b, j).
  func precedes(_ e: inout ElementEmitter, _ a: ValueID, _ i: ValueID, _ b: ValueID, _ j: ValueID) -> ValueID {
    let before = isBefore(&e, a, b)
    var equal = e.elementwise(.equal, [a, b], .bool)
    if element.isFloat, !isPlanted(.tiesOfNaNsHaveNoOrder) {
      let (aNaN, bNaN) = (e.elementwise(.notEqual, [a, a], .bool), e.elementwise(.notEqual, [b, b], .bool))
      equal = e.elementwise(.or, [equal, e.elementwise(.and, [aNaN, bNaN], .bool)], .bool)
    }
    let isEarlier = e.elementwise(isPlanted(.tiesOfLongSortsAreUnstable) ? .greater : .less, [i, j], .bool)
    return e.elementwise(.or, [before, e.elementwise(.and, [equal, isEarlier], .bool)], .bool)
  }
}

/// One row of values and of their indices, in the outputs.
private struct Row {
  let at: [Position]
  let axis: Int

  func indices(_ counter: ValueID) -> [ValueID] {
    var all = at.map(\.value)
    all[axis] = counter
    return all
  }
}

extension KernelLowering {
  /// Sorts each row: by merging where room for a copy is known to suffice, else in place.
  mutating func lowerSort(_ op: OpID) throws {
    let x = host.operand(0, of: op)
    let axis = host.int("axis", of: op) ?? 0
    let shape = emitter.dims(of: x)
    let order = Order(element: emitter.element(of: x), isDescending: host.bool("descending", of: op) ?? false)
    if let most = host.symbols.bounds(of: shape[axis]).upper, most <= Self.mostMerged, order.element.byteCount <= 4 {
      return try lowerMergeSort(op, room: most)
    }
    try scalarNest(shape, skipping: [axis]) { lowering, at, _ in
      let row = Row(at: at, axis: axis)
      let size = lowering.emitter.size(shape[axis])
      try lowering.loop(lowering.emitter.builder.index(0), size) { lowering, counter, _ in
        var here = at
        here[axis] = .fixed(counter)
        lowering.setPair((try lowering.emitter.emit(x, at: here), counter), counter, row)
        return []
      }
      lowering.heapify(size, row, order)
      lowering.unheap(size, row, order)
    }
  }

  /// Longer rows are sorted in place: copies of them would leave the caches.
  private static var mostMerged: Int { 1 << 18 }

  /// Brings a row into the order of a heap, the last in the order on top.
  private mutating func heapify(_ size: ValueID, _ row: Row, _ order: Order) {
    let half = emitter.builder.divide(size, emitter.builder.index(2))
    loop(emitter.builder.index(0), half) { lowering, counter, _ in
      let last = lowering.emitter.builder.subtract(half, lowering.emitter.builder.index(1))
      lowering.sift(lowering.emitter.builder.subtract(last, counter), end: size, row, order)
      return []
    }
  }

  /// Sorts a heap: the top changes places with the last, and the rest becomes a heap again.
  private mutating func unheap(_ size: ValueID, _ row: Row, _ order: Order) {
    let (zero, one) = (emitter.builder.index(0), emitter.builder.index(1))
    let rounds = emitter.builder.maximum(emitter.builder.subtract(size, one), zero)
    loop(zero, rounds) { lowering, counter, _ in
      let last = lowering.emitter.builder.subtract(lowering.emitter.builder.subtract(size, one), counter)
      let (top, bottom) = (lowering.pair(zero, row), lowering.pair(last, row))
      lowering.setPair(bottom, zero, row)
      lowering.setPair(top, last, row)
      lowering.sift(zero, end: last, row, order)
      return []
    }
  }

  private mutating func pair(_ place: ValueID, _ row: Row) -> (value: ValueID, index: ValueID) {
    (
      emitter.builder.load(outputs[0], row.indices(place)), emitter.builder.load(outputs[1], row.indices(place))
    )
  }

  private mutating func setPair(_ pair: (value: ValueID, index: ValueID), _ place: ValueID, _ row: Row) {
    emitter.builder.store(pair.value, outputs[0], row.indices(place))
    emitter.builder.store(pair.index, outputs[1], row.indices(place))
  }

  /// Moves the pair at `start` down until no child of it comes after it.
  private mutating func sift(_ start: ValueID, end: ValueID, _ row: Row, _ order: Order) {
    let moving = pair(start, row)
    let isOpen = emitter.builder.literal(.bool(true), .bool, lanes: nil)
    let loop = emitter.builder.openWhile(carrying: [start, isOpen])
    let child = emitter.builder.add(emitter.builder.multiply(loop.carried[0], 2), 1)
    let hasChild = emitter.builder.compare(.less, child, end)
    let goesOn = emitter.builder.emit(.and, [hasChild, loop.carried[1]], .register(.bool))
    let inside = emitter.builder.begin(loop, while: goesOn)
    let place = inside[0]
    let left = emitter.builder.add(emitter.builder.multiply(place, 2), 1)
    let right = emitter.builder.add(left, 1)
    // Without a right child, the left one stands in for it.
    let last = emitter.builder.subtract(end, emitter.builder.index(1))
    let other = emitter.builder.minimum(right, last)
    let (a, b) = (pair(left, row), pair(other, row))
    let takesRight = order.precedes(&emitter, a.value, a.index, b.value, b.index)
    let larger = emitter.builder.emit(.select, [takesRight, other, left], .index)
    let value = emitter.elementwise(.select, [takesRight, b.value, a.value], order.element)
    let index = emitter.builder.emit(.select, [takesRight, b.index, a.index], .index)
    let isBelow = order.precedes(&emitter, moving.value, moving.index, value, index)
    branch(isBelow) { lowering in
      lowering.setPair((value, index), place, row)
      lowering.setPair(moving, larger, row)
    }
    let next = emitter.builder.emit(.select, [isBelow, larger, place], .index)
    _ = emitter.builder.close(loop, yielding: [next, isBelow])
  }

  /// Keeps the k best elements seen so far in a heap with the worst of them on top, then takes that one off again and again.
  mutating func lowerTopK(_ op: OpID) throws {
    let x = host.operand(0, of: op)
    let axis = host.int("axis", of: op) ?? 0
    let shape = emitter.dims(of: x)
    let order = Order(element: emitter.element(of: x), isDescending: host.bool("largest", of: op) ?? true)
    let kept = emitter.dims(of: results[0])[axis]
    try scalarNest(shape, skipping: [axis]) { lowering, at, _ in
      let row = Row(at: at, axis: axis)
      let zero = lowering.emitter.builder.index(0)
      let count = lowering.emitter.size(kept)
      func value(_ lowering: inout KernelLowering, _ counter: ValueID) throws -> ValueID {
        var here = at
        here[axis] = .fixed(counter)
        return try lowering.emitter.emit(x, at: here)
      }
      try lowering.loop(zero, count) { lowering, counter, _ in
        lowering.setPair((try value(&lowering, counter), counter), counter, row)
        return []
      }
      lowering.heapify(count, row, order)
      // Of no elements there is no worst one.
      let size = lowering.emitter.size(shape[axis])
      let end = kept.constantValue == nil
        ? lowering.emitter.builder.minimum(size, lowering.emitter.builder.multiply(count, size)) : size
      if kept.constantValue != 0 {
        try lowering.loop(count, end) { lowering, counter, _ in
          let candidate = try value(&lowering, counter)
          let worst = lowering.emitter.builder.load(lowering.outputs[0], row.indices(zero))
          let enters = order.isBefore(&lowering.emitter, candidate, worst)
          lowering.branch(enters) { lowering in
            lowering.setPair((candidate, counter), zero, row)
            lowering.sift(zero, end: count, row, order)
          }
          return []
        }
      }
      lowering.unheap(count, row, order)
    }
  }
}
