import ApusIR

/// The axes that a reduction kernel loops over: those of its body's values, or two flat ones.
struct Sweep {
  var kept: [Int]
  var reduced: [Int]
  var sizes: [Dim]

  var lanesAreRows: Bool { (reduced.last ?? -1) < (kept.last ?? -1) }

  /// Whether there is one row only, along one axis: threads share its parts.
  var isOneRow: Bool { reduced.count == 1 && kept.allSatisfy { sizes[$0] == 1 } }
}

/// Sweeps of a reduction kernel over its reduced axes.
extension KernelLowering {
  /// Visits all elements of a row; the innermost loop is a vector loop unless lanes are rows.
  mutating func visit(
    _ sweep: Sweep, at positions: [Position], _ body: (inout KernelLowering, [Position]) throws -> Void
  ) throws {
    guard let axis = sweep.reduced.last, !sweep.lanesAreRows else {
      try outerReduced(sweep.reduced[...], sweep, at: positions, carrying: []) { lowering, inside, _ in
        try body(&lowering, inside)
        return []
      }
      return
    }
    try outerReduced(sweep.reduced.dropLast(), sweep, at: positions, carrying: []) { lowering, inside, _ in
      let size = lowering.emitter.builder.size(sweep.sizes[axis])
      let isShared = sweep.isOneRow && lowering.schedule.parallelAxis != nil
      try lowering.chunks(of: size, grain: isShared ? Rules.chunkElements : nil) { lowering, start, count in
        try lowering.vectorLoop(count) { lowering, counter, _, _ in
          var at = inside
          at[axis] = .along(axis, lowering.emitter.builder.add(start, counter), lanes: lowering.emitter.lanes)
          try body(&lowering, at)
          return []
        }
      }
      return []
    }
  }

  /// Folds the operands of `folds` in one sweep, and stores some values on the way.
  mutating func fold(
    _ folds: [OpID], over sweep: Sweep, at positions: [Position], storing stored: [(value: ValueID, buffer: ValueID)]
  ) throws -> [ValueID] {
    let group = FoldGroup(folds.map { Folding($0, in: host) }, stored)
    let rows = sweep.lanesAreRows ? emitter.lanes : nil
    let initial = group.initial(&emitter, lanes: rows)
    let final: [ValueID]
    if let axis = sweep.reduced.last, !sweep.lanesAreRows {
      final = try outerReduced(sweep.reduced.dropLast(), sweep, at: positions, carrying: initial) {
        lowering, inside, carried in
        let size = lowering.emitter.builder.size(sweep.sizes[axis])
        if sweep.isOneRow, lowering.schedule.parallelAxis != nil, sweep.sizes[axis].isWorthParts {
          return try lowering.foldParts(group, of: size, along: axis, at: inside, carrying: carried)
        }
        let zero = lowering.emitter.builder.index(0)
        return try lowering.foldRow(group, from: zero, size, along: axis, at: inside, carrying: carried)
      }
    } else {
      final = try outerReduced(sweep.reduced[...], sweep, at: positions, carrying: initial) { lowering, inside, carried in
        try group.step(&lowering, inside, carried)
      }
    }
    return group.finish(&emitter, final)
  }

  @discardableResult
  private mutating func outerReduced(
    _ axes: ArraySlice<Int>, _ sweep: Sweep, at positions: [Position], carrying initial: [ValueID],
    _ body: (inout KernelLowering, [Position], [ValueID]) throws -> [ValueID]
  ) throws -> [ValueID] {
    guard let axis = axes.first else { return try body(&self, positions, initial) }
    let size = emitter.builder.size(sweep.sizes[axis])
    return try loop(emitter.builder.index(0), size, carrying: initial) { lowering, counter, carried in
      var inside = positions
      inside[axis] = .along(axis, counter)
      return try lowering.outerReduced(axes.dropFirst(), sweep, at: inside, carrying: carried, body)
    }
  }

