import ApusIR
import ApusSupport
import ApusTensor

/// What a kernel of the host becomes: the function to launch, and the host's sizes that its symbols stand for.
public struct KernelCallee: Sendable {
  public var name: String
  public var sizes: [Dim]

  public init(name: String, sizes: [Dim]) {
    self.name = name
    self.sizes = sizes
  }
}

/// The host in phase `loops`, and how much memory a run of it shares.
public struct BufferizedHost: Sendable {
  public var function: Function
  /// Bytes of the arena that `alloc offset:` points into.
  public var arenaBytes: Int
  public var plan: ArenaPlan
}

/// Turns the values of a host function of phase `fused` into buffers.
///
///     %1: f32[B, 10] = kernel %x, %w {…}       →     %1: &f32[B, 10] = alloc offset: 0
///                                                     launch %x, %w, %1, callee: @k, sizes: [B]
///
/// The one place that decides which values share memory: `reshape` is a view, a result that is returned is
/// computed where the caller wants it, everything else of constant size lies in the arena at an offset
/// planned from lifetimes, and what depends on run-time sizes is allocated for the call.
///
/// - Parameter callee: what each `kernel` op becomes.
/// - Throws: `DiagnosticError`; `memory.overflow` when the arena does not fit in 64 bits.
public func bufferize(_ host: Function, callee: (OpID) throws -> KernelCallee) throws -> BufferizedHost {
  var bufferization = Bufferization(host)
  try bufferization.lower(callee: callee)
  return try bufferization.plan()
}

struct Bufferization {
  let host: Function
  var result: Function
  /// The buffer of each value of the host.
  var buffers: [ValueID: ValueID] = [:]
  /// Where the next op goes.
  var block: BlockID
  /// The output buffers of the caller that values are computed into.
  private var destinations: [ValueID: ValueID] = [:]
  private var location: LocationID = .none

  init(_ host: Function) {
    self.host = host
    result = Function(name: host.name, phase: .loops)
    result.symbols = host.symbols
    result.obligations = host.obligations
    block = result.entry
  }

  // MARK: The function

  mutating func lower(callee: (OpID) throws -> KernelCallee) throws {
    for parameter in host.parameters {
      buffers[parameter] = result.addParameter(bufferType(of: parameter), name: host.name(of: parameter))
    }
    guard let end = host.terminator(of: host.entry) else { preconditionFailure("a function ends in `return`") }
    let returned = host.operands(of: end)
    var outputs: [ValueID?] = []
    for (index, value) in returned.enumerated() {
      guard !isSizedByData(value) else {
        outputs.append(nil)
        continue
      }
      let name = index < host.resultNames.count ? host.resultNames[index] : nil
      let output = result.addParameter(bufferType(of: value), name: name)
      outputs.append(output)
      // Computed in place of the copy, where the value is made once, here, for this result.
      if let op = host.definingOp(of: value), host.block(of: op) == host.entry, host.opcode(of: op) == .kernel,
        destinations[value] == nil
      {
        destinations[value] = output
      }
    }
    try lower(host.entry, callee)
    let final = returned.indices.map { index -> ValueID in
      let source = buffer(returned[index])
      guard let output = outputs[index] else { return source }
      if source != output { copy(source, to: output) }
      return output
    }
    emit(.return, final, [])
    result.resultTypes = final.map { result.type(of: $0) }
    result.resultNames = host.resultNames
  }

  private mutating func lower(_ source: BlockID, _ callee: (OpID) throws -> KernelCallee) throws {
    for op in host.ops(in: source) where !host.opcode(of: op).isTerminator {
      location = result.importLocation(host.locationID(of: op), of: host)
      try lower(op, callee)
    }
  }

