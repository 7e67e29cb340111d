import ApusIR
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
  private let epilogue: BlockID?
  private let isEpilogueLong: Bool

  /// A buffer, the index that the op starts from, and the strides of the two axes that it walks.
  private struct Part {
    let buffer: Buffer
    let indices: [CodeValue]
    let axes: [Int]
    let strides: [CodeValue]
  }

  private var e: Emitter { code.e }

  /// Ops of an epilogue that may be repeated for each vector of sums in each variant of the kernel: loads of a bias and
  /// of a row's scale, an addition, a product, a maximum, and the constants among them.
  private static let shortEpilogue = 8

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
    isEpilogueLong = epilogue.map { function.ops(in: $0).count > Self.shortEpilogue } ?? false
    let outType = out.buffer.type.element
    accumulator = epilogue.map { _ in code.type(parameters[2]).element } ?? outType.accumulator
    let size = function.ints("block", of: op) ?? [1, 1]
    let widest = code.e.target.lanes(bytes: accumulator.byteCount)
    var lanes = epilogue.map { _ in code.type(parameters[2]).lanes } ?? widest
    while size[1] % lanes != 0 { lanes /= 2 }
    block = RegisterBlock(
      rows: size[0], vectors: size[1] / lanes, lanes: lanes, unroll: function.int("unroll", of: op) ?? 1)
    isOneBlock = (
      (code.upperBound(operands[4]) ?? .max) <= block.rows, (code.upperBound(operands[5]) ?? .max) <= block.columns
    )
  }

  /// Loops over the blocks; rows inside, so that the right operand's panel stays in the cache.
  func emit() {
    let zero = e.index(0)
    if isOneBlock.columns {
      emitRows(column: zero, columns: columns)
    } else {
      e.forLoop(zero, columns, step: block.columns) { column in
        emitRows(column: column, columns: e.minimum(e.sub(columns, column), e.index(block.columns)))
      }
    }
  }

  private func emitRows(column: CodeValue, columns: CodeValue) {
    if isOneBlock.rows {
      emitBlock(Block(row: e.index(0), column: column, rows: rows, columns: columns))
    } else {
      e.forLoop(e.index(0), rows, step: block.rows) { row in
        let count = e.minimum(e.sub(rows, row), e.index(block.rows))
        emitBlock(Block(row: row, column: column, rows: count, columns: columns))
      }
    }
  }

  /// Where a block starts, counted from the op's start, and how much of it exists.
  private struct Block {
    var row: CodeValue
    let column: CodeValue
    let rows: CodeValue
    let columns: CodeValue
  }

  /// A block's sums, then its epilogue: at once for each vector of sums, or, where that would repeat much code in
  /// each variant of the kernel, from a copy of the sums on the stack.
  private func emitBlock(_ place: Block) {
    guard isEpilogueLong else { return emitVariants(place, parked: nil) }
    let sums = e.stackSlot(sumType, count: block.rows * block.vectors, alignment: 64)
    emitVariants(place, parked: sums)
    e.ifElse(e.compare(place.columns, .equal, e.index(block.columns))) {
      emitEpilogues(place, sums, isWide: true)
      return []
    } else: {
      emitEpilogues(place, sums, isWide: false)
      return []
    }
  }

  /// Finishes the sums of a block, row by row.
  private func emitEpilogues(_ place: Block, _ sums: CodeValue, isWide: Bool) {
    let base = start(out, [place.row, place.column])
    e.forLoop(e.index(0), place.rows) { row in
      for vector in 0..<block.vectors {
        let column = vector * block.lanes
        let mask = isWide ? nil : e.tailMask(e.sub(place.columns, e.index(column)), lanes: block.lanes)
        let cell = Cell(row: row, column: column, mask: mask)
        let at = e.add(e.mul(row, e.index(block.vectors)), e.index(vector))
        store(finish(e.load(sumType, e.offset(sums, sumType, by: at)), cell, place), base, cell)
      }
    }
  }

  private var sumType: CodeType { e.registerType(accumulator).vector(block.lanes) }

  /// One variant for whole blocks, and some of any width for what is left.
  private func emitVariants(_ place: Block, parked: CodeValue?) {
    let isWide = e.compare(place.columns, .equal, e.index(block.columns))
    if let rows = e.knownInteger(place.rows) {
      if e.knownInteger(place.columns) == block.columns { return emitTile(place, parked, rows: rows, isWhole: true) }
      if e.knownInteger(place.columns) != nil { return emitTile(place, parked, rows: rows, isWhole: false) }
      e.ifElse(isWide) {
        emitTile(place, parked, rows: rows, isWhole: true)
        return []
      } else: {
        emitTile(place, parked, rows: rows, isWhole: false)
        return []
      }
      return
    }
    let isWhole = e.and(e.compare(place.rows, .equal, e.index(block.rows)), isWide)
    e.ifElse(isWhole) {
      emitTile(place, parked, rows: block.rows, isWhole: true)
      return []
    } else: {
      emitEdge(place, parked)
      return []
    }
  }

  /// A block that lacks columns or rows. Missing rows are made up of powers of two, so that few variants do.
  private func emitEdge(_ place: Block, _ parked: CodeValue?) {
    guard e.knownInteger(place.columns) != block.columns else { return emitPieces(place, parked) }
    e.ifElse(e.compare(place.rows, .equal, e.index(block.rows))) {
      emitTile(place, parked, rows: block.rows, isWhole: false)
      return []
    } else: {
      emitPieces(place, parked)
      return []
    }
  }

  private func emitPieces(_ place: Block, _ parked: CodeValue?) {
    var done = e.index(0)
    var height = 1
    while height * 2 < block.rows { height *= 2 }
    while height > 0, block.rows > 1 {
      let piece = e.and(place.rows, e.index(height))
      e.ifThen(e.compare(piece, .notEqual, e.index(0))) {
        var place = place
        place.row = e.add(place.row, done)
        let parked = parked.map { e.offset($0, sumType, by: e.mul(done, e.index(block.vectors))) }
        emitTile(place, parked, rows: height, isWhole: false)
      }
      done = e.add(done, piece)
      height /= 2
    }
  }

  private func emitTile(_ place: Block, _ parked: CodeValue?, rows: Int, isWhole: Bool) {
    let a = start(lhs, [place.row, nil])
    let b = start(rhs, [nil, place.column])
    let c = start(out, [place.row, place.column])
    var shape = block
    // The rare edges need not be fast, and unrolling them costs compile time.
    if !isWhole { shape.unroll = 1 }
    var kernel = MicroKernel(
      shape, rows: rows, a: .general(step: lhs.strides[0], depth: lhs.strides[1]),
      b: .general(step: rhs.strides[1], depth: rhs.strides[0]))
    kernel.widenA = widening(lhs.buffer.type.element)
    kernel.widenB = widening(rhs.buffer.type.element)
    if !isWhole { kernel.columns = e.knownInteger(place.columns).map { .exactly($0) } ?? .count(place.columns) }
    let initial: ((MicroKernel.Cell) -> CodeValue)? = accumulates ? { load(c, Cell(e, $0)) } : nil
    kernel.emit(
      into: e, element: e.registerType(accumulator), a: a, b: b, depth: depth, initial: initial
    ) { cell, sum in
      if let parked {
        let at = cell.row * block.vectors + cell.column / block.lanes
        e.store(sum, e.offset(parked, sumType, by: at))
      } else {
        let cell = Cell(e, cell)
        store(finish(sum, cell, place), c, cell)
      }
    }
  }
}

