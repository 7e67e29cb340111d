import ApusIR
import ApusSupport
import ApusTensor

/// The contraction micro-kernel over one or more register blocks.
extension FunctionLowering {
  func lowerContract(_ op: OpID) {
    let contraction = Contraction(self, op)
    e.ifThen(
      e.and(
        e.compare(contraction.rows, .greater, e.index(0)), e.compare(contraction.columns, .greater, e.index(0)))
    ) { contraction.emit() }
  }

  /// The largest value that an index can have, where the ops that make it say so.
  func upperBound(_ value: ValueID) -> Int? {
    if let known = constantIndex(value) { return known }
    guard let op = function.definingOp(of: value) else { return nil }
    switch function.opcode(of: op) {
    case .min: return function.operands(of: op).compactMap { upperBound($0) }.min()
    case _: return nil
    }
  }

  /// Whether the right operand of `contract` holds whole blocks of columns: an axis whose size, with the padding of its layout,
  /// is a multiple of them, walked from a multiple on; or, with taps, one that is surely long enough for all of them.
  func isPadded(_ operands: [ValueID], _ type: TensorType, _ axis: Int, to columns: Int, taps: [Int]) -> Bool {
    let first = operands[6 + self.type(operands[0]).rank + axis]
    if let reach = taps.max() {
      guard type.layout == nil, let size = type.dims[axis].constantValue, let start = constantIndex(first),
        let most = upperBound(operands[5])
      else { return false }
      return start + (most + columns - 1) / columns * columns + reach <= size
    }
    guard isMultiple(first, of: columns) else { return false }
    guard let layout = type.layout else {
      return type.dims[axis].constantValue.map { $0 % columns == 0 } ?? false
    }
    return layout.entries.contains { entry in
      guard entry.axis == axis, case .inner(let block) = entry.part else { return false }
      return block % columns == 0
    }
  }

  /// Elements from one index of an axis to the next, within a block of a blocked axis.
  func axisStride(of buffer: Buffer, _ axis: Int) -> CodeValue {
    guard let layout = buffer.type.layout else { return buffer.strides[axis] }
    for (entry, stride) in zip(layout.entries, buffer.strides) where entry.axis == axis {
      switch entry.part {
      case .whole, .inner: return stride
      case .outer: continue
      }
    }
    preconditionFailure("a layout leaves out axis \(axis)")
  }
}

/// One `contract` op on its way to code.
private struct Contraction {
  private let code: FunctionLowering
  private let op: OpID
  private let lhs: Part
  private let rhs: Part
  private let out: Part
  private let depth: CodeValue
  let rows: CodeValue
  let columns: CodeValue
  /// Whether all rows and columns surely lie within one block.
  private let isOneBlock: (rows: Bool, columns: Bool)
  private let block: RegisterBlock
  private let accumulator: ElementType
  private let accumulates: Bool
  private let taps: [Int]
  /// Whether every block of the right operand can be read whole.
  private let isRightPadded: Bool
  private let epilogue: BlockID?

  /// A buffer, the index that the op starts from, and the strides of the two axes that it walks.
  private struct Part {
    let buffer: Buffer
    let indices: [CodeValue]
    let axes: [Int]
    let strides: [CodeValue]
  }

  private var e: Emitter { code.e }

  init(_ code: FunctionLowering, _ op: OpID) {
    self.code = code
    self.op = op
    let function = code.function
    let operands = function.operands(of: op)
    var next = 6
    func part(_ position: Int, _ axes: String) -> Part {
      let buffer = code.buffer(operands[position])
      let indices = operands[next..<next + buffer.type.rank].map { code.register($0) }
      next += buffer.type.rank
      let axes = function.ints(axes, of: op) ?? []
      return Part(
        buffer: buffer, indices: indices, axes: axes, strides: axes.map { code.axisStride(of: buffer, $0) })
    }
    lhs = part(0, "lhs_axes")
    rhs = part(1, "rhs_axes")
    out = part(2, "out_axes")
    depth = code.register(operands[3])
    rows = code.register(operands[4])
    columns = code.register(operands[5])
    accumulates = function.bool("accumulate", of: op) ?? false

    let region = function.region(0, of: op)
    let parameters = function.parameters(of: region)
    epilogue = parameters.isEmpty ? nil : region
    let outType = out.buffer.type.element
    accumulator = epilogue.map { _ in code.type(parameters[2]).element } ?? outType.accumulator
    let size = function.ints("block", of: op) ?? [1, 1]
    let widest = code.e.target.lanes(bytes: accumulator.byteCount)
    var lanes = epilogue.map { _ in code.type(parameters[2]).lanes } ?? widest
    while size[1] % lanes != 0 { lanes /= 2 }
    block = RegisterBlock(
      rows: size[0], vectors: size[1] / lanes, lanes: lanes, unroll: function.int("unroll", of: op) ?? 1)
    taps = function.ints("taps", of: op) ?? []
    isRightPadded = code.isPadded(function.operands(of: op), rhs.buffer.type, rhs.axes[1], to: block.columns,
      taps: taps)
    isOneBlock = (
      (code.upperBound(operands[4]) ?? .max) <= block.rows, (code.upperBound(operands[5]) ?? .max) <= block.columns
    )
  }

