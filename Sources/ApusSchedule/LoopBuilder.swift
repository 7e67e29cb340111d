import ApusIR
import ApusSupport
import ApusTensor

/// Writes the body of a kernel function of phase `loops`, op by op, at a moving insertion point.
///
/// Index arithmetic on constants is folded on the way, so that lowering can be written without
/// special cases for the common zero offsets and unit strides.
struct LoopBuilder {
  private(set) var function: Function
  /// Where the next op goes.
  private(set) var block: BlockID
  var location: LocationID = .none
  private var constants: [Int: ValueID] = [:]
  private var sizes: [Dim: ValueID] = [:]

  init(name: String, location: LocationID = .none) {
    function = Function(name: name, phase: .loops)
    block = function.entry
    self.location = location
  }

  mutating func importLocation(_ id: LocationID, of other: Function) -> LocationID {
    function.importLocation(id, of: other)
  }

  mutating func intern(_ symbol: Symbol) -> SymbolID { function.symbols.append(symbol) }

  mutating func addBuffer(_ type: TensorType) -> ValueID {
    function.addParameter(type.with(form: .buffer))
  }

  /// Ends the function and hands it over.
  consuming func finish() -> Function {
    emit(.return, [], [])
    return function
  }

  func type(of value: ValueID) -> TensorType { function.type(of: value) }

  // MARK: Ops

  @discardableResult
  mutating func emit(
    _ code: OpCode, _ operands: [ValueID], _ results: [TensorType], attributes: [NamedAttribute] = [],
    regions: Int? = nil
  ) -> OpID {
    function.insert(
      code, operands, attributes: attributes, results: results, regions: regions, at: .end(of: block),
      location: location)
  }

  /// An op with one result.
  mutating func emit(_ code: OpCode, _ operands: [ValueID], _ result: TensorType, attributes: [NamedAttribute] = [])
    -> ValueID
  {
    let op = emit(code, operands, [result], attributes: attributes)
    return function.result(of: op)
  }

  // MARK: Indices

  /// A scalar s64 register holding a constant. It is made once, at the start of the function.
  mutating func index(_ value: Int) -> ValueID {
    if let known = constants[value] { return known }
    let op = function.insert(
      .constant, [], attributes: [NamedAttribute("value", .scalar(.signed(Int64(value))))], results: [.index],
      at: .start(of: function.entry), location: location)
    let result = function.result(of: op)
    constants[value] = result
    return result
  }

  /// The value of a dimension, read once at the start of the function.
  mutating func size(_ dim: Dim) -> ValueID {
    if case .constant(let value) = dim { return index(value) }
    if let known = sizes[dim] { return known }
    let op = function.insert(
      .size, [], attributes: [NamedAttribute("of", .dims([dim]))], results: [.index],
      at: .start(of: function.entry), location: location)
    let result = function.result(of: op)
    sizes[dim] = result
    return result
  }

  /// The constant an index register is known to hold.
  func constant(_ value: ValueID) -> Int? {
    guard let op = function.definingOp(of: value), function.opcode(of: op) == .constant,
      case .scalar(.signed(let known))? = function.attribute("value", of: op)
    else { return nil }
    return Int(known)
  }

  mutating func add(_ a: ValueID, _ b: ValueID) -> ValueID {
    switch (constant(a), constant(b)) {
    case (let x?, let y?): index(x &+ y)
    case (0?, nil): b
    case (nil, 0?): a
    case (.some, nil), (nil, .some), (nil, nil): emit(.add, [a, b], .index)
    }
  }

  mutating func add(_ a: ValueID, _ b: Int) -> ValueID { b == 0 ? a : add(a, index(b)) }

  mutating func subtract(_ a: ValueID, _ b: ValueID) -> ValueID {
    switch (constant(a), constant(b)) {
    case (let x?, let y?): index(x &- y)
    case (nil, 0?): a
    case (.some, nil), (nil, .some), (nil, nil): emit(.sub, [a, b], .index)
    }
  }