  /// Folds neighbouring elements in vectors: each copy of the unrolled body has accumulators of its own, which meet at the
  /// end and then join the scalars that are carried.
  private mutating func foldRow(
    _ group: FoldGroup, from start: ValueID, _ count: ValueID, along axis: Int, at positions: [Position],
    carrying carried: [ValueID]
  ) throws -> [ValueID] {
    func place(_ lowering: inout KernelLowering, _ counter: ValueID) -> [Position] {
      var at = positions
      at[axis] = .along(axis, lowering.emitter.builder.add(start, counter), lanes: lowering.emitter.lanes)
      return at
    }
    guard schedule.vectorLanes > 1 else {
      return try vectorLoop(count, carrying: carried) { lowering, counter, state, _ in
        try group.step(&lowering, place(&lowering, counter), state)
      }
    }
    if interleaves { return try foldInterleaved(group, count, carrying: carried, at: place) }
    let copies = max(schedule.unroll, 1)
    var vectors: [ValueID] = []
    for _ in 0..<copies { vectors += group.initial(&emitter, lanes: schedule.vectorLanes) }
    let width = group.width
    return try vectorLoop(
      count, carrying: vectors,
      folding: { lowering, all in
        var parts = (0..<copies).map { Array(all[$0 * width..<($0 + 1) * width]) }
        while parts.count > 1 {
          let half = parts.count / 2
          parts = (0..<half).map { group.combine(&lowering.emitter, parts[$0], parts[$0 + half]) } + parts[(2 * half)...]
        }
        return group.combine(&lowering.emitter, carried, group.foldLanes(&lowering.emitter, parts[0]))
      }
    ) { lowering, counter, state, copy in
      let at = place(&lowering, counter)
      if lowering.emitter.lanes == nil { return try group.step(&lowering, at, state) }
      var next = state
      let own = copy * width..<(copy + 1) * width
      next.replaceSubrange(own, with: try group.step(&lowering, at, Array(state[own])))
      return next
    }
  }

  /// As `foldRow`, with one wide register for what its copies hold.
  private mutating func foldInterleaved(
    _ group: FoldGroup, _ count: ValueID, carrying carried: [ValueID],
    at place: (inout KernelLowering, ValueID) -> [Position]
  ) throws -> [ValueID] {
    let width = schedule.vectorLanes
    var lanes = width * max(schedule.unroll, 1)
    var start = emitter.builder.index(0)
    var state = group.initial(&emitter, lanes: lanes)
    while true {
      let rest = emitter.builder.subtract(count, start)
      let end = emitter.builder.subtract(count, emitter.builder.remainder(rest, emitter.builder.index(lanes)))
      emitter.lanes = lanes
      state = try loop(start, end, step: lanes, carrying: state) { lowering, counter, inner in
        try group.step(&lowering, place(&lowering, counter), inner)
      }
      start = end
      if lanes == width { break }
      while lanes > width {
        state = group.halved(&emitter, state, lanes: lanes)
        lanes /= 2
      }
    }
    state = group.combine(&emitter, carried, group.foldLanes(&emitter, state))
    emitter.lanes = nil
    return try loop(start, count, carrying: state) { lowering, counter, inner in
      try group.step(&lowering, place(&lowering, counter), inner)
    }
  }

