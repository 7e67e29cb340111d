import ApusIR
import ApusSupport
import ApusTensor

/// Ops of phase `loops` on buffers and lanes.
enum MemoryOp: Sendable {
  case load, loadMasked, store, storeMasked, splat, lanes, extractLane, reduceLanes, shuffle, scratch, checkIndex, contract
  case alloc, view
}

extension Run {
  func execute(_ memory: MemoryOp, _ step: Step, _ frame: Frame) throws {
    let operands = step.operands.map { frame[$0] }
    switch memory {
    case .load:
      try load(step, operands[...], limit: nil, frame)
    case .loadMasked:
      try load(step, operands.dropFirst(), limit: operands[0].register.index, frame)
    case .store:
      try store(step, operands[...], limit: nil, frame)
    case .storeMasked:
      try store(step, operands.dropFirst(), limit: operands[0].register.index, frame)
    case .splat:
      setRegister(step, operands[0].register.elements.repeated(resultType(step, frame).lanes), frame)
    case .lanes:
      let (start, lanes) = (operands[0].register.index, resultType(step, frame).lanes)
      setRegister(step, .integers((0..<lanes).map { Int64(start + $0) }), frame)
    case .extractLane:
      guard let lane = frame.function.int("lane", of: step.op) else { preconditionFailure("which lane?") }
      setRegister(step, operands[0].register.elements[lane..<(lane + 1)], frame)
    case .reduceLanes:
      guard let kind = frame.function.string("kind", of: step.op) else { preconditionFailure("which fold?") }
      setRegister(step, folded(operands[0].register, Fold(name: kind)), frame)
    case .shuffle:
      guard let order = frame.function.ints("order", of: step.op) else { preconditionFailure("in which order?") }
      setRegister(step, operands[0].register.elements.followed(by: operands[1].register.elements).picked(order), frame)
    case .scratch, .alloc:
      try allocate(step, frame)
    case .checkIndex:
      let (index, limit) = (operands[0].register.index, operands[1].register.index)
      guard index >= 0, index < limit else {
        throw DiagnosticError(id: "index.range", "index \(index) is outside an axis of size \(limit)")
      }
    case .contract:
      try contract(step, operands, frame)
    case .view:
      let (old, type) = (operands[0].buffer, resultType(step, frame))
      let part = try frame.function.dims("offset", of: step.op)?.first.map(frame.size)
      let start = (part ?? 0) * type.element.byteCount
      let new = Buffer(old.memory, at: old.byteOffset + start, type.element, try form(type))
      precondition(
        part == nil ? new.byteCount == old.byteCount : start >= 0 && start + new.byteCount <= old.byteCount,
        "a view of another size")
      frame.set(step.results[0], .buffer(new))
    }
  }

  /// Runs the turns of a `for`; the last carried values. Parallel turns run in a drawn order.
  func count(_ step: Step, _ operands: [RuntimeValue], _ frame: Frame) throws -> [RuntimeValue] {
    let body = step.regions[0]
    let (lower, upper) = (operands[0].register.index, operands[1].register.index)
    let distance = frame.function.int("step", of: step.op) ?? 1
    var carried = Array(operands.dropFirst(2))
    func turn(_ counter: Int) throws {
      try budget.step()
      try enter(body, [.register(Register(index: counter))] + carried, frame)
      carried = try execute(body, frame)
    }
    if frame.function.string("kind", of: step.op) == "parallel" {
      for counter in stride(from: lower, to: upper, by: distance).shuffled(using: &generator) { try turn(counter) }
    } else {
      for counter in stride(from: lower, to: upper, by: distance) { try turn(counter) }
    }
    return carried
  }

  // MARK: Access

  private func load(_ step: Step, _ operands: ArraySlice<RuntimeValue>, limit: Int?, _ frame: Frame) throws {
    let operands = Array(operands)
    let buffer = operands[0].buffer
    let type = resultType(step, frame)
    let offsets = try laneOffsets(step, type.vectorLanes, buffer, operands.dropFirst(), limit, frame)
    setRegister(step, buffer.load(offsets, count: type.lanes), frame)
  }