/// One vector of a block.
private struct Cell {
  /// Counted from the block's first row.
  let row: CodeValue
  /// Of the first lane, from the block's first column.
  let column: Int
  /// Which lanes exist; nil for all of them.
  let mask: CodeValue?

  init(row: CodeValue, column: Int, mask: CodeValue?) {
    self.row = row
    self.column = column
    self.mask = mask
  }

  init(_ e: Emitter, _ cell: MicroKernel.Cell) {
    self.init(row: e.index(cell.row), column: cell.column, mask: cell.mask)
  }
}

extension Contraction {
  private func start(_ part: Part, _ offsets: [CodeValue?]) -> CodeValue {
    var indices = part.indices
    for (axis, offset) in zip(part.axes, offsets) {
      if let offset { indices[axis] = e.add(indices[axis], offset) }
    }
    return code.address(part.buffer, indices)
  }

  private func widening(_ element: ElementType) -> MicroKernel.Widening? {
    if element == accumulator { return nil }
    return MicroKernel.Widening(from: e.types.storage(element)) {
      e.convertRegister(code.fromMemory($0, element), from: element, to: accumulator)
    }
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
    code.bindParameters(
      of: epilogue,
      [e.add(place.row, cell.row), e.add(place.column, e.index(cell.column)), sum])
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
    return e.offset(row, type, by: e.mul(out.strides[1], e.index(cell.column)))
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
