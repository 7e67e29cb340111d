import ApusIR
import ApusSupport

/// A result whose last axis is not the last one of what it reads.
struct BlockTranspose {
  /// The axis of the result along which the operands' elements lie side by side.
  var reading: Int
  /// The last axis of the result.
  var writing: Int
}

extension KernelLowering {
  /// The axes to transpose in blocks: where an operand's elements lie side by side along another axis than the results',
  /// and every operand does that varies along it.
  func blockTranspose() -> BlockTranspose? {
    let shape = emitter.dims(of: results[0])
    guard schedule.vectorLanes > 1, shape.count > 1, results.allSatisfy({ emitter.dims(of: $0) == shape }) else { return nil }
    var operands: [[Int?]]? = []
    for result in results { collectOperands(of: result, axes: Array(shape.indices), into: &operands) }
    let last = shape.count - 1
    guard let operands, let axis = operands.lazy.compactMap({ $0.last ?? nil }).first(where: { $0 != last }),
      operands.allSatisfy({ $0.last == axis || !$0.contains(axis) }),
      [axis, last].allSatisfy({ (shape[$0].constantValue ?? .max) >= Self.leastBlock })
    else { return nil }
    return BlockTranspose(reading: axis, writing: last)
  }

  /// Blocks of as many rows as lanes are read along one axis, transposed in registers, and written along the other.
  mutating func lowerTransposed(_ axes: BlockTranspose, over domain: [Interval]) throws {
    emitter.domain = domain
    let lanes = min(schedule.vectorLanes, Self.mostRows)
    // In the host's symbols, as all shapes of nests are; the domain is in the kernel's.
    let shape = emitter.dims(of: results[0])
    let (width, height) = (emitter.size(shape[axes.reading]), emitter.size(shape[axes.writing]))
    let blocks = emitter.builder.divide(width, emitter.builder.index(lanes))
    let wholeWidth = emitter.builder.multiply(blocks, lanes)
    let wholeHeight = emitter.builder.subtract(height, emitter.builder.remainder(height, emitter.builder.index(lanes)))
    try scalarNest(
      shape, skipping: [axes.reading, axes.writing], isParallel: schedule.parallelAxis != nil, grain: Rules.chunkElements
    ) { lowering, positions, isShared in
      let zero = lowering.emitter.builder.index(0)
      let isParallel = !isShared && lowering.schedule.parallelAxis != nil
      let grain = max(1, Rules.chunkElements / lanes / max(shape[axes.writing].constantValue ?? 64, 1))
      try lowering.loop(zero, blocks, kind: isParallel ? .parallel(grain: grain) : .serial) { lowering, block, _ in
        var at = positions
        at[axes.reading] = .along(axes.reading, lowering.emitter.builder.multiply(block, lanes), lanes: lanes)
        lowering.emitter.lanes = lanes
        try lowering.loop(zero, wholeHeight, step: lanes) { lowering, row, _ in
          try lowering.transposedBlock(axes, lanes, row, at: at)
          return []
        }
        // The rows that make no block are written one by one.
        try lowering.loop(wholeHeight, height) { lowering, row, _ in
          at[axes.writing] = .along(axes.writing, row)
          try lowering.storeResults(at: at)
          return []
        }
        lowering.emitter.lanes = nil
        return []
      }
      try lowering.loop(wholeWidth, isPlanted(.transposeLosesItsRest) ? wholeWidth : width) { lowering, column, _ in
        var at = positions
        at[axes.reading] = .along(axes.reading, column)
        try lowering.loop(zero, height) { lowering, row, _ in
          at[axes.writing] = .along(axes.writing, row)
          try lowering.storeResults(at: at)
          return []
        }
        return []
      }
    }
  }

  private mutating func transposedBlock(
    _ axes: BlockTranspose, _ lanes: Int, _ row: ValueID, at positions: [Position]
  ) throws {
    for (index, result) in results.enumerated() {
      var rows: [ValueID] = []
      for step in 0..<lanes {
        var at = positions
        at[axes.writing] = .along(axes.writing, emitter.builder.add(row, step))
        rows.append(emitter.builder.splat(try emitter.emit(result, at: at), lanes: lanes))
      }
      for (step, column) in transposed(rows).enumerated() {
        var target = positions.map(\.value)
        target[axes.reading] = emitter.builder.add(target[axes.reading], step)
        target[axes.writing] = row
        emitter.builder.store(column, outputs[index], target, along: axes.writing)
      }
    }
  }

  /// A square of lanes with rows and columns exchanged: quarters change places, then quarters of those.
  private mutating func transposed(_ rows: [ValueID]) -> [ValueID] {
    var rows = rows
    let type = emitter.builder.type(of: rows[0])
    var distance = rows.count / 2
    while distance > 0 {
      for first in rows.indices where first & distance == 0 {
        let pair = [rows[first], rows[first + distance]]
        for (place, shift) in [(first, 0), (first + distance, distance)] {
          let order = rows.indices.map { lane in
            (lane & distance == 0 ? lane : lane - distance + rows.count) + shift
          }
          rows[place] = emitter.builder.emit(.shuffle, pair, type, attributes: [NamedAttribute("order", .ints(order))])
        }
      }
      distance /= 2
    }
    return rows
  }

  /// Follows a value to the parameters it is computed from; notes for each of their axes along which axis of the result it
  /// runs, `nil` where it runs along none. Gives up (`nil`) where an op does more than move whole axes.
  private func collectOperands(of value: ValueID, axes: [Int?], into found: inout [[Int?]]?) {
    guard found != nil else { return }
    guard let op = host.definingOp(of: value) else {
      found?.append(zip(axes, emitter.dims(of: value)).map { $1 == 1 ? nil : $0 })
      return
    }
    let operand = host.operands(of: op).first
    switch host.opcode(of: op) {
    case .constant, .size: return
    case .transpose:
      guard let operand, let permutation = host.ints("perm", of: op) else { return }
      var source = axes
      for (axis, from) in permutation.enumerated() { source[from] = axes[axis] }
      collectOperands(of: operand, axes: source, into: &found)
    case .slice where (host.ints("strides", of: op) ?? []).allSatisfy({ $0 == 1 }):
      guard let operand else { return }
      collectOperands(of: operand, axes: axes, into: &found)
    case .broadcast:
      guard let operand, let placed = host.ints("axes", of: op) else { return }
      let (sizes, result) = (emitter.dims(of: operand), emitter.dims(of: value))
      // What is 1 or as large only at run time has lanes of neither kind.
      guard zip(placed, sizes).allSatisfy({ $1 == 1 || $1 == result[$0] }) else { return found = nil }
      collectOperands(of: operand, axes: zip(placed, sizes).map { $1 == 1 ? nil : axes[$0] }, into: &found)
    case let code where code.isElementwise:
      for operand in host.operands(of: op) {
        collectOperands(of: operand, axes: host.type(of: operand).rank == 0 ? [] : axes, into: &found)
      }
    case _: found = nil
    }
  }

  /// Lanes of a block at most: as many rows, and as many columns, are in registers at a time.
  private static var mostRows: Int { 8 }
  /// Axes shorter than this make no blocks.
  private static var leastBlock: Int { 4 }
}