  /// Threads fold parts of a long row. Where the parts lie depends on the row's length alone, and they are combined in their
  /// order, so the result does not depend on the threads.
  private mutating func foldParts(
    _ group: FoldGroup, of size: ValueID, along axis: Int, at positions: [Position], carrying carried: [ValueID]
  ) throws -> [ValueID] {
    let share = emitter.builder.divide(
      emitter.builder.add(size, Rules.mostParts - 1), emitter.builder.index(Rules.mostParts))
    let length = emitter.builder.maximum(share, emitter.builder.index(Rules.partElements))
    let count = emitter.builder.divide(
      emitter.builder.subtract(emitter.builder.add(size, length), emitter.builder.index(1)), length)
    let partial = carried.map { emitter.builder.scratch(emitter.builder.type(of: $0).element, [Rules.mostParts]) }
    let zero = emitter.builder.index(0)
    try loop(zero, count, kind: .parallel(grain: 1)) { lowering, part, _ in
      let start = lowering.emitter.builder.multiply(part, length)
      let rest = lowering.emitter.builder.subtract(size, start)
      let initial = group.initial(&lowering.emitter, lanes: nil)
      let folded = try lowering.foldRow(
        group, from: start, lowering.emitter.builder.minimum(rest, length), along: axis, at: positions, carrying: initial)
      for (value, buffer) in zip(folded, partial) { lowering.emitter.builder.store(value, buffer, [part]) }
      return []
    }
    return loop(zero, count, carrying: carried) { lowering, part, state in
      let next = partial.map { lowering.emitter.builder.load($0, [part]) }
      return group.combine(&lowering.emitter, state, next)
    }
  }
}

/// Folds that share a sweep, and values that it stores.
private struct FoldGroup {
  let foldings: [Folding]
  let stored: [(value: ValueID, buffer: ValueID)]

  init(_ foldings: [Folding], _ stored: [(value: ValueID, buffer: ValueID)]) {
    self.foldings = foldings
    self.stored = stored
  }

  /// Registers that one set of accumulators takes.
  var width: Int { foldings.reduce(0) { $0 + $1.registers } }

  func initial(_ emitter: inout ElementEmitter, lanes: Int?) -> [ValueID] {
    foldings.reduce(into: []) { $0 += $1.initial(&emitter, lanes: lanes) }
  }

  func combine(_ emitter: inout ElementEmitter, _ a: [ValueID], _ b: [ValueID]) -> [ValueID] {
    zip(foldings, ranges).reduce(into: []) { $0 += $1.0.combine(&emitter, Array(a[$1.1]), Array(b[$1.1])) }
  }

  func foldLanes(_ emitter: inout ElementEmitter, _ vectors: [ValueID]) -> [ValueID] {
    zip(foldings, ranges).reduce(into: []) { $0 += $1.0.foldLanes(&emitter, Array(vectors[$1.1])) }
  }

  /// The upper half of the lanes folded onto the lower one.
  func halved(_ emitter: inout ElementEmitter, _ state: [ValueID], lanes: Int) -> [ValueID] {
    func half(_ from: Int) -> [ValueID] {
      state.map { value in
        emitter.builder.emit(
          .shuffle, [value, value], .register(emitter.builder.type(of: value).element, lanes: lanes / 2),
          attributes: [NamedAttribute("order", .ints(Array(from..<from + lanes / 2)))])
      }
    }
    let (low, high) = (half(0), half(lanes / 2))
    return combine(&emitter, low, high)
  }

  func finish(_ emitter: inout ElementEmitter, _ state: [ValueID]) -> [ValueID] {
    zip(foldings, ranges).map { $0.finish(&emitter, Array(state[$1])) }
  }

  /// The state after the elements at the positions, which are stored where that was asked for.
  func step(_ lowering: inout KernelLowering, _ at: [Position], _ state: [ValueID]) throws -> [ValueID] {
    for (value, buffer) in stored { lowering.store(try lowering.emitter.emit(value, at: at), buffer, at) }
    var next: [ValueID] = []
    for (folding, range) in zip(foldings, ranges) {
      let x = try lowering.emitter.emit(folding.operand, at: at)
      next += folding.step(&lowering.emitter, Array(state[range]), x, at: at[folding.axis(at.count)])
    }
    return next
  }

  private var ranges: [Range<Int>] {
    var start = 0
    return foldings.map { folding in
      defer { start += folding.registers }
      return start..<start + folding.registers
    }
  }
}

extension Dim {
  /// Whether so many elements are worth being cut into parts.
  fileprivate var isWorthParts: Bool { (constantValue ?? .max) >= 2 * Rules.partElements }
}
