import ApusIR

extension FunctionLowering {
  /// Outlines the body into a function over a range of turns, which `parallel_for` shares among threads.
  func lowerParallelFor(_ op: OpID) {
    let step = int("step", op)
    let (lower, upper) = (register(function.operand(0, of: op)), register(function.operand(1, of: op)))
    let span = e.sub(upper, lower)
    let turns = e.quotient(e.add(span, e.index(step - 1)), e.index(step), signed: true)
    let count = e.maximum(turns, e.index(0))

    let captures = Captures(self, op)
    let closure = captures.store(self, lower)
    let body = e.function(owner.newName(function.name + ".body"), runtime.bodyParameters, isExported: false) { code in
      let p = code.parameters
      let inner = FunctionLowering(
        owner, function, context: p[0], sizes: e.load(e.types.pointer, p[1]), buffers: nil, aliases: aliases,
        scopes: scopes)
      let lower = captures.load(from: self, into: inner, p[1])
      e.beginBody()
      let bounds = [p[2], p[3]].map { e.add(lower, e.mul($0, e.index(step))) }
      e.forLoop(bounds[0], bounds[1], step: step) { index in
        if hasInnerLoop(op) { inner.returnIfStopped() }
        _ = inner.lowerBody(op, index)
      }
    }
    runtime.parallelFor(context, body: body, closure: closure, count: count, grain: int("grain", op))
    returnIfStopped()
  }
}

/// What the body of a parallel loop reads from around it, and where each value lies in the closure.
private struct Captures {
  private let values: [ValueID]
  private let offsets: [Int]
  private let byteCount: Int
  private let lowerBound: ValueID

  /// The sizes' address and the lower bound come first.
  private static let headerBytes = 16

  init(_ code: FunctionLowering, _ op: OpID) {
    values = freeValues(code.function, op)
    lowerBound = code.function.operand(0, of: op)
    var next = Self.headerBytes
    var offsets: [Int] = []
    for value in values {
      let value = code.code(value)
      guard !value.isConstant else {
        offsets.append(0)
        continue
      }
      let bytes = value.type.scalarBytes
      next = (next + bytes - 1) / bytes * bytes
      offsets.append(next)
      next += bytes * value.type.laneCount
    }
    self.offsets = offsets
    byteCount = next
  }

  /// Fills a closure on the stack.
  func store(_ code: FunctionLowering, _ lower: CodeValue) -> CodeValue {
    let e = code.e
    let closure = e.stackSlot(e.types.i8, count: byteCount, alignment: 16)
    e.store(code.sizes, closure)
    e.store(lower, e.offset(closure, bytes: 8))
    for (value, offset) in zip(values, offsets) where offset != 0 {
      let value = code.code(value)
      let isBit = value.type.scalarBits == 1
      e.store(isBit ? e.resize(value, to: e.types.i8, signed: false) : value, e.offset(closure, bytes: offset))
    }
    return closure
  }

  /// Binds the values in the body's function and returns the lower bound. Constants are repeated there.
  func load(from outer: FunctionLowering, into inner: FunctionLowering, _ closure: CodeValue) -> CodeValue {
    let e = outer.e
    for (value, offset) in zip(values, offsets) {
      let known = outer.code(value)
      let scope: AliasScope? =
        switch outer.place(value) {
        case .buffer(let buffer): buffer.scope
        case .register: nil
        }
      guard offset != 0 else {
        inner.bind(value, known, scope: scope)
        continue
      }
      let isBit = known.type.scalarBits == 1
      let type = isBit ? known.type.with(scalar: e.types.i8) : known.type
      let loaded = e.load(type, e.offset(closure, bytes: offset))
      inner.bind(value, isBit ? e.compare(loaded, .notEqual, e.zero(type)) : loaded, scope: scope)
    }
    let lower = outer.register(lowerBound)
    return lower.isConstant ? lower : e.load(e.types.i64, e.offset(closure, bytes: 8))
  }
}

/// Values that the regions of an op read and that are defined outside of it, each once, in the order of reading.
private func freeValues(_ function: Function, _ op: OpID) -> [ValueID] {
  var inside: Set<ValueID> = []
  var found: [ValueID] = []
  var seen: Set<ValueID> = []
  func visit(_ block: BlockID) {
    inside.formUnion(function.parameters(of: block))
    for op in function.ops(in: block) {
      for value in function.operands(of: op) where !inside.contains(value) && seen.insert(value).inserted {
        found.append(value)
      }
      for region in function.regions(of: op) { visit(region) }
      inside.formUnion(function.results(of: op))
    }
  }
  for block in function.regions(of: op) { visit(block) }
  return found
}
