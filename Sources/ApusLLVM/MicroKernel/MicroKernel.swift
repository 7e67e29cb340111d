/// The inner loop of every contraction: `sum[i, j] += a[k, i] · b[k, j]` over k, with the sums in registers.
///
///     packed a  [depth][rows]            broadcast one element at a time
///     packed b  [depth][block.columns]   whole vectors, 64-byte aligned
///
/// Each sum adds its products in the order of k whatever the block, the unrolling or the blocking of k outside,
/// so those do not change a result bit. Products are fused into the sum where the target has FMA.
struct MicroKernel {
  /// Where element (k, i) of an operand lies, in elements from its pointer.
  enum Layout {
    /// At k · width + i.
    case packed(width: Int)
    /// At i · stride + k for the left operand, at k · stride + i for the right one.
    case strided(CodeValue)
    /// At i · step + k · depth.
    case general(step: CodeValue, depth: CodeValue)
    /// At k · depth from a pointer of each row's own; of the left operand only.
    case rows([CodeValue], depth: CodeValue)
    /// Of the right operand only, whose steps are channels × taps: at channel · depth + offsets[tap] + i.
    case tapped(depth: CodeValue, offsets: [Int])
  }

  /// How an element of an operand becomes one of the sums' type: both types are the sums' own when nil.
  struct Widening {
    let from: CodeType
    let convert: (CodeValue) -> CodeValue
  }

  /// How many columns of the block exist.
  enum Columns {
    case all
    /// A number known now; vectors wholly outside are not computed.
    case exactly(Int)
    /// A run-time i64 in 1 ... block.columns.
    case count(CodeValue)
  }

  let block: RegisterBlock
  /// Rows that exist, 1 ... block.rows.
  var rows: Int
  var columns: Columns = .all
  var a: Layout
  var b: Layout
  var widenA: Widening?
  var widenB: Widening?

  init(_ block: RegisterBlock, rows: Int? = nil, columns: Columns = .all, a: Layout? = nil, b: Layout? = nil) {
    let rows = rows ?? block.rows
    precondition((1...block.rows).contains(rows), "a micro-kernel has 1 to \(block.rows) rows")
    if case .exactly(let count) = columns {
      precondition((1...block.columns).contains(count), "a micro-kernel has 1 to \(block.columns) columns")
    }
    self.block = block
    self.rows = rows
    self.columns = columns
    self.a = a ?? .packed(width: rows)
    self.b = b ?? .packed(width: block.columns)
  }

  /// One vector of the block.
  struct Cell {
    let row: Int
    /// Column of its first lane.
    let column: Int
    /// Which lanes exist; nil for all of them.
    let mask: CodeValue?
  }

  /// Writes the loop at the emitter's position.
  ///
  /// - Parameters:
  ///   - element: the scalar type of both operands and of the sums; f32, f64, i32 or i64.
  ///   - depth: the number of steps, an i64 ≥ 0.
  ///   - initial: the sums before the first step; zero when nil.
  ///   - finish: gets each vector of final sums, in row-major order.
  func emit(
    into e: Emitter, element: CodeType, a: CodeValue, b: CodeValue, depth: CodeValue,
    initial: ((Cell) -> CodeValue)? = nil, finish: (Cell, CodeValue) -> Void
  ) {
    let type = element.vector(block.lanes)
    let masks = columnMasks(e)
    let cells = (0..<rows).flatMap { row in
      masks.enumerated().map { Cell(row: row, column: $0.offset * block.lanes, mask: $0.element) }
    }
    var sums = cells.map { initial?($0) ?? e.zero(type) }

    func step(_ k: CodeValue, _ ahead: Int, _ sums: [CodeValue], channel: CodeValue? = nil) -> [CodeValue] {
      let right = masks.indices.map { rightVector(e, type, b, channel ?? k, ahead, vector: $0, mask: masks[$0]) }
      var next = sums
      for row in 0..<rows {
        let left = e.splat(leftElement(e, element, a, k, ahead, row: row), block.lanes)
        for vector in masks.indices {
          let cell = row * masks.count + vector
          next[cell] = multiplyAdd(e, left, right[vector], sums[cell])
        }
      }
      return next
    }

    if case .tapped(_, let offsets) = self.b {
      let channels = e.quotient(depth, e.index(offsets.count), signed: false)
      sums = e.forLoop(e.index(0), channels, carrying: sums) { channel, sums in
        let k = e.mul(channel, e.index(offsets.count))
        return offsets.indices.reduce(sums) { step(k, $1, $0, channel: channel) }
      }
      for (cell, sum) in zip(cells, sums) { finish(cell, sum) }
      return
    }
    let rest = e.remainder(depth, e.index(block.unroll), signed: false)
    let unrolled = e.sub(depth, rest)
    sums = e.forLoop(e.index(0), unrolled, step: block.unroll, carrying: sums) { k, sums in
      (0..<block.unroll).reduce(sums) { step(k, $1, $0) }
    }
    if block.unroll > 1 {
      sums = e.forLoop(unrolled, depth, carrying: sums) { k, sums in step(k, 0, sums) }
    }
    for (cell, sum) in zip(cells, sums) { finish(cell, sum) }
  }
}