  private func store(_ step: Step, _ operands: ArraySlice<RuntimeValue>, limit: Int?, _ frame: Frame) throws {
    let operands = Array(operands)
    let (value, buffer) = (operands[0].register, operands[1].buffer)
    let offsets = try laneOffsets(step, value.lanes, buffer, operands.dropFirst(2), limit, frame)
    try buffer.store(value.elements, to: offsets)
  }

  /// The offsets of the lanes that an access touches: those within the limit of a mask and of a ragged tile.
  private func laneOffsets(
    _ step: Step, _ lanes: Int?, _ buffer: Buffer, _ indices: ArraySlice<RuntimeValue>, _ limit: Int?, _ frame: Frame
  ) throws -> [Int] {
    let index = indices.map { $0.register.index }
    guard let lanes else {
      return limit.map { $0 > 0 } ?? true ? [try buffer.offset(of: index)] : []
    }
    let count = min(lanes, max(limit ?? lanes, 0), activeLanes ?? lanes)
    let axis = step.along ?? index.count - 1
    return try buffer.offsets(of: index, along: axis, stride: step.stride, count: count)
  }

  private func allocate(_ step: Step, _ frame: Frame) throws {
    let result = step.results[0]
    try frame.define(step.operands.map { frame[$0].register.index }, of: frame.function.type(of: result))
    let type = resultType(step, frame)
    let form = try form(type)
    guard let offset = try frame.function.dims("offset", of: step.op)?.first.map(frame.size) else {
      frame.set(result, .buffer(try Buffer(type.element, form, budget)))
      return
    }
    let end = offset + form.count * type.element.byteCount
    try arena.grow(to: end)
    arena.fill(offset..<end, with: 0xFF)
    frame.set(result, .buffer(Buffer(arena, at: offset, type.element, form)))
  }

  // MARK: Lanes

  /// Folds the upper half of the lanes onto the lower one until one is left.
  private func folded(_ register: Register, _ fold: Fold) -> Elements {
    var elements = register.elements
    while elements.count > 1 {
      let half = elements.count / 2
      elements = fold.op.apply(elements[0..<half], elements[half..<(2 * half)], register.element)
    }
    return elements
  }

  private func resultType(_ step: Step, _ frame: Frame) -> TensorType {
    frame.resolvedTypes(step)[0]
  }

  private func form(_ type: TensorType) throws -> BufferForm {
    guard let shape = type.constantShape else {
      throw DiagnosticError(id: "input.shape", "no input binds the sizes of a buffer")
    }
    // Refuses a size whose bytes overflow before they are multiplied out.
    _ = try Tensor.byteCount(of: type.element, shape: shape)
    return BufferForm(shape, type.layout)
  }

  private func setRegister(_ step: Step, _ elements: Elements, _ frame: Frame) {
    let type = resultType(step, frame)
    frame.set(step.results[0], .register(Register(type.element, lanes: type.vectorLanes, elements)))
  }
}

extension Elements {
  /// The first element `count` times.
  func repeated(_ count: Int) -> Elements {
    switch self {
    case .floats(let values): .floats(Array(repeating: values[0], count: count))
    case .integers(let values): .integers(Array(repeating: values[0], count: count))
    }
  }

  func followed(by other: Elements) -> Elements {
    switch (self, other) {
    case (.floats(let a), .floats(let b)): .floats(a + b)
    case (.integers(let a), .integers(let b)): .integers(a + b)
    case (.floats, .integers), (.integers, .floats): preconditionFailure("lanes of one element type")
    }
  }

  /// The elements of those numbers, in the order given.
  func picked(_ order: [Int]) -> Elements {
    switch self {
    case .floats(let values): .floats(order.map { values[$0] })
    case .integers(let values): .integers(order.map { values[$0] })
    }
  }

  subscript(range: Range<Int>) -> Elements {
    switch self {
    case .floats(let values): .floats(Array(values[range]))
    case .integers(let values): .integers(Array(values[range]))
    }
  }

  /// The elements, followed by zeros up to `count`.
  func padded(to count: Int) -> Elements {
    switch self {
    case .floats(let values): .floats(values + Array(repeating: 0, count: count - values.count))
    case .integers(let values): .integers(values + Array(repeating: 0, count: count - values.count))
    }
  }
}
