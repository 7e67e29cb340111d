import ApusIR
import ApusTensor

/// Loads and stores.
extension FunctionLowering {
  func lowerLoad(_ op: OpID) {
    let access = access(op, isStore: false)
    let result = function.result(of: op)
    let loaded = load(access, codeType(type(result)).with(scalar: e.types.storage(access.buffer.type.element)))
    bind(result, fromMemory(loaded, access.buffer.type.element))
  }

  func lowerStore(_ op: OpID) {
    let access = access(op, isStore: true)
    let valueIndex = function.opcode(of: op) == .storeMasked ? 1 : 0
    store(toMemory(register(function.operand(valueIndex, of: op)), access.buffer.type.element), access)
  }

  func lowerScratch(_ op: OpID) {
    let result = function.result(of: op)
    let type = type(result)
    let shape = extents(of: type).map { function.symbols.bounds(of: $0).upper }
    let bytes = shape.reduce(type.element.byteCount as Int?) { product, extent in
      guard let product, let extent else { return nil }
      let (bytes, overflow) = product.multipliedReportingOverflow(by: extent)
      return overflow ? nil : bytes
    }
    guard let bytes else { preconditionFailure("scratch in @\(function.name) is not bounded by constants") }
    let rounded = max(64, (bytes + 63) / 64 * 64)
    if stackBytes + rounded <= Self.mostStackBytes {
      stackBytes += rounded
      bind(result, e.stackSlot(e.types.i8, count: rounded, alignment: 64))
    } else {
      bind(result, e.inPrologue { runtime.allocate(context, bytes: e.index(rounded)) })
      // The check stays where the op is: a prologue has no branches.
      e.ifThen(e.compare(code(result), .equal, e.nullPointer)) { e.returnVoid() }
    }
  }

  /// Address of an element.
  func address(_ buffer: Buffer, _ indices: [CodeValue]) -> CodeValue {
    let storage = e.types.storage(buffer.type.element)
    // One step an axis, outer ones first: the steps that an inner loop does not change leave it.
    return zip(positions(buffer.type, indices), buffer.strides).reduce(buffer.pointer) { pointer, part in
      part.0 == e.index(0) ? pointer : e.offset(pointer, storage, by: e.mul(part.0, part.1))
    }
  }

  /// From memory's form to a register's.
  func fromMemory(_ x: CodeValue, _ element: ElementType) -> CodeValue {
    element == .bool ? e.compare(x, .notEqual, e.zero(x.type)) : x
  }

  func toMemory(_ x: CodeValue, _ element: ElementType) -> CodeValue {
    element == .bool ? e.resize(x, to: e.types.i8, signed: false) : x
  }

  /// Stack that one function may take for `scratch`: a worker's whole stack may be as small as 512 KiB.
  private static let mostStackBytes = 256 << 10
}

/// The elements that a load or a store reaches.
struct Access {
  var buffer: Buffer
  /// Those of lane 0.
  var indices: [CodeValue]
  var values: [ValueID]
  /// The axis along which lanes advance, and by how many indices.
  var along: Int
  var stride: Int
  /// Lanes that exist; nil for all.
  var mask: CodeValue?
}

extension FunctionLowering {
  private func access(_ op: OpID, isStore: Bool) -> Access {
    var operands = function.operands(of: op)
    let isMasked = [.loadMasked, .storeMasked].contains(function.opcode(of: op))
    let count = isMasked ? register(operands.removeFirst()) : nil
    let lanes = isStore ? type(operands.removeFirst()).lanes : type(function.result(of: op)).lanes
    let buffer = buffer(operands.removeFirst())
    var mask = count.map { e.tailMask($0, lanes: lanes) }
    // At the edge of a result an epilogue runs on lanes that do not exist.
    if mask == nil, lanes > 1, let edge, edge.lanes == lanes { mask = edge.mask }
    return Access(
      buffer: buffer, indices: operands.map { register($0) }, values: operands,
      along: function.int("along", of: op) ?? buffer.type.rank - 1, stride: function.int("stride", of: op) ?? 1,
      mask: mask)
  }

  private func load(_ access: Access, _ type: CodeType) -> CodeValue {
    let scope = access.buffer.scope
    func marked(_ x: CodeValue) -> CodeValue {
      aliases.mark(x, scope)
      return x
    }
    guard type.isVector else {
      return guarded(access, type) { marked(e.load(type, address(access.buffer, access.indices))) }
    }
    let lanes = type.laneCount
    switch step(access, lanes: lanes) {
    case .ahead:
      let pointer = address(access.buffer, access.indices)
      guard let mask = access.mask else { return marked(e.load(type, pointer)) }
      return marked(e.load(type, pointer, mask: mask, other: e.zero(type)))
    case .back where access.mask == nil:
      let pointer = e.offset(address(access.buffer, access.indices), type.scalar, by: 1 - lanes)
      return e.reversed(marked(e.load(type, pointer)))
    case .none where access.mask == nil:
      return e.splat(marked(e.load(type.scalar, address(access.buffer, access.indices))), lanes)
    case .everyOther where access.mask == nil:
      // Two loads that end with the last lane, so that nothing beyond it is read.
      let pointer = address(access.buffer, access.indices)
      let (low, high) = (e.load(type, pointer), e.load(type, e.offset(pointer, type.scalar, by: lanes - 1)))
      return e.shuffle(marked(low), marked(high), (0..<lanes).map { 2 * $0 < lanes ? 2 * $0 : 2 * $0 + 1 })
    case .back, .none, .everyOther, .scattered:
      let nothing = access.mask.map { _ in e.constantData([UInt8](repeating: 0, count: 8), alignment: 8) }
      return (0..<lanes).reduce(e.poison(type)) { vector, lane in
        var pointer = laneAddress(access, lane)
        if let mask = access.mask, let nothing { pointer = e.select(e.extract(mask, lane: lane), pointer, nothing) }
        let x = e.load(type.scalar, pointer)
        return e.insert(access.mask == nil ? marked(x) : x, into: vector, lane: lane)
      }
    }
  }

