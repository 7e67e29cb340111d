import ApusIR
import ApusTensor

/// The order of `sort` and `top_k`: by value, NaNs at the end (at the front when descending), and
/// by index among equals, which makes every algorithm stable.
private struct Order {
  let element: ElementType
  let isDescending: Bool

  /// Whether (a, i) comes before (b, j).
  func precedes(_ e: inout ElementEmitter, _ a: ValueID, _ i: ValueID, _ b: ValueID, _ j: ValueID) -> ValueID {
    var before = e.elementwise(isDescending ? .greater : .less, [a, b], .bool)
    var equal = e.elementwise(.equal, [a, b], .bool)
    if element.isFloat {
      let (aNaN, bNaN) = (e.elementwise(.notEqual, [a, a], .bool), e.elementwise(.notEqual, [b, b], .bool))
      let (first, second) = isDescending ? (aNaN, bNaN) : (bNaN, aNaN)
      let only = e.elementwise(.and, [first, e.elementwise(.not, [second], .bool)], .bool)
      before = e.elementwise(.or, [before, only], .bool)
      equal = e.elementwise(.or, [equal, e.elementwise(.and, [aNaN, bNaN], .bool)], .bool)
    }
    let isEarlier = e.elementwise(.less, [i, j], .bool)
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
  /// Heapsort of each row in place, on pairs of value and index.
  mutating func lowerSort(_ op: OpID) throws {
    let x = host.operand(0, of: op)
    let axis = host.int("axis", of: op) ?? 0
    let shape = emitter.dims(of: x)
    let order = Order(element: emitter.element(of: x), isDescending: host.bool("descending", of: op) ?? false)
    try scalarNest(shape, skipping: [axis]) { lowering, at, _ in
      let row = Row(at: at, axis: axis)
      let size = lowering.emitter.size(shape[axis])
      let (zero, one) = (lowering.emitter.builder.index(0), lowering.emitter.builder.index(1))
      try lowering.loop(zero, size) { lowering, counter, _ in
        var here = at
        here[axis] = .fixed(counter)
        lowering.emitter.builder.store(try lowering.emitter.emit(x, at: here), lowering.outputs[0], row.indices(counter))
        lowering.emitter.builder.store(counter, lowering.outputs[1], row.indices(counter))
        return []
      }
      let half = lowering.emitter.builder.divide(size, lowering.emitter.builder.index(2))
      lowering.loop(zero, half) { lowering, counter, _ in
        let last = lowering.emitter.builder.subtract(half, one)
        lowering.sift(lowering.emitter.builder.subtract(last, counter), end: size, row, order)
        return []
      }
      let rounds = lowering.emitter.builder.maximum(lowering.emitter.builder.subtract(size, one), zero)
      lowering.loop(zero, rounds) { lowering, counter, _ in
        let last = lowering.emitter.builder.subtract(lowering.emitter.builder.subtract(size, one), counter)
        let (top, bottom) = (lowering.pair(zero, row), lowering.pair(last, row))
        lowering.setPair(bottom, zero, row)
        lowering.setPair(top, last, row)
        lowering.sift(zero, end: last, row, order)
        return []
      }
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
    let swap = emitter.builder.emit(.if, [isBelow], [])
    let outer = emitter.builder.enter(region: 0, of: swap)
    setPair((value, index), place, row)
    setPair(moving, larger, row)
    emitter.builder.leave(to: outer, yielding: [])
    let back = emitter.builder.enter(region: 1, of: swap)
    emitter.builder.leave(to: back, yielding: [])
    let next = emitter.builder.emit(.select, [isBelow, larger, place], .index)
    _ = emitter.builder.close(loop, yielding: [next, isBelow])
  }

  /// Selects the first pair in the order, then the first after it, and so on: k sweeps over each row.
  mutating func lowerTopK(_ op: OpID) throws {
    let x = host.operand(0, of: op)
    let axis = host.int("axis", of: op) ?? 0
    let shape = emitter.dims(of: x)
    let element = emitter.element(of: x)
    let order = Order(element: element, isDescending: host.bool("largest", of: op) ?? true)
    let count = emitter.dims(of: results[0])[axis]
    try scalarNest(shape, skipping: [axis]) { lowering, at, _ in
      let row = Row(at: at, axis: axis)
      let zero = lowering.emitter.builder.index(0)
      let none = lowering.emitter.builder.index(-1)
      let blank = lowering.emitter.builder.literal(.zero(element), element, lanes: nil)
      let size = lowering.emitter.size(shape[axis])
      try lowering.loop(zero, lowering.emitter.size(count), carrying: [blank, none]) { lowering, rank, previous in
        let isFirst = lowering.emitter.builder.compare(.equal, rank, zero)
        let best = try lowering.loop(zero, size, carrying: [blank, none]) { lowering, counter, best in
          var here = at
          here[axis] = .fixed(counter)
          let value = try lowering.emitter.emit(x, at: here)
          let isAfter = order.precedes(&lowering.emitter, previous[0], previous[1], value, counter)
          let isOpen = lowering.emitter.elementwise(.or, [isFirst, isAfter], .bool)
          let isBetter = order.precedes(&lowering.emitter, value, counter, best[0], best[1])
          let isOnly = lowering.emitter.builder.compare(.less, best[1], zero)
          let wins = lowering.emitter.elementwise(
            .and, [isOpen, lowering.emitter.elementwise(.or, [isBetter, isOnly], .bool)], .bool)
          return [
            lowering.emitter.elementwise(.select, [wins, value, best[0]], element),
            lowering.emitter.builder.emit(.select, [wins, counter, best[1]], .index),
          ]
        }
        lowering.emitter.builder.store(best[0], lowering.outputs[0], row.indices(rank))
        lowering.emitter.builder.store(best[1], lowering.outputs[1], row.indices(rank))
        return best
      }
    }
  }
}
