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
  /// Visits all elements of some rows; the innermost loop is a vector loop unless lanes are rows.
  mutating func visit(
    _ sweep: Sweep, at places: [[Position]], _ body: (inout KernelLowering, _ row: Int, [Position]) throws -> Void
  ) throws {
    guard let axis = sweep.reduced.last, !sweep.lanesAreRows else {
      try outerReduced(sweep.reduced[...], sweep, at: places, carrying: []) { lowering, inside, _ in
        for (row, at) in inside.enumerated() { try body(&lowering, row, at) }
        return []
      }
      return
    }
    try outerReduced(sweep.reduced.dropLast(), sweep, at: places, carrying: []) { lowering, inside, _ in
      let size = lowering.emitter.builder.size(sweep.sizes[axis])
      let isShared = sweep.isOneRow && lowering.schedule.parallelAxis != nil
      try lowering.chunks(of: size, grain: isShared ? Rules.chunkElements : nil) { lowering, start, count in
        try lowering.vectorLoop(count) { lowering, counter, _, _ in
          for (row, var at) in inside.enumerated() {
            at[axis] = .along(axis, lowering.emitter.builder.add(start, counter), lanes: lowering.emitter.lanes)
            try body(&lowering, row, at)
          }
          return []
        }
      }
      return []
    }
  }

  /// Folds the operands of `folds` in one sweep over each row, and stores some values on the way. The results by row.
  mutating func fold(
    _ folds: [OpID], over sweep: Sweep, at places: [[Position]], knowing known: [[ValueID: ElementEmitter.Known]],
    storing stored: [(value: ValueID, buffer: ValueID)]
  ) throws -> [[ValueID]] {
    let group = FoldGroup(folds.map { Folding($0, in: host) }, known, stored)
    let rows = sweep.lanesAreRows ? emitter.lanes : nil
    let initial = group.initial(&emitter, lanes: rows)
    let final: [ValueID]
    if let axis = sweep.reduced.last, !sweep.lanesAreRows {
      final = try outerReduced(sweep.reduced.dropLast(), sweep, at: places, carrying: initial) {
        lowering, inside, carried in
        let size = lowering.emitter.builder.size(sweep.sizes[axis])
        if sweep.isOneRow, lowering.schedule.parallelAxis != nil, sweep.sizes[axis].isWorthParts {
          return try lowering.foldParts(group, of: size, along: axis, at: inside)
        }
        let zero = lowering.emitter.builder.index(0)
        let folded = try lowering.foldRow(group, from: zero, size, along: axis, at: inside)
        return sweep.reduced.count == 1 ? folded : group.combine(&lowering.emitter, carried, folded)
      }
    } else {
      final = try outerReduced(sweep.reduced[...], sweep, at: places, carrying: initial) { lowering, inside, carried in
        try group.step(&lowering, inside, carried)
      }
    }
    return group.finish(&emitter, final)
  }

  @discardableResult
  private mutating func outerReduced(
    _ axes: ArraySlice<Int>, _ sweep: Sweep, at places: [[Position]], carrying initial: [ValueID],
    _ body: (inout KernelLowering, [[Position]], [ValueID]) throws -> [ValueID]
  ) throws -> [ValueID] {
    guard let axis = axes.first else { return try body(&self, places, initial) }
    let size = emitter.builder.size(sweep.sizes[axis])
    return try loop(emitter.builder.index(0), size, carrying: initial) { lowering, counter, carried in
      var inside = places
      for row in places.indices { inside[row][axis] = .along(axis, counter) }
      return try lowering.outerReduced(axes.dropFirst(), sweep, at: inside, carrying: carried, body)
    }
  }

  /// Folds neighbouring elements in vectors: each copy of the unrolled body has accumulators of its own, which meet at the
  /// end.
  private mutating func foldRow(
    _ group: FoldGroup, from start: ValueID, _ count: ValueID, along axis: Int, at places: [[Position]]
  ) throws -> [ValueID] {
    func place(_ lowering: inout KernelLowering, _ counter: ValueID) -> [[Position]] {
      let index = lowering.emitter.builder.add(start, counter)
      return places.map { positions in
        var at = positions
        at[axis] = .along(axis, index, lanes: lowering.emitter.lanes)
        return at
      }
    }
    guard schedule.vectorLanes > 1 else {
      return try vectorLoop(count, carrying: group.initial(&emitter, lanes: nil)) { lowering, counter, state, _ in
        try group.step(&lowering, place(&lowering, counter), state)
      }
    }
    if interleaves && !group.hasArg { return try foldInterleaved(group, count, at: place) }
    let wasInterleaving = interleaves
    interleaves = false
    defer { interleaves = wasInterleaving }
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
        return group.foldLanes(&lowering.emitter, parts[0])
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
    _ group: FoldGroup, _ count: ValueID, at place: (inout KernelLowering, ValueID) -> [[Position]]
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
    state = group.foldLanes(&emitter, state)
    emitter.lanes = nil
    return try loop(start, count, carrying: state) { lowering, counter, inner in
      try group.step(&lowering, place(&lowering, counter), inner)
    }
  }

  /// Threads fold parts of a long row. Where the parts lie depends on the row's length alone, and they are combined in their
  /// order, so the result does not depend on the threads.
  private mutating func foldParts(
    _ group: FoldGroup, of size: ValueID, along axis: Int, at places: [[Position]]
  ) throws -> [ValueID] {
    let share = emitter.builder.divide(
      emitter.builder.add(size, Rules.mostParts - 1), emitter.builder.index(Rules.mostParts))
    let length = emitter.builder.maximum(share, emitter.builder.index(Rules.partElements))
    let count = emitter.builder.divide(
      emitter.builder.subtract(emitter.builder.add(size, length), emitter.builder.index(1)), length)
    let neutral = group.initial(&emitter, lanes: nil)
    let partial = neutral.map { emitter.builder.scratch(emitter.builder.type(of: $0).element, [Rules.mostParts]) }
    let zero = emitter.builder.index(0)
    try loop(zero, count, kind: .parallel(grain: 1)) { lowering, part, _ in
      let start = lowering.emitter.builder.multiply(part, length)
      let rest = lowering.emitter.builder.subtract(size, start)
      let folded = try lowering.foldRow(
        group, from: start, lowering.emitter.builder.minimum(rest, length), along: axis, at: places)
      for (value, buffer) in zip(folded, partial) { lowering.emitter.builder.store(value, buffer, [part]) }
      return []
    }
    return loop(zero, count, carrying: neutral) { lowering, part, state in
      let next = partial.map { lowering.emitter.builder.load($0, [part]) }
      return group.combine(&lowering.emitter, state, next)
    }
  }
}