  mutating func multiply(_ a: ValueID, _ b: ValueID) -> ValueID {
    switch (constant(a), constant(b)) {
    case (let x?, let y?): index(x &* y)
    case (1?, nil): b
    case (nil, 1?): a
    case (0?, nil), (nil, 0?): index(0)
    case (.some, nil), (nil, .some), (nil, nil): emit(.mul, [a, b], .index)
    }
  }

  mutating func multiply(_ a: ValueID, _ b: Int) -> ValueID { b == 1 ? a : multiply(a, index(b)) }

  /// Quotient of non-negative indices by a positive one.
  mutating func divide(_ a: ValueID, _ b: ValueID) -> ValueID {
    switch (constant(a), constant(b)) {
    case (let x?, let y?) where y != 0: index(x / y)
    case (nil, 1?): a
    case (0?, nil): index(0)
    case (.some, _), (nil, .some), (nil, nil): emit(.div, [a, b], .index)
    }
  }

  /// Remainder of non-negative indices by a positive one.
  mutating func remainder(_ a: ValueID, _ b: ValueID) -> ValueID {
    switch (constant(a), constant(b)) {
    case (let x?, let y?) where y != 0: index(x % y)
    case (_, 1?): index(0)
    case (.some, _), (nil, .some), (nil, nil): emit(.rem, [a, b], .index)
    }
  }

  mutating func minimum(_ a: ValueID, _ b: ValueID) -> ValueID {
    if let x = constant(a), let y = constant(b) { return index(min(x, y)) }
    return emit(.min, [a, b], .index)
  }

  mutating func maximum(_ a: ValueID, _ b: ValueID) -> ValueID {
    if let x = constant(a), let y = constant(b) { return index(max(x, y)) }
    return emit(.max, [a, b], .index)
  }

  mutating func compare(_ code: OpCode, _ a: ValueID, _ b: ValueID) -> ValueID {
    emit(code, [a, b], TensorType(.bool, type(of: a).dims, form: .register))
  }

  // MARK: Registers

  /// A register whose lanes all hold a number of that type. `lanes` nil is a scalar register.
  mutating func literal(_ value: Scalar, _ element: ElementType, lanes: Int?) -> ValueID {
    emit(
      .constant, [], .register(element, lanes: lanes), attributes: [NamedAttribute("value", .scalar(value))])
  }

  mutating func splat(_ value: ValueID, lanes: Int?) -> ValueID {
    guard let lanes, type(of: value).rank == 0 else { return value }
    return emit(.splat, [value], .register(type(of: value).element, lanes: lanes))
  }

  mutating func convert(_ value: ValueID, to element: ElementType) -> ValueID {
    let from = type(of: value)
    return from.element == element ? value : emit(.convert, [value], from.with(element: element))
  }

  // MARK: Memory

  /// Loads lanes that advance by `stride` along axis `along`; `lanes` nil loads one element.
  mutating func load(_ buffer: ValueID, _ indices: [ValueID], lanes: Int? = nil, along: Int? = nil, stride: Int = 1)
    -> ValueID
  {
    emit(
      .load, [buffer] + indices, .register(type(of: buffer).element, lanes: lanes),
      attributes: lanes == nil ? [] : advance(buffer, along, stride))
  }

  mutating func store(_ value: ValueID, _ buffer: ValueID, _ indices: [ValueID], along: Int? = nil, stride: Int = 1) {
    let isVector = type(of: value).rank == 1
    emit(
      .store, [value, buffer] + indices, [], attributes: isVector ? advance(buffer, along, stride) : [])
  }

  private func advance(_ buffer: ValueID, _ along: Int?, _ stride: Int) -> [NamedAttribute] {
    var list: [NamedAttribute] = []
    if let along, along != type(of: buffer).rank - 1 { list.append(NamedAttribute("along", .int(along))) }
    if stride != 1 { list.append(NamedAttribute("stride", .int(stride))) }
    return list
  }

