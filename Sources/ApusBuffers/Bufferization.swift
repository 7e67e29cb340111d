import ApusIR
public import ApusMemory
import ApusSupport
import ApusTensor

/// A function that is launched for a kernel, and the host's sizes that its symbols stand for.
public struct KernelCallee: Sendable {
  public var name: String
  public var sizes: [Dim]

  public init(name: String, sizes: [Dim]) {
    self.name = name
    self.sizes = sizes
  }
}

/// What a kernel of the host becomes.
public struct KernelCode: Sendable {
  public var compute: KernelCallee
  /// Leaves the sizes of the results that data define in a buffer `s64[n]`, before there is room for the results.
  public var measure: KernelCallee?

  public init(compute: KernelCallee, measure: KernelCallee? = nil) {
    self.compute = compute
    self.measure = measure
  }
}

/// The host in phase `loops`, and how much memory a run of it shares.
public struct BufferizedHost: Sendable {
  public var function: Function
  /// How `alloc offset:` shares the arena.
  public var plan: ArenaPlan
  /// The kernel of phase `fused` that each `launch` computes; not those that measure.
  public var kernels: [OpID: OpID]
  /// The values that lie in the memory of others.
  public var parts: Parts
}

/// Turns the values of a host function of phase `fused` into buffers.
///
///     %1: f32[B, 10] = kernel %x, %w {…}       →     %1: &f32[B, 10] = alloc offset: [0]
///                                                     launch %x, %w, %1, callee: @k, sizes: [B]
///
/// The one place that decides which values share memory: `reshape` is a view, a result that is returned is
/// computed where the caller wants it, an elementwise kernel may write over an operand that nobody else needs,
/// everything else whose size follows from the inputs' lies in the arena at an offset planned from lifetimes,
/// and what is sized by data is allocated when its size is known. Operands of a concat are made in its result, and slices are
/// views, as far as the arena does not grow by it (`Parts`).
///
/// - Parameters:
///   - parts: the values that lie in the memory of others, where that is decided.
///   - effort: how hard it is looked for offsets.
///   - callee: what each `kernel` op becomes, but for the operands of its concat, or of its update, that are in their place already.
/// - Throws: `DiagnosticError`; `memory.overflow` when the arena does not fit in 64 bits.
public func bufferize(
  _ host: Function, parts: Parts? = nil, effort: PlanEffort = .standard,
  callee: (OpID, _ inPlace: Set<Int>) throws -> KernelCode
) throws -> BufferizedHost {
  func attempt(_ parts: Parts) throws -> BufferizedHost {
    var bufferization = Bufferization(host, parts)
    try bufferization.lower(callee: callee)
    return try bufferization.plan(effort: effort)
  }
  if let parts { return try attempt(parts) }
  let candidates = PartCandidates(host)
  var best = try attempt(candidates.free)
  /// Takes more parts unless the arena grows.
  func extend(by more: [Parts]) throws -> Bool {
    var parts = best.parts
    for part in more { parts.formUnion(part) }
    let other = try attempt(parts)
    guard other.plan.usualPeak(host.symbols) ?? .max <= best.plan.usualPeak(host.symbols) ?? .max else { return false }
    best = other
    return true
  }
  if candidates.others.isEmpty { return best }
  if try extend(by: candidates.others) { return best }
  for part in candidates.others.prefix(PartCandidates.mostAttempts) { _ = try extend(by: [part]) }
  return best
}

struct Bufferization {
  let host: Function
  let parts: Parts
  var result: Function
  /// The buffer of each value of the host.
  private var buffers: [ValueID: ValueID] = [:]
  /// The values of the host that lie in a buffer, under whatever view.
  private(set) var inhabitants: [ValueID: [ValueID]] = [:]
  /// Where the next op goes.
  var block: BlockID
  /// The output buffers of the caller that values are computed into.
  var destinations: [ValueID: ValueID] = [:]
  /// The buffers that loops carry values in, by the value that is next in them.
  var carried: [ValueID: ValueID] = [:]
  /// Memory that values outlive the region it is made in with: it is no part of the arena.
  var ownMemory: Set<ValueID> = []
  /// The place of each op of the host in its block.
  let order: [OpID: Int]
  private var location: LocationID = .none
  private(set) var kernels: [OpID: OpID] = [:]