  /// Loops over the blocks; rows inside, so that the right operand's panel stays in the cache.
  func emit() {
    blocks(of: columns, block.columns, isOne: isOneBlock.columns) { column, width in
      blocks(of: rows, block.rows, isOne: isOneBlock.rows) { row, height in
        emitBlock(Block(row: row, column: column, rows: height, columns: width))
      }
    }
  }

  private func blocks(of size: CodeValue, _ step: Int, isOne: Bool, _ body: (_ start: CodeValue, _ size: CodeValue) -> Void) {
    if isOne { return body(e.index(0), size) }
    let isEven = e.knownInteger(size).map { $0 % step == 0 } ?? false
    e.forLoop(e.index(0), size, step: step) { start in
      body(start, isEven ? e.index(step) : e.minimum(e.sub(size, start), e.index(step)))
    }
  }

  /// Where a block starts, counted from the op's start, and how much of it exists.
  private struct Block {
    let row: CodeValue
    let column: CodeValue
    let rows: CodeValue
    let columns: CodeValue
  }

  /// A whole block without an epilogue is summed where it belongs, every other one on the stack.
  private func emitBlock(_ place: Block) {
    let base = start(out, [place.row, place.column])
    guard isPlain, epilogue == nil else { return emitParked(place, base) }
    let whole = (base, out.strides[0])
    when(isWhole(place)) {
      callTile(place, isWide: true, initial: accumulates ? whole : nil, out: whole)
    } else: {
      emitParked(place, base)
    }
  }

  /// Whether a whole block can be read and written in the output as sums are.
  private var isPlain: Bool {
    out.buffer.type.element == accumulator && accumulator != .bool && out.strides[1] == e.index(1)
  }

  private func isWhole(_ place: Block) -> CodeValue { e.and(isTall(place), isWide(place)) }
  private func isTall(_ place: Block) -> CodeValue { e.compare(place.rows, .equal, e.index(block.rows)) }
  private func isWide(_ place: Block) -> CodeValue { e.compare(place.columns, .equal, e.index(block.columns)) }

  /// A branch that is not there where the condition is known.
  private func when(_ condition: CodeValue, then: () -> Void, else otherwise: () -> Void) {
    switch e.knownInteger(condition) {
    case 0?: otherwise()
    case .some: then()
    case nil:
      e.ifElse(condition) {
        then()
        return []
      } else: {
        otherwise()
        return []
      }
    }
  }

  /// Sums a block on the stack, and finishes what exists of it from there.
  private func emitParked(_ place: Block, _ base: CodeValue) {
    let sums = e.stackSlot(sumType, count: block.rows * block.vectors, alignment: 64)
    let parked = (sums, e.index(block.columns))
    func emit(isWide: Bool) {
      if accumulates { forEachVector(place, isWide: isWide) { e.store(load(base, $0), address(sums, $0)) } }
      callTile(place, isWide: isWide, initial: accumulates ? parked : nil, out: parked)
      forEachVector(place, isWide: isWide) {
        store(finish(e.load(sumType, address(sums, $0)), $0, place), base, $0)
      }
    }
    when(isWide(place)) { emit(isWide: true) } else: { emit(isWide: false) }
  }

  /// Columns outside, so that what an epilogue reads for a column is read once for all rows.
  private func forEachVector(_ place: Block, isWide: Bool, _ body: (Cell) -> Void) {
    e.forLoop(e.index(0), e.index(block.columns), step: block.lanes) { column in
      let mask = isWide ? nil : e.tailMask(e.sub(place.columns, column), lanes: block.lanes)
      e.forLoop(e.index(0), place.rows) { row in body(Cell(row: row, column: column, mask: mask)) }
    }
  }

  /// Where a vector of sums waits.
  private func address(_ sums: CodeValue, _ cell: Cell) -> CodeValue {
    let element = sumType.scalar
    return e.offset(e.offset(sums, element, by: e.mul(cell.row, e.index(block.columns))), element, by: cell.column)
  }

  private var sumType: CodeType { e.registerType(accumulator).vector(block.lanes) }