  private mutating func lower(_ op: OpID, _ callee: (OpID) throws -> KernelCallee) throws {
    switch host.opcode(of: op) {
    case .constant:
      let value = host.result(of: op)
      buffers[value] = emit(.constant, [], bufferType(of: value), attributes: host.attributes(of: op))
    case .size:
      let value = host.result(of: op)
      let register = emit(.size, [], .index, attributes: host.attributes(of: op))
      let target = allocate(value)
      emit(.store, [register, target], [])
      buffers[value] = target
    case .reshape:
      let value = host.result(of: op)
      buffers[value] = emit(.view, [buffer(host.operand(0, of: op))], bufferType(of: value))
    case .kernel: try lowerKernel(op, callee)
    case .if: try lowerIf(op, callee)
    case .while: try lowerWhile(op, callee)
    case .customCall:
      let types = host.results(of: op).map { bufferType(of: $0) }
      let call = emit(
        .customCall, host.operands(of: op).map { buffer($0) }, types, attributes: host.attributes(of: op))
      for (value, made) in zip(host.results(of: op), result.results(of: call)) { buffers[value] = made }
    case .assert:
      emit(.assert, [load(host.operand(0, of: op))], [], attributes: host.attributes(of: op))
    default:
      throw DiagnosticError(
        .unsupported, id: "buffers.unsupported",
        "\(host.opcode(of: op).name) in the host function has no buffer form", at: place(of: op))
    }
  }

  private mutating func lowerKernel(_ op: OpID, _ callee: (OpID) throws -> KernelCallee) throws {
    if let value = host.results(of: op).first(where: { isSizedByData($0) && isDefinedSize(of: $0, by: op) }) {
      throw DiagnosticError(
        .unsupported, id: "buffers.unsupported",
        "a kernel whose result \(host.symbols.text(host.type(of: value))) is sized by its data", at: place(of: op))
    }
    let target = try callee(op)
    var operands = host.operands(of: op).map { buffer($0) }
    for value in host.results(of: op) {
      let room = destinations[value] ?? allocate(value)
      buffers[value] = room
      operands.append(room)
    }
    emit(
      .launch, operands, [],
      attributes: [NamedAttribute("callee", .function(target.name))]
        + (target.sizes.isEmpty ? [] : [NamedAttribute("sizes", .dims(target.sizes))]))
  }

  // MARK: Control flow

  /// Both branches leave their results in buffers made before.
  private mutating func lowerIf(_ op: OpID, _ callee: (OpID) throws -> KernelCallee) throws {
    let condition = load(host.operand(0, of: op))
    let targets = host.results(of: op).map { allocate($0) }
    let branch = emit(.if, [condition], [])
    for index in 0..<2 {
      try inside(region: index, of: branch) { bufferization in
        let body = bufferization.host.region(index, of: op)
        try bufferization.lower(body, callee)
        bufferization.assign(bufferization.yielded(by: body), to: targets)
        bufferization.emit(.yield, [], [])
      }
    }
    for (value, target) in zip(host.results(of: op), targets) { buffers[value] = target }
  }

  /// Carried values live in buffers made before the loop, which each round overwrites at its end.
  private mutating func lowerWhile(_ op: OpID, _ callee: (OpID) throws -> KernelCallee) throws {
    let inits = host.operands(of: op)
    let targets = host.results(of: op).map { allocate($0) }
    for (value, target) in zip(inits, targets) { copy(buffer(value), to: target) }
    for region in 0..<2 {
      for (parameter, target) in zip(host.parameters(of: host.region(region, of: op)), targets) {
        buffers[parameter] = target
      }
    }
    let loop = emit(.while, [], [])
    try inside(region: 0, of: loop) { bufferization in
      let head = bufferization.host.region(0, of: op)
      try bufferization.lower(head, callee)
      let condition = bufferization.load(bufferization.yielded(by: head)[0])
      bufferization.emit(.continue, [condition], [])
    }
    try inside(region: 1, of: loop) { bufferization in
      let body = bufferization.host.region(1, of: op)
      try bufferization.lower(body, callee)
      bufferization.assign(bufferization.yielded(by: body), to: targets)
      bufferization.emit(.yield, [], [])
    }
    for (value, target) in zip(host.results(of: op), targets) { buffers[value] = target }
  }

  private func yielded(by block: BlockID) -> [ValueID] {
    guard let end = host.terminator(of: block) else { preconditionFailure("a region ends in a terminator") }
    return host.operands(of: end)
  }