extension MicroKernel {
  /// One mask for each vector that holds an existing column.
  private func columnMasks(_ e: Emitter) -> [CodeValue?] {
    switch columns {
    case .all:
      return [CodeValue?](repeating: nil, count: block.vectors)
    case .exactly(let count):
      return stride(from: 0, to: count, by: block.lanes).map { first in
        count - first >= block.lanes ? nil : e.tailMask(e.index(count - first), lanes: block.lanes)
      }
    case .count(let count):
      return (0..<block.vectors).map { e.tailMask(e.sub(count, e.index($0 * block.lanes)), lanes: block.lanes) }
    }
  }

  private func leftElement(
    _ e: Emitter, _ element: CodeType, _ a: CodeValue, _ k: CodeValue, _ ahead: Int, row: Int
  ) -> CodeValue {
    let (step, depth) =
      switch self.a {
      case .packed(let width): (e.index(1), e.index(width))
      case .strided(let stride): (stride, e.index(1))
      case .general(let step, let depth): (step, depth)
      case .rows(_, let depth): (e.index(0), depth)
      case .tapped: preconditionFailure("the left operand of a micro-kernel has no taps")
      }
    var base = a
    if case .rows(let rows, _) = self.a { base = rows[row] }
    let stored = widenA?.from ?? element
    let loaded = e.load(stored, address(e, stored, base, step: step, lane: row, depth: depth, k, ahead))
    return widenA?.convert(loaded) ?? loaded
  }

  private func rightVector(
    _ e: Emitter, _ type: CodeType, _ b: CodeValue, _ k: CodeValue, _ ahead: Int, vector: Int, mask: CodeValue?
  ) -> CodeValue {
    let column = vector * block.lanes
    let stored = type.with(scalar: widenB?.from ?? type.scalar)
    let loaded: CodeValue
    switch self.b {
    case .packed(let width):
      let bytes = stored.scalarBytes * (width & -width)
      let alignment = min(64, bytes, stored.scalarBytes * block.lanes)
      let at = address(e, stored.scalar, b, step: e.index(1), lane: column, depth: e.index(width), k, ahead)
      // Lanes beyond the last column are padding that may be read.
      loaded = e.load(stored, at, alignment: alignment)
    case .strided(let stride):
      loaded = contiguous(e, stored, b, column, depth: stride, k, ahead, mask)
    case .general(let step, let depth) where step == e.index(1):
      loaded = contiguous(e, stored, b, column, depth: depth, k, ahead, mask)
    case .general(let step, let depth):
      loaded = scattered(e, stored, b, column, step: step, depth: depth, k, ahead)
    case .tapped(let depth, let offsets):
      loaded = contiguous(e, stored, b, column + offsets[ahead], depth: depth, k, 0, mask)
    case .rows: preconditionFailure("the right operand of a micro-kernel has one pointer")
    }
    return widenB?.convert(loaded) ?? loaded
  }

  private func contiguous(
    _ e: Emitter, _ type: CodeType, _ b: CodeValue, _ column: Int, depth: CodeValue, _ k: CodeValue, _ ahead: Int,
    _ mask: CodeValue?
  ) -> CodeValue {
    let at = address(e, type.scalar, b, step: e.index(1), lane: column, depth: depth, k, ahead)
    guard let mask else { return e.load(type, at) }
    return e.load(type, at, mask: mask, other: e.zero(type))
  }

  /// Lanes one by one; columns that do not exist repeat the last one that does.
  private func scattered(
    _ e: Emitter, _ type: CodeType, _ b: CodeValue, _ column: Int, step: CodeValue, depth: CodeValue, _ k: CodeValue,
    _ ahead: Int
  ) -> CodeValue {
    (0..<block.lanes).reduce(e.poison(type)) { vector, lane in
      let column =
        switch columns {
        case .all: e.index(column + lane)
        case .exactly(let count): e.index(min(column + lane, count - 1))
        case .count(let count): e.minimum(e.index(column + lane), e.sub(count, e.index(1)))
        }
      let start = e.offset(b, type.scalar, by: e.mul(column, step))
      let at = address(e, type.scalar, start, step: step, lane: 0, depth: depth, k, ahead)
      return e.insert(e.load(type.scalar, at), into: vector, lane: lane)
    }
  }

  /// base + lane · step + (k + ahead) · depth. What is known now becomes one displacement, and a step that is not
  /// stays outside the loop.
  private func address(
    _ e: Emitter, _ type: CodeType, _ base: CodeValue, step: CodeValue, lane: Int, depth: CodeValue, _ k: CodeValue,
    _ ahead: Int
  ) -> CodeValue {
    var displacement = 0
    var pointer = base
    if let step = e.knownInteger(step) {
      displacement += lane * step
    } else {
      pointer = e.offset(pointer, type, by: e.mul(step, e.index(lane)))
    }
    pointer = e.offset(pointer, type, by: e.mul(k, depth))
    if let depth = e.knownInteger(depth) {
      displacement += ahead * depth
    } else if ahead > 0 {
      pointer = e.offset(pointer, type, by: e.mul(depth, e.index(ahead)))
    }
    return e.offset(pointer, type, by: displacement)
  }

  private func multiplyAdd(_ e: Emitter, _ a: CodeValue, _ b: CodeValue, _ sum: CodeValue) -> CodeValue {
    a.type.isFloat && e.target.hasFMA ? e.fma(a, b, sum) : e.add(sum, e.mul(a, b))
  }
}