  /// Only a block that lacks columns needs the variant that leaves lanes out, and only where there is no padding to read.
  private func callTile(
    _ place: Block, isWide: Bool, initial: (CodeValue, CodeValue)?, out: (CodeValue, CodeValue)
  ) {
    let tile = ContractionTile(
      block: block, accumulator: accumulator, left: lhs.buffer.type.element, right: rhs.buffer.type.element,
      leftDepthStride: e.knownInteger(lhs.strides[1]) == 1 ? 1 : nil,
      rightDepthStride: e.knownInteger(rhs.strides[0]) == block.columns ? block.columns : nil,
      isRightContiguous: rhs.strides[1] == e.index(1), isMasked: !isRightPadded && !isWide,
      taps: taps)
    tile.call(
      ContractionTile.Arguments(
        left: start(lhs, [place.row, nil]), leftStrides: (lhs.strides[0], lhs.strides[1]),
        right: start(rhs, [nil, place.column]), rightStrides: (rhs.strides[0], rhs.strides[1]), depth: depth,
        rows: place.rows, columns: place.columns, initial: initial.map { (pointer: $0.0, rowStride: $0.1) },
        out: (pointer: out.0, rowStride: out.1)),
      from: code)
  }
}

/// One vector of a block.
private struct Cell {
  /// Counted from the block's first row.
  let row: CodeValue
  /// Of the first lane, from the block's first column.
  let column: CodeValue
  /// Which lanes exist; nil for all of them.
  let mask: CodeValue?
}

extension Contraction {
  private func start(_ part: Part, _ offsets: [CodeValue?]) -> CodeValue {
    var indices = part.indices
    for (axis, offset) in zip(part.axes, offsets) {
      if let offset { indices[axis] = e.add(indices[axis], offset) }
    }
    return code.address(part.buffer, indices)
  }

  /// Runs the epilogue on a vector of sums, and gives what is stored.
  private func finish(_ sum: CodeValue, _ cell: Cell, _ place: Block) -> CodeValue {
    let outType = out.buffer.type.element
    guard let epilogue else {
      return code.toMemory(e.convertRegister(sum, from: accumulator, to: outType), outType)
    }
    let outer = code.edge
    code.edge = cell.mask.map { ($0, block.lanes) }
    defer { code.edge = outer }
    let column = isPlanted(.epilogueForgetsItsBlock) ? cell.column : e.add(place.column, cell.column)
    code.bindParameters(
      of: epilogue,
      [e.add(place.row, cell.row), column, sum])
    let result = code.lower(epilogue)[0]
    return code.toMemory(result, outType)
  }

  private func load(_ base: CodeValue, _ cell: Cell) -> CodeValue {
    let element = out.buffer.type.element
    let type = e.types.storage(element).vector(block.lanes)
    let stored: CodeValue
    if out.strides[1] != e.index(1) {
      stored = (0..<block.lanes).reduce(e.poison(type)) { vector, lane in
        let pointer = lanePointer(base, cell, lane, nowhere: cell.mask.map { _ in zeroes })
        return e.insert(e.load(type.scalar, pointer), into: vector, lane: lane)
      }
    } else if let mask = cell.mask {
      stored = e.load(type, pointer(base, cell), mask: mask, other: e.zero(type))
    } else {
      stored = e.load(type, pointer(base, cell))
    }
    return e.convertRegister(code.fromMemory(stored, element), from: element, to: accumulator)
  }

  private func store(_ x: CodeValue, _ base: CodeValue, _ cell: Cell) {
    if out.strides[1] != e.index(1) {
      let nowhere = cell.mask.map { _ in e.stackSlot(e.types.i64) }
      for lane in 0..<block.lanes {
        e.store(e.extract(x, lane: lane), lanePointer(base, cell, lane, nowhere: nowhere))
      }
    } else if let mask = cell.mask {
      e.store(x, pointer(base, cell), mask: mask)
    } else {
      e.store(x, pointer(base, cell))
    }
  }

  private func pointer(_ base: CodeValue, _ cell: Cell) -> CodeValue {
    let type = e.types.storage(out.buffer.type.element)
    let row = e.offset(base, type, by: e.mul(out.strides[0], cell.row))
    return e.offset(row, type, by: e.mul(out.strides[1], cell.column))
  }

  /// The address of one lane, or of memory that nobody reads where the lane does not exist.
  private func lanePointer(_ base: CodeValue, _ cell: Cell, _ lane: Int, nowhere: CodeValue?) -> CodeValue {
    let type = e.types.storage(out.buffer.type.element)
    let at = e.offset(pointer(base, cell), type, by: e.mul(out.strides[1], e.index(lane)))
    guard let mask = cell.mask, let nowhere else { return at }
    return e.select(e.extract(mask, lane: lane), at, nowhere)
  }

  private var zeroes: CodeValue { e.constantData([UInt8](repeating: 0, count: 8), alignment: 8) }
}

extension ElementType {
  /// What sums of this type are kept in.
  fileprivate var accumulator: ElementType {
    switch self {
    case .f16, .bf16: .f32
    case .f32, .f64, .s8, .s16, .s32, .s64, .u8, .u16, .u32, .u64, .bool: self
    }
  }
}
