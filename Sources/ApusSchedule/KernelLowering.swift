import ApusIR
import ApusSupport

/// Turns one kernel into a function of phase `loops`, doing what its schedule says.
struct KernelLowering {
  /// The function the kernel stands in.
  let host: Function
  /// The kernel's body.
  let body: BlockID
  /// What the body yields.
  let results: [ValueID]
  var schedule: Schedule
  var emitter: ElementEmitter
  /// The buffers of the results.
  var outputs: [ValueID]
  /// Operands of the concat, or of the update, that is yielded which lie in their place in the result.
  var inPlace: Set<Int> = []
  /// Whether copies of an unrolled body are computed as one wide register. Step by step for all of them, that keeps a
  /// core's units busy, which one copy after the other does not where a copy is a long chain.
  var interleaves = false

  /// The lowered function's symbols, and the host dimensions they stand for.
  let sizes: [Dim]

  /// - Parameter types: what is computed, where that is not the kernel's results.
  init(_ kernel: OpID, in host: Function, name: String, schedule: Schedule, outputs types: [TensorType]? = nil) {
    self.host = host
    self.schedule = schedule
    body = host.region(0, of: kernel)
    guard let yield = host.terminator(of: body) else { preconditionFailure("a kernel's body ends in `yield`") }
    results = host.operands(of: yield)

    var builder = LoopBuilder(name: name, location: .none)
    builder.location = builder.importLocation(host.locationID(of: kernel), of: host)
    var substitution: [SymbolID: SymbolID] = [:]
    var sizes: [Dim] = []
    let hidden = types == nil ? [] : Self.symbols(definedBy: kernel, in: host)
    let order = Self.symbols(of: kernel, in: host).filter { !hidden.contains($0) }
    for symbol in order {
      let row = host.symbols[symbol]
      // Names are dropped, so that kernels that differ only in them are equal.
      substitution[symbol] = builder.intern(Symbol(name: "d\(sizes.count)", bounds: row.bounds))
      sizes.append(.symbol(symbol))
    }
    self.sizes = sizes
    func local(_ type: TensorType) -> TensorType {
      type.with(dims: type.dims.map { dim in
        (try? dim.substituting { .symbol(substitution[$0] ?? $0) }) ?? dim
      })
    }
    var buffers: [ValueID: ValueID] = [:]
    for parameter in host.parameters(of: body) {
      buffers[parameter] = builder.addBuffer(local(host.type(of: parameter)))
    }
    outputs = (types ?? results.map { host.type(of: $0) }).map { builder.addBuffer(local($0)) }
    emitter = ElementEmitter(host: host, substitution: substitution, builder: builder, buffers: buffers)
  }

  /// Symbols that sizes in the kernel mention, in order of appearance.
  private static func symbols(of kernel: OpID, in host: Function) -> [SymbolID] {
    var order: [SymbolID] = []
    func note(_ dims: [Dim]) {
      for dim in dims { dim.forEachSymbol { if !order.contains($0) { order.append($0) } } }
    }
    let body = host.region(0, of: kernel)
    for parameter in host.parameters(of: body) { note(host.type(of: parameter).dims) }
    for op in host.ops(in: body) {
      for result in host.results(of: op) { note(host.type(of: result).dims) }
      for attribute in host.attributes(of: op) {
        if case .dims(let dims) = attribute.value { note(dims) }
      }
    }
    return order
  }

  /// Symbols whose values the kernel itself tells.
  private static func symbols(definedBy kernel: OpID, in host: Function) -> Set<SymbolID> {
    var known: Set<SymbolID> = []
    let body = host.region(0, of: kernel)
    for parameter in host.parameters(of: body) {
      for dim in host.type(of: parameter).dims { dim.forEachSymbol { known.insert($0) } }
    }
    var found: Set<SymbolID> = []
    for result in host.results(of: kernel) {
      for dim in host.type(of: result).dims {
        if let id = dim.symbolID, host.symbols[id].origin == .value, !known.contains(id) { found.insert(id) }
      }
    }
    return found
  }

  consuming func finish() -> LoweredKernel {
    let sizes = sizes
    return LoweredKernel(function: emitter.builder.finish(), sizes: sizes)
  }

  // MARK: Loops

  /// A loop; registers computed inside are forgotten after it. Returns what it carries out.
  @discardableResult
  mutating func loop(
    _ lower: ValueID, _ upper: ValueID, step: Int = 1, kind: LoopBuilder.LoopKind = .serial,
    carrying initial: [ValueID] = [],
    _ body: (inout KernelLowering, ValueID, [ValueID]) throws -> [ValueID]
  ) rethrows -> [ValueID] {
    if let low = emitter.builder.constant(lower), let high = emitter.builder.constant(upper), low >= high {
      return initial
    }
    let open = emitter.builder.open(lower, upper, step: step, kind: kind, carrying: initial)
    let scope = emitter.openScope()
    let next = try body(&self, open.counter, open.carried)
    emitter.close(scope)
    return emitter.builder.close(open, yielding: next)
  }