/// Folds that share a sweep over some rows, and values that it stores. A state holds the registers of the first row's folds,
/// then those of the next row's.
private struct FoldGroup {
  /// By row, what is had already.
  let known: [[ValueID: ElementEmitter.Known]]
  let stored: [(value: ValueID, buffer: ValueID)]
  private let foldings: [Folding]
  /// The folds of all rows.
  private let all: [Folding]
  private let ranges: [Range<Int>]

  init(
    _ foldings: [Folding], _ known: [[ValueID: ElementEmitter.Known]], _ stored: [(value: ValueID, buffer: ValueID)]
  ) {
    self.foldings = foldings
    self.known = known
    self.stored = stored
    all = known.flatMap { _ in foldings }
    var start = 0
    ranges = all.map { folding in
      defer { start += folding.registers }
      return start..<start + folding.registers
    }
  }

  /// Registers of one state.
  var width: Int { ranges.last?.upperBound ?? 0 }
  var hasArg: Bool { foldings.contains { $0.isArg } }

  func initial(_ emitter: inout ElementEmitter, lanes: Int?) -> [ValueID] {
    all.reduce(into: []) { $0 += $1.initial(&emitter, lanes: lanes) }
  }

  func combine(_ emitter: inout ElementEmitter, _ a: [ValueID], _ b: [ValueID]) -> [ValueID] {
    zip(all, ranges).reduce(into: []) { $0 += $1.0.combine(&emitter, Array(a[$1.1]), Array(b[$1.1])) }
  }

  func foldLanes(_ emitter: inout ElementEmitter, _ vectors: [ValueID]) -> [ValueID] {
    zip(all, ranges).reduce(into: []) { $0 += $1.0.foldLanes(&emitter, Array(vectors[$1.1])) }
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

  /// The results, by row.
  func finish(_ emitter: inout ElementEmitter, _ state: [ValueID]) -> [[ValueID]] {
    let values = zip(all, ranges).map { $0.finish(&emitter, Array(state[$1])) }
    return known.indices.map { Array(values[$0 * foldings.count..<($0 + 1) * foldings.count]) }
  }

  /// The state after the elements at the positions, which are stored where that was asked for.
  func step(_ lowering: inout KernelLowering, _ places: [[Position]], _ state: [ValueID]) throws -> [ValueID] {
    var next: [ValueID] = []
    for (row, at) in places.enumerated() {
      lowering.emitter.known = known[row]
      for (value, buffer) in stored { lowering.store(try lowering.emitter.emit(value, at: at), buffer, at) }
      for (number, folding) in foldings.enumerated() {
        let x = try lowering.emitter.emit(folding.operand, at: at)
        let range = ranges[row * foldings.count + number]
        next += folding.step(&lowering.emitter, Array(state[range]), x, at: at.isEmpty ? nil : at[folding.axis(at.count)])
      }
    }
    return next
  }
}

extension Dim {
  /// Whether so many elements are worth being cut into parts.
  fileprivate var isWorthParts: Bool { (constantValue ?? .max) >= 2 * Rules.partElements }
}