  private func store(_ x: CodeValue, _ access: Access) {
    let scope = access.buffer.scope
    guard x.type.isVector else {
      let write = { self.aliases.mark(self.e.store(x, self.address(access.buffer, access.indices)), scope) }
      if let mask = access.mask { e.ifThen(mask, write) } else { write() }
      return
    }
    let lanes = x.type.laneCount
    switch step(access, lanes: lanes) {
    case .ahead:
      let pointer = address(access.buffer, access.indices)
      if let mask = access.mask {
        aliases.mark(e.store(x, pointer, mask: mask), scope)
      } else {
        aliases.mark(e.store(x, pointer), scope)
      }
    case .back where access.mask == nil:
      let pointer = e.offset(address(access.buffer, access.indices), x.type.scalar, by: 1 - lanes)
      aliases.mark(e.store(e.reversed(x), pointer), scope)
    case .back, .none, .everyOther, .scattered:
      let nowhere = access.mask.map { _ in e.stackSlot(e.types.i64) }
      for lane in 0..<lanes {
        var pointer = laneAddress(access, lane)
        if let mask = access.mask, let nowhere { pointer = e.select(e.extract(mask, lane: lane), pointer, nowhere) }
        let written = e.store(e.extract(x, lane: lane), pointer)
        if access.mask == nil { aliases.mark(written, scope) }
      }
    }
  }

  /// A scalar access that may not exist.
  private func guarded(_ access: Access, _ type: CodeType, _ load: () -> CodeValue) -> CodeValue {
    guard let mask = access.mask else { return load() }
    return e.ifElse(mask) { [load()] } else: { [e.zero(type)] }[0]
  }

  /// How the lanes of an access lie in memory.
  private enum Step {
    case none, ahead, back, everyOther, scattered
  }

  private func step(_ access: Access, lanes: Int) -> Step {
    let type = access.buffer.type
    if access.stride == 0 { return .none }
    if access.stride == 2, type.layout == nil, type.rank > 0, lanes > 1,
      access.buffer.strides[access.along] == e.index(1)
    {
      return .everyOther
    }
    guard abs(access.stride) == 1, type.rank > 0, isAdjacent(access, lanes: lanes) else { return .scattered }
    return access.stride > 0 ? .ahead : .back
  }

  /// Whether the elements along the axis lie side by side, as far as the lanes reach.
  private func isAdjacent(_ access: Access, lanes: Int) -> Bool {
    let type = access.buffer.type
    guard let layout = type.layout else { return access.buffer.strides[access.along] == e.index(1) }
    guard let last = layout.entries.last, last.axis == access.along else { return false }
    switch last.part {
    case .whole: return true
    case .outer: return false
    case .inner(let block):
      return access.stride == 1 && block % lanes == 0 && isMultiple(access.values[access.along], of: lanes)
    }
  }

  private func laneAddress(_ access: Access, _ lane: Int) -> CodeValue {
    var indices = access.indices
    if indices.indices.contains(access.along) {
      indices[access.along] = e.add(indices[access.along], e.index(lane * access.stride))
    }
    return address(access.buffer, indices)
  }

  /// The index along each entry of the type's layout.
  private func positions(_ type: TensorType, _ indices: [CodeValue]) -> [CodeValue] {
    guard let layout = type.layout else { return indices }
    return layout.entries.map { entry in
      let index = indices[entry.axis]
      switch entry.part {
      case .whole: return index
      case .outer(let block): return e.quotient(index, e.index(block), signed: false)
      case .inner(let block): return e.remainder(index, e.index(block), signed: false)
      }
    }
  }

  /// Whether an index is surely a multiple of a number.
  func isMultiple(_ value: ValueID, of divisor: Int) -> Bool {
    if let known = constantIndex(value) { return known % divisor == 0 }
    if let (block, index) = function.parameterOrigin(of: value) {
      guard index == 0, let loop = function.owner(of: block), function.opcode(of: loop) == .for else { return false }
      return int("step", loop) % divisor == 0 && isMultiple(function.operand(0, of: loop), of: divisor)
    }
    guard let op = function.definingOp(of: value) else { return false }
    let operands = function.operands(of: op)
    switch function.opcode(of: op) {
    case .add, .sub: return operands.allSatisfy { isMultiple($0, of: divisor) }
    case .mul: return operands.contains { isMultiple($0, of: divisor) }
    case _: return false
    }
  }
}