  /// Counts over 0 ..< size in steps of the vector width, then one by one over what is left.
  ///
  /// The body computes `emitter.lanes` neighbouring elements at the counter, or one where that is nil; its last argument numbers
  /// the copies of an unrolled body. `folding` turns
  /// the carried vectors into scalars between the two loops.
  @discardableResult
  mutating func vectorLoop(
    _ size: ValueID, carrying initial: [ValueID] = [],
    folding: (inout KernelLowering, [ValueID]) -> [ValueID] = { $1 },
    _ body: (inout KernelLowering, ValueID, [ValueID], Int) throws -> [ValueID]
  ) rethrows -> [ValueID] {
    let width = schedule.vectorLanes
    let saved = emitter.lanes
    var carried = initial
    var start = emitter.builder.index(0)
    if width > 1 {
      for step in Set([width * max(schedule.unroll, 1), width]).sorted(by: >) {
        emitter.lanes = interleaves ? step : width
        let rest = emitter.builder.subtract(size, start)
        let whole = emitter.builder.subtract(
          rest, emitter.builder.remainder(rest, emitter.builder.index(step)))
        let end = emitter.builder.add(start, whole)
        carried = try loop(start, end, step: step, carrying: carried) { lowering, counter, inner in
          var inner = inner
          for copy in 0..<(lowering.interleaves ? 1 : step / width) {
            inner = try body(&lowering, lowering.emitter.builder.add(counter, copy * width), inner, copy)
          }
          return inner
        }
        start = end
      }
      emitter.lanes = width
      carried = folding(&self, carried)
    }
    emitter.lanes = nil
    let end = isPlanted(.tailLosesLastElement) ? emitter.builder.subtract(size, emitter.builder.index(1)) : size
    carried = try loop(start, end, carrying: carried) { lowering, counter, inner in
      try body(&lowering, counter, inner, 0)
    }
    emitter.lanes = saved
    return carried
  }

  /// Counts over start ..< start + count with lanes side by side: by several vectors at once, by one, then one by one. The
  /// body computes `emitter.lanes` neighbours at the counter, or one where that is nil.
  ///
  /// Unlike in `vectorLoop` a body may hold loops: what it does with several vectors it does in step.
  mutating func neighbours(
    _ start: ValueID, _ count: ValueID, _ body: (inout KernelLowering, ValueID) throws -> Void
  ) rethrows {
    let width = schedule.vectorLanes
    let saved = emitter.lanes
    let end = emitter.builder.add(start, count)
    var next = start
    for lanes in Set([width * max(schedule.unroll, 1), width, 1]).sorted(by: >) where lanes == 1 || width > 1 {
      var stop = end
      if lanes > 1 {
        let rest = emitter.builder.subtract(end, next)
        stop = emitter.builder.subtract(end, emitter.builder.remainder(rest, emitter.builder.index(lanes)))
      }
      emitter.lanes = lanes > 1 ? lanes : nil
      try loop(next, stop, step: lanes) { lowering, counter, _ in
        try body(&lowering, counter)
        return []
      }
      next = stop
    }
    emitter.lanes = saved
  }

  /// Cuts 0 ..< size into chunks of at least `grain` that threads share, each with loops of its own; one chunk in this
  /// thread where that is nil.
  mutating func chunks(
    of size: ValueID, grain: Int?, _ body: (inout KernelLowering, _ start: ValueID, _ count: ValueID) throws -> Void
  ) rethrows {
    guard let grain else { return try body(&self, emitter.builder.index(0), size) }
    // Whole vectors, so that only the last chunk has a rest.
    let step = max(schedule.vectorLanes * max(schedule.unroll, 1), 1)
    let chunk = (max(grain, 1) + step - 1) / step * step
    if let known = emitter.builder.constant(size), known <= chunk {
      return try body(&self, emitter.builder.index(0), size)
    }
    let count = emitter.builder.divide(emitter.builder.add(size, chunk - 1), emitter.builder.index(chunk))
    try loop(emitter.builder.index(0), count, kind: .parallel(grain: 1)) { lowering, counter, _ in
      let start = lowering.emitter.builder.multiply(counter, chunk)
      let rest = lowering.emitter.builder.subtract(size, start)
      try body(&lowering, start, lowering.emitter.builder.minimum(rest, lowering.emitter.builder.index(chunk)))
      return []
    }
  }

  /// Whether wide registers of the body's values are as good as several narrow ones. Code generators make poor code of
  /// wide conditions, and of conversions that change the width.
  var canInterleave: Bool {
    func isPlain(_ value: ValueID) -> Bool { host.type(of: value).element.byteCount >= 4 }
    return host.parameters(of: body).allSatisfy(isPlain)
      && host.ops(in: body).allSatisfy { host.results(of: $0).allSatisfy(isPlain) }
  }

  /// Tries vector code first; where lanes cannot be loaded together the same loops are written in scalars.
  mutating func vectorizedOrScalar(_ body: (inout KernelLowering) throws -> Void) throws {
    let before = self
    if schedule.vectorLanes > 1 {
      do {
        try body(&self)
        return
      } catch is NotVectorizable {
        self = before
        schedule.vectorLanes = 1
      }
    }
    try body(&self)
    schedule = before.schedule
  }

  /// Runs `body` where a condition holds; registers computed inside are forgotten after it.
  mutating func branch(_ condition: ValueID, _ body: (inout KernelLowering) throws -> Void) rethrows {
    let op = emitter.builder.emit(.if, [condition], [])
    let scope = emitter.openScope()
    let outer = emitter.builder.enter(region: 0, of: op)
    try body(&self)
    emitter.builder.leave(to: outer, yielding: [])
    emitter.close(scope)
    let back = emitter.builder.enter(region: 1, of: op)
    emitter.builder.leave(to: back, yielding: [])
  }

  /// Stores lanes along the axis in which the positions advance.
  mutating func store(_ register: ValueID, _ buffer: ValueID, _ positions: [Position]) {
    let along = positions.firstIndex { $0.laneStride != 0 }
    let value = along == nil ? register : emitter.builder.splat(register, lanes: emitter.lanes)
    emitter.builder.store(value, buffer, positions.map(\.value), along: along)
  }

  mutating func view(_ buffer: ValueID, _ dims: [Dim]) -> ValueID {
    let type = emitter.builder.type(of: buffer)
    if type.dims == dims { return buffer }
    return emitter.builder.emit(.view, [buffer], type.with(dims: dims))
  }
}
