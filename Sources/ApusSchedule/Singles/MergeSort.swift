import ApusIR
import ApusSupport
import ApusTensor

extension KernelLowering {
  /// Sorts rows of at most `room` elements of up to 32 bits by merging ever longer runs.
  ///
  /// An element is packed with its place into one number of 64 bits, so that one comparison orders values and breaks ties,
  /// and the values themselves are read again by their places at the end.
  mutating func lowerMergeSort(_ op: OpID, room: Int) throws {
    let x = host.operand(0, of: op)
    let axis = host.int("axis", of: op) ?? 0
    let shape = emitter.dims(of: x)
    let isDescending = host.bool("descending", of: op) ?? false
    let sharedRoom = isPlanted(.rowsAreMergedInOneRoom) ? emitter.builder.scratch(.s64, [2, max(room, 1)]) : nil
    try scalarNest(shape, skipping: [axis]) { lowering, at, _ in
      let size = lowering.emitter.size(shape[axis])
      let (zero, one) = (lowering.emitter.builder.index(0), lowering.emitter.builder.index(1))
      // Each pass reads one half and writes the other.
      let halves = sharedRoom ?? lowering.emitter.builder.scratch(.s64, [2, max(room, 1)])
      try lowering.loop(zero, size) { lowering, counter, _ in
        var here = at
        here[axis] = .fixed(counter)
        let value = try lowering.emitter.emit(x, at: here)
        let packed = lowering.packed(value, counter, isDescending: isDescending)
        lowering.emitter.builder.store(packed, halves, [zero, counter])
        return []
      }
      let passes = lowering.emitter.builder.openWhile(carrying: [one, zero])
      let inside = lowering.emitter.builder.begin(
        passes, while: lowering.emitter.builder.compare(.less, passes.carried[0], size))
      let target = lowering.emitter.builder.subtract(one, inside[1])
      lowering.mergeRuns(of: inside[0], halves, from: inside[1], to: target, size)
      let doubled = lowering.emitter.builder.multiply(inside[0], 2)
      let last = lowering.emitter.builder.close(passes, yielding: [doubled, target])
      try lowering.loop(zero, size) { lowering, counter, _ in
        let packed = lowering.emitter.builder.load(halves, [last[1], counter])
        let mask = lowering.emitter.builder.index(0xFFFF_FFFF)
        let place = lowering.emitter.builder.emit(.and, [packed, mask], .index)
        var source = at
        source[axis] = .fixed(place)
        var target = at
        target[axis] = .fixed(counter)
        lowering.store(try lowering.emitter.emit(x, at: source), lowering.outputs[0], target)
        lowering.store(place, lowering.outputs[1], target)
        return []
      }
    }
  }

  /// One pass: merges each run of `width` elements with the next one.
  private mutating func mergeRuns(
    of width: ValueID, _ halves: ValueID, from source: ValueID, to target: ValueID, _ size: ValueID
  ) {
    let (zero, one) = (emitter.builder.index(0), emitter.builder.index(1))
    let pair = emitter.builder.multiply(width, 2)
    let last = emitter.builder.subtract(size, one)
    let pairs = emitter.builder.divide(emitter.builder.subtract(emitter.builder.add(size, pair), one), pair)
    loop(zero, pairs) { lowering, number, _ in
      let start = lowering.emitter.builder.multiply(number, pair)
      let middle = lowering.emitter.builder.minimum(lowering.emitter.builder.add(start, width), size)
      let end = lowering.emitter.builder.minimum(lowering.emitter.builder.add(start, pair), size)
      lowering.loop(start, end, carrying: [start, middle]) { lowering, place, heads in
        // A run that is used up still has a number behind it, which does not count.
        let left = lowering.emitter.builder.load(halves, [source, lowering.emitter.builder.minimum(heads[0], last)])
        let right = lowering.emitter.builder.load(halves, [source, lowering.emitter.builder.minimum(heads[1], last)])
        let isLess = lowering.emitter.builder.compare(.less, right, left)
        let hasRight = lowering.emitter.builder.compare(.less, heads[1], end)
        let hasLeft = lowering.emitter.builder.compare(.less, heads[0], middle)
        let onlyRight = lowering.emitter.builder.emit(.not, [hasLeft], .register(.bool))
        let takesRight = lowering.emitter.elementwise(
          .and, [hasRight, lowering.emitter.elementwise(.or, [isLess, onlyRight], .bool)], .bool)
        lowering.emitter.builder.store(
          lowering.emitter.builder.emit(.select, [takesRight, right, left], .index), halves, [target, place])
        let step = lowering.emitter.builder.convert(takesRight, to: .s64)
        let nextLeft = lowering.emitter.builder.add(
          heads[0], lowering.emitter.builder.subtract(lowering.emitter.builder.index(1), step))
        return [nextLeft, lowering.emitter.builder.add(heads[1], step)]
      }
      return []
    }
  }

  /// The order of a value in the upper half of 64 bits, its place in the lower one. NaN is above all, −0 equals 0.
  private mutating func packed(_ value: ValueID, _ place: ValueID, isDescending: Bool) -> ValueID {
    let element = emitter.builder.type(of: value).element
    var key: ValueID
    if element.isFloat {
      let single = emitter.builder.convert(value, to: .f32)
      let bits = emitter.builder.convert(
        emitter.builder.emit(.bitcast, [single], .register(.s32)), to: .s64)
      // Of negative numbers the larger magnitude is the smaller number.
      let isNegative = emitter.builder.compare(.less, bits, emitter.builder.index(0))
      let mirrored = emitter.builder.subtract(emitter.builder.index(Int(Int32.min)), bits)
      key = emitter.builder.emit(.select, [isNegative, mirrored, bits], .index)
      let isNaN = emitter.builder.compare(.notEqual, single, single)
      key = emitter.builder.emit(.select, [isNaN, emitter.builder.index(Int(Int32.max)), key], .index)
    } else {
      key = emitter.builder.convert(value, to: .s64)
      if element == .u32 { key = emitter.builder.subtract(key, emitter.builder.index(1 << 31)) }
    }
    if isDescending { key = emitter.builder.emit(.not, [key], .index) }
    let upper = emitter.builder.emit(.shiftLeft, [key, emitter.builder.index(32)], .index)
    return emitter.builder.emit(.or, [upper, place], .index)
  }
}