  /// Copies all values at once: one that is itself a target is read before it is overwritten.
  private mutating func assign(_ values: [ValueID], to targets: [ValueID]) {
    var sources = values.map { buffer($0) }
    for (index, source) in sources.enumerated() where source != targets[index] {
      guard targets.contains(where: { isSameMemory(source, $0) }) else { continue }
      let saved = emit(.alloc, [], result.type(of: source))
      copy(source, to: saved)
      sources[index] = saved
    }
    for (source, target) in zip(sources, targets) where source != target { copy(source, to: target) }
  }

  private func isSameMemory(_ a: ValueID, _ b: ValueID) -> Bool { root(of: a) == root(of: b) }

  /// The buffer that views look at.
  func root(of buffer: ValueID) -> ValueID {
    var buffer = buffer
    while let op = result.definingOp(of: buffer), result.opcode(of: op) == .view { buffer = result.operand(0, of: op) }
    return buffer
  }

  private mutating func inside(region index: Int, of op: OpID, _ body: (inout Bufferization) throws -> Void) rethrows {
    let outer = block
    block = result.region(index, of: op)
    try body(&self)
    block = outer
  }

  // MARK: Buffers

  private func buffer(_ value: ValueID) -> ValueID {
    guard let buffer = buffers[value] else { preconditionFailure("a value is used before it is defined") }
    return buffer
  }

  private func bufferType(of value: ValueID) -> TensorType { host.type(of: value).with(form: .buffer) }

  private mutating func allocate(_ value: ValueID) -> ValueID { emit(.alloc, [], bufferType(of: value)) }

  private mutating func load(_ value: ValueID) -> ValueID {
    emit(.load, [buffer(value)], .register(host.type(of: value).element))
  }

  private func isSizedByData(_ value: ValueID) -> Bool {
    var found = false
    for dim in host.type(of: value).dims {
      dim.forEachSymbol { if host.symbols[$0].origin == .value { found = true } }
    }
    return found
  }

  /// Whether a symbol in the value's shape gets its value from this very op.
  private func isDefinedSize(of value: ValueID, by op: OpID) -> Bool {
    host.ops(in: host.region(0, of: op)).contains { host.opcode(of: $0).traits.contains(.dataDependentShape) }
  }

  private func place(of op: OpID) -> Place {
    if case .place(let place) = host.location(of: op) { place } else { .none }
  }

  // MARK: Ops

  @discardableResult
  private mutating func emit(
    _ code: OpCode, _ operands: [ValueID], _ results: [TensorType], attributes: [NamedAttribute] = []
  ) -> OpID {
    result.insert(code, operands, attributes: attributes, results: results, at: .end(of: block), location: location)
  }

  private mutating func emit(
    _ code: OpCode, _ operands: [ValueID], _ type: TensorType, attributes: [NamedAttribute] = []
  ) -> ValueID {
    let op = emit(code, operands, [type], attributes: attributes)
    return result.result(of: op)
  }

  /// Copies one buffer to another of the same type: a flat loop over its elements.
  private mutating func copy(_ source: ValueID, to target: ValueID) {
    let type = result.type(of: source)
    let count = (try? type.elementCount()) ?? 0
    let flat = TensorType(type.element, [count], form: .buffer)
    let (from, to) = (emit(.view, [source], flat), emit(.view, [target], flat))
    let lower = emit(.size, [], .index, attributes: [NamedAttribute("of", .dims([0]))])
    let upper = emit(.size, [], .index, attributes: [NamedAttribute("of", .dims([count]))])
    let lanes = 32 / type.element.byteCount
    let whole = (try? Dim.product(Dim.floordiv(count, .constant(lanes)), .constant(lanes))) ?? 0
    let middle = emit(.size, [], .index, attributes: [NamedAttribute("of", .dims([whole]))])
    for (start, end, width) in [(lower, middle, lanes), (middle, upper, nil as Int?)] {
      let loop = emit(.for, [start, end], [], attributes: width.map { [NamedAttribute("step", .int($0))] } ?? [])
      let outer = block
      block = result.region(0, of: loop)
      let counter = result.addParameter(.index, to: block)
      let register = emit(.load, [from, counter], .register(type.element, lanes: width))
      emit(.store, [register, to, counter], [])
      emit(.yield, [], [])
      block = outer
    }
  }
}