  init(_ host: Function, _ parts: Parts) {
    self.host = host
    self.parts = parts
    var order: [OpID: Int] = [:]
    for (place, op) in host.allOps().enumerated() { order[op] = place }
    self.order = order
    result = Function(name: host.name, phase: .loops)
    result.symbols = host.symbols
    result.obligations = host.obligations
    block = result.entry
  }

  // MARK: The function

  mutating func lower(callee: (OpID, Set<Int>) throws -> KernelCode) throws {
    for parameter in host.parameters {
      bind(parameter, to: result.addParameter(bufferType(of: parameter), name: host.name(of: parameter)))
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
      if let op = host.definingOp(of: value), host.block(of: op) == host.entry,
        [.kernel, .if, .while].contains(host.opcode(of: op)), destinations[value] == nil
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

  mutating func lower(_ source: BlockID, _ callee: (OpID, Set<Int>) throws -> KernelCode) throws {
    for op in host.ops(in: source) where !host.opcode(of: op).isTerminator {
      location = result.importLocation(host.locationID(of: op), of: host)
      try lower(op, callee)
    }
  }

  private mutating func lower(_ op: OpID, _ callee: (OpID, Set<Int>) throws -> KernelCode) throws {
    switch host.opcode(of: op) {
    case .constant:
      let value = host.result(of: op)
      bind(value, to: emit(.constant, [], bufferType(of: value), attributes: host.attributes(of: op)))
    case .size:
      let value = host.result(of: op)
      let register = emit(.size, [], .index, attributes: host.attributes(of: op))
      let target = allocate(value)
      emit(.store, [register, target], [])
      bind(value, to: target)
    case .reshape:
      let value = host.result(of: op)
      bind(value, to: emit(.view, [buffer(host.operand(0, of: op))], bufferType(of: value)))
    case .kernel: try lowerKernel(op, callee)
    case .if: try lowerIf(op, callee)
    case .while: try lowerWhile(op, callee)
    case .customCall:
      let types = host.results(of: op).map { bufferType(of: $0) }
      let call = emit(
        .customCall, host.operands(of: op).map { buffer($0) }, types, attributes: host.attributes(of: op))
      for (value, made) in zip(host.results(of: op), result.results(of: call)) { bind(value, to: made) }
    case .assert:
      emit(.assert, [load(host.operand(0, of: op))], [], attributes: host.attributes(of: op))
    default:
      throw DiagnosticError(
        .unsupported, id: "buffers.unsupported",
        "\(host.opcode(of: op).name) in the host function has no buffer form", at: place(of: op))
    }
  }

  private mutating func lowerKernel(_ op: OpID, _ callee: (OpID, Set<Int>) throws -> KernelCode) throws {
    if bindPart(op) { return }
    let operands = host.operands(of: op).map { buffer($0) }
    let results = host.results(of: op)
    var rooms: [ValueID?] = []
    for value in results { rooms.append(isSizedByData(value) ? nil : place(of: value) ?? successor(value, by: op) ?? reusable(for: value, by: op)) }
    var inPlace = parts.operandsInPlace(of: op)
    if let updated = host.updatedOperand(of: op), rooms == [operands[updated]] { inPlace = [0] }
    let code = try callee(op, inPlace)
    var sizes: [ValueID] = []
    if let measure = code.measure {
      let counts = emit(.alloc, [], TensorType(.s64, [1], form: .buffer))
      launch(measure, operands + [counts])
      let index = emit(.size, [], .index, attributes: [NamedAttribute("of", .dims([0]))])
      sizes = [emit(.load, [counts, index], .index)]
    }
    for (value, room) in zip(results, rooms) {
      bind(value, to: room ?? emit(.alloc, sizes, bufferType(of: value)))
    }
    kernels[launch(code.compute, operands + results.map { buffer($0) })] = op
  }

  @discardableResult
  private mutating func launch(_ callee: KernelCallee, _ buffers: [ValueID]) -> OpID {
    emit(
      .launch, buffers, [],
      attributes: [NamedAttribute("callee", .function(callee.name))]
        + (callee.sizes.isEmpty ? [] : [NamedAttribute("sizes", .dims(callee.sizes))]))
  }

  func root(of buffer: ValueID) -> ValueID { result.viewedBuffer(buffer) }

  mutating func inside(region index: Int, of op: OpID, _ body: (inout Bufferization) throws -> Void) rethrows {
    let outer = block
    block = result.region(index, of: op)
    try body(&self)
    block = outer
  }

  // MARK: Buffers

  func buffer(_ value: ValueID) -> ValueID {
    guard let buffer = buffers[value] else { preconditionFailure("a value is used before it is defined") }
    return buffer
  }

  mutating func bind(_ value: ValueID, to buffer: ValueID) {
    buffers[value] = buffer
    inhabit(buffer, value)
  }

  /// Notes a value that lies, or will lie, in a buffer.
  mutating func inhabit(_ buffer: ValueID, _ value: ValueID) { inhabitants[root(of: buffer), default: []].append(value) }

  func bufferType(of value: ValueID) -> TensorType { host.type(of: value).with(form: .buffer) }

  mutating func allocate(_ value: ValueID) -> ValueID { emit(.alloc, [], bufferType(of: value)) }

  mutating func load(_ value: ValueID) -> ValueID {
    emit(.load, [buffer(value)], .register(host.type(of: value).element))
  }

  func isSizedByData(_ value: ValueID) -> Bool { isSizedByData(host.type(of: value)) }

  func isSizedByData(_ type: TensorType) -> Bool { host.symbols.areDefinedByData(type.dims) }

  private func place(of op: OpID) -> Place {
    if case .place(let place) = host.location(of: op) { place } else { .none }
  }

  // MARK: Ops

  @discardableResult
  mutating func emit(
    _ code: OpCode, _ operands: [ValueID], _ results: [TensorType], attributes: [NamedAttribute] = []
  ) -> OpID {
    result.insert(code, operands, attributes: attributes, results: results, at: .end(of: block), location: location)
  }

  mutating func emit(
    _ code: OpCode, _ operands: [ValueID], _ type: TensorType, attributes: [NamedAttribute] = []
  ) -> ValueID {
    let op = emit(code, operands, [type], attributes: attributes)
    return result.result(of: op)
  }

  /// Copies one buffer to another of the same type: a flat loop over its elements.
  mutating func copy(_ source: ValueID, to target: ValueID) {
    let type = result.type(of: source)
    let count = (try? type.elementCount()) ?? 0
    let flat = TensorType(type.element, [count], form: .buffer)
    let (from, to) = (emit(.view, [source], flat), emit(.view, [target], flat))
    let lower = emit(.size, [], .index, attributes: [NamedAttribute("of", .dims([0]))])
    let upper = emit(.size, [], .index, attributes: [NamedAttribute("of", .dims([count]))])
    let lanes = 32 / type.element.byteCount
    let reach = isPlanted(.copyOverrunsItsEnd) ? (try? Dim.sum(count, .constant(lanes - 1))) ?? count : count
    let whole = (try? Dim.product(Dim.floordiv(reach, .constant(lanes)), .constant(lanes))) ?? 0
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

extension SymbolTable {
  /// Whether a run finds one of the sizes out while it computes.
  public func areDefinedByData(_ dims: [Dim]) -> Bool {
    var found = false
    for dim in dims { dim.forEachSymbol { if self[$0].origin == .value { found = true } } }
    return found
  }
}

extension Function {
  /// The buffer that a view looks at, through all views of views; any other buffer itself.
  public func viewedBuffer(_ buffer: ValueID) -> ValueID {
    var buffer = buffer
    while let op = definingOp(of: buffer), opcode(of: op) == .view { buffer = operand(0, of: op) }
    return buffer
  }
}