  /// Kernel-local memory of a constant size.
  mutating func scratch(_ element: ElementType, _ shape: [Int]) -> ValueID {
    emit(.scratch, [], TensorType(element, shape.map { .constant($0) }, form: .buffer))
  }

  // MARK: Control flow

  enum LoopKind {
    case serial, unrolled
    case parallel(grain: Int)
  }

  /// A loop whose body is being written.
  struct OpenLoop {
    let op: OpID
    let outer: BlockID
    let counter: ValueID
    /// The carried registers, as the body sees them.
    let carried: [ValueID]
  }

  /// Starts `for i in stride(from: lower, to: upper, by: step)`; what follows is its body, until `close`.
  mutating func open(
    _ lower: ValueID, _ upper: ValueID, step: Int = 1, kind: LoopKind = .serial, carrying initial: [ValueID] = []
  ) -> OpenLoop {
    var attributes: [NamedAttribute] = []
    if step != 1 { attributes.append(NamedAttribute("step", .int(step))) }
    switch kind {
    case .serial: break
    case .unrolled: attributes.append(NamedAttribute("kind", .name("unrolled")))
    case .parallel(let grain):
      attributes.append(NamedAttribute("kind", .name("parallel")))
      if grain != 1 { attributes.append(NamedAttribute("grain", .int(grain))) }
    }
    let types = initial.map { type(of: $0) }
    let op = emit(.for, [lower, upper] + initial, types, attributes: attributes)
    let outer = enter(region: 0, of: op)
    let counter = function.addParameter(.index, to: block)
    let carried = types.map { function.addParameter($0, to: block) }
    return OpenLoop(op: op, outer: outer, counter: counter, carried: carried)
  }

  /// Ends a loop's body; returns what it carried out.
  @discardableResult
  mutating func close(_ loop: OpenLoop, yielding next: [ValueID] = []) -> [ValueID] {
    leave(to: loop.outer, yielding: next)
    return function.results(of: loop.op)
  }

  /// A loop whose condition is being written; the body follows `body(of:…)`.
  struct OpenWhile {
    let op: OpID
    let outer: BlockID
    /// The carried registers, as the condition sees them.
    let carried: [ValueID]
  }

  /// Starts `while`; what follows computes its condition, until `begin(_:while:)`.
  mutating func openWhile(carrying initial: [ValueID]) -> OpenWhile {
    let types = initial.map { type(of: $0) }
    let op = emit(.while, initial, types)
    let outer = enter(region: 0, of: op)
    return OpenWhile(op: op, outer: outer, carried: types.map { function.addParameter($0, to: block) })
  }

  /// Ends the condition and starts the body; returns the carried registers as the body sees them.
  mutating func begin(_ loop: OpenWhile, while condition: ValueID) -> [ValueID] {
    emit(.continue, [condition], [])
    block = function.region(1, of: loop.op)
    return loop.carried.map { function.addParameter(type(of: $0), to: block) }
  }

  mutating func close(_ loop: OpenWhile, yielding next: [ValueID]) -> [ValueID] {
    leave(to: loop.outer, yielding: next)
    return function.results(of: loop.op)
  }

  /// Moves into a region of an op that was just emitted; returns the block to come back to.
  mutating func enter(region index: Int, of op: OpID) -> BlockID {
    defer { block = function.region(index, of: op) }
    return block
  }

  /// Ends the region that was entered.
  mutating func leave(to outer: BlockID, yielding results: [ValueID]) {
    emit(.yield, results, [])
    block = outer
  }

  /// Adds a parameter to the block that is being written.
  mutating func addParameter(_ type: TensorType) -> ValueID { function.addParameter(type, to: block) }

  func result(_ index: Int = 0, of op: OpID) -> ValueID { function.result(index, of: op) }
}
