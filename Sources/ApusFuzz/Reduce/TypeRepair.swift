import ApusIR

extension Module {
  /// Infers again what follows from types that have changed.
  ///
  /// - Parameters:
  ///   - before: the module that this one was made from: in functions of the same name, ids are the same.
  ///   - change: applied to what is stated: the types of parameters, and of results that inference leaves open.
  /// Returns `false` where the change leaves an op without a type.
  mutating func inferTypes(since before: Module, _ change: TypeChange) -> Bool {
    var done: Set<String> = []
    // Callees first: their result types are what calls have.
    var stack = ids.reversed().map { ($0, false) }
    while let (id, isReady) = stack.popLast() {
      if done.contains(self[id].name) { continue }
      if !isReady {
        stack.append((id, true))
        for name in self[id].callees where !done.contains(name) {
          if let callee = find(name) { stack.append((callee, false)) }
        }
        // A recursion never gets ready; it is not valid, either.
        if stack.count > 64 * functions.count + 64 { return false }
        continue
      }
      done.insert(self[id].name)
      let old = before.find(self[id].name).map { before[$0] } ?? self[id]
      let own = id.index == 0 ? change : change.withoutSymbols
      var repair = TypeRepair(old, own, self)
      guard repair.run(on: &self[id]) else { return false }
    }
    return true
  }
}

/// Finds the types of one function again.
private struct TypeRepair {
  private let before: Function
  private var change: TypeChange
  private let module: Module

  init(_ before: Function, _ change: TypeChange, _ module: Module) {
    self.before = before
    self.change = change
    self.module = module
  }

  mutating func run(on f: inout Function) -> Bool {
    for parameter in f.parameters { set(change.type(f.type(of: parameter)), of: parameter, &f) }
    return infer(f.entry, &f)
  }

  private func set(_ type: TensorType, of value: ValueID, _ f: inout Function) {
    if f.type(of: value) != type { f.setType(type, of: value) }
  }

  private mutating func infer(_ block: BlockID, _ f: inout Function) -> Bool {
    for op in f.ops(in: block) {
      let code = f.opcode(of: op)
      let isDone: Bool
      switch code {
      case .return:
        if f.owner(of: block) == nil { f.resultTypes = f.operands(of: op).map { f.type(of: $0) } }
        if f.resultNames.count != f.resultTypes.count { f.resultNames = [] }
        isDone = true
      case .yield, .continue: isDone = true
      case .if: isDone = inferBranches(op, &f)
      case .while: isDone = inferLoop(op, &f)
      case .kernel: isDone = inferKernel(op, &f)
      case .call: isDone = inferCall(op, &f)
      case _: isDone = f.regionCount(of: op) == 0 ? inferPlain(op, &f) : f.regions(of: op).allSatisfy { infer($0, &f) }
      }
      if !isDone { return false }
    }
    return true
  }

  // MARK: Ops without regions

  /// Whether what an op reads is what it read before.
  private func isUntouched(_ op: OpID, _ f: Function) -> Bool {
    guard op.index < before.opCapacity, !before.isErased(op) else { return false }
    let (old, new) = (before.operands(of: op), f.operands(of: op))
    guard old.count == new.count, before.attributes(of: op) == f.attributes(of: op) else { return false }
    return zip(old, new).allSatisfy { before.type(of: $0) == f.type(of: $1) }
  }

  private mutating func inferPlain(_ op: OpID, _ f: inout Function) -> Bool {
    let code = f.opcode(of: op)
    let info = code.info
    let operands = f.operands(of: op).map { f.type(of: $0) }
    let old = f.results(of: op).map { f.type(of: $0) }
    let stated = old.map(change.type)
    let ranks = op.index < before.opCapacity && !before.isErased(op)
      ? before.operands(of: op).map { before.type(of: $0).rank } : operands.map(\.rank)
    let attributes = f.attributes(of: op).map { change.attribute($0, info.attribute($0.name), ranks: ranks) }
    if stated == old, attributes == f.attributes(of: op), isUntouched(op, f) { return true }
    var attempts: [[TensorType]?] = [nil, stated]
    // Sizes that data define keep their names.
    if code.traits.contains(.dataDependentShape) { attempts = [stated, nil] }
    if let first = operands.first, old.count == 1, op.index < before.opCapacity, !before.isErased(op),
      let former = before.operands(of: op).first.map({ before.type(of: $0) })
    {
      attempts += adapted(stated[0], code, first, former, attributes).map { [$0] }
    }
    for attempt in attempts {
      guard var inferred = try? ApusIR.infer(
        code, operands: operands, attributes: attributes, stated: attempt, symbols: &f.symbols),
        inferred.results.count == old.count
      else { continue }
      if code == .constant, !fitConstant(&inferred) { return false }
      for obligation in inferred.obligations { f.require(obligation) }
      f.setAttributes(inferred.attributes, of: op)
      for (value, type) in zip(f.results(of: op), inferred.results) {
        follow(f.type(of: value), type, f)
        set(type, of: value, &f)
      }
      return true
    }
    return false
  }

  /// Sizes that an op defines may have got other names, or values.
  private mutating func follow(_ old: TensorType, _ new: TensorType, _ f: Function) {
    guard old.rank == new.rank else { return }
    for (a, b) in zip(old.dims, new.dims) where a != b {
      if let id = a.symbolID, f.symbols[id].origin == .value, change.symbols[id] == nil { change.symbols[id] = b }
    }
  }

  private func fitConstant(_ inferred: inout Inferred) -> Bool {
    for index in inferred.attributes.indices {
      switch inferred.attributes[index].value {
      case .tensor(let constant):
        guard let fitted = constant.fitted(to: inferred.results[0]) else { return false }
        inferred.attributes[index].value = .tensor(fitted)
      case .scalar(let scalar):
        inferred.attributes[index].value = .scalar(scalar.converted(to: inferred.results[0].element))
      case _: break
      }
    }
    return true
  }

  /// Result types that may fit an operand which has become another.
  private func adapted(
    _ stated: TensorType, _ code: OpCode, _ operand: TensorType, _ former: TensorType, _ attributes: [NamedAttribute]
  ) -> [TensorType] {
    var type = stated
    if former.element == stated.element || former.element == operand.element { type.element = operand.element }
    var found = [type]
    if code == .broadcast, case .ints(let axes)? = attributes.first(where: { $0.name == "axes" })?.value {
      for (axis, size) in zip(axes, operand.dims) where axis < type.rank && size != 1 { type.dims[axis] = size }
      found.append(type)
    }
    if code == .reshape, let count = try? operand.elementCount() {
      for axis in type.dims.indices {
        var others = type.dims
        others.remove(at: axis)
        guard let rest = try? Dim.product(others), let size = try? count.exactQuotient(by: rest) else { continue }
        var fitting = type
        fitting.dims[axis] = size
        found.append(fitting)
      }
      found.append(type.with(dims: [count] + Array(repeating: 1, count: max(type.rank - 1, 0))))
    }
    if operand.rank == type.rank { found.append(operand.with(element: type.element)) }
    return found.filter { $0 != stated }
  }

  // MARK: Ops with regions

  /// The type of a value that stands for `given`: sizes that are stated to be open stay so.
  private func merged(_ stated: TensorType, _ given: TensorType, _ f: Function) -> TensorType {
    var type = given
    guard stated.rank == given.rank else { return type }
    for (axis, dim) in stated.dims.enumerated() {
      if let id = dim.symbolID, f.symbols[id].origin == .value { type.dims[axis] = dim }
    }
    return type
  }

  private func yielded(_ block: BlockID, _ f: Function) -> [TensorType] {
    f.terminator(of: block).map { f.operands(of: $0).map { f.type(of: $0) } } ?? []
  }

  private func isUntouchedEnd(_ block: BlockID, _ f: Function) -> Bool {
    f.terminator(of: block).map { isUntouched($0, f) } ?? true
  }

  private mutating func inferBranches(_ op: OpID, _ f: inout Function) -> Bool {
    for block in f.regions(of: op) { if !infer(block, &f) { return false } }
    let isUntouched = f.regions(of: op).allSatisfy { isUntouchedEnd($0, f) }
    let types = yielded(f.region(0, of: op), f)
    guard types.count == f.resultCount(of: op) else { return false }
    for (value, given) in zip(f.results(of: op), types) {
      let stated = change.type(f.type(of: value))
      set(isUntouched ? stated : merged(stated, given, f), of: value, &f)
    }
    return true
  }

  private mutating func inferLoop(_ op: OpID, _ f: inout Function) -> Bool {
    let initial = f.operands(of: op).map { f.type(of: $0) }
    let isUntouched = isUntouched(op, f)
    let carried = f.regions(of: op).map { f.parameters(of: $0) } + [f.results(of: op)]
    guard carried.allSatisfy({ $0.count == initial.count }) else { return false }
    for values in carried {
      for (value, given) in zip(values, initial) {
        let stated = change.type(f.type(of: value))
        set(isUntouched ? stated : merged(stated, given, f), of: value, &f)
      }
    }
    return f.regions(of: op).allSatisfy { infer($0, &f) }
  }

  private mutating func inferKernel(_ op: OpID, _ f: inout Function) -> Bool {
    let (operands, block) = (f.operands(of: op), f.region(0, of: op))
    guard operands.count == f.parameters(of: block).count else { return false }
    for (parameter, operand) in zip(f.parameters(of: block), operands) { set(f.type(of: operand), of: parameter, &f) }
    guard infer(block, &f) else { return false }
    let types = yielded(block, f)
    guard types.count == f.resultCount(of: op) else { return false }
    for (value, given) in zip(f.results(of: op), types) {
      var type = given
      if let layout = f.type(of: value).layout, type.rank == f.type(of: value).rank { type.layout = layout }
      set(type, of: value, &f)
    }
    return true
  }

  private func inferCall(_ op: OpID, _ f: inout Function) -> Bool {
    guard let name = f.string("callee", of: op), let id = module.find(name) else { return false }
    let callee = module[id]
    guard callee.resultTypes.count == f.resultCount(of: op), callee.parameters.count == f.operandCount(of: op)
    else { return false }
    var bound: [SymbolID: Dim] = [:]
    for (parameter, operand) in zip(callee.parameters, f.operands(of: op)) {
      for (wanted, given) in zip(callee.type(of: parameter).dims, f.type(of: operand).dims) {
        if let symbol = wanted.symbolID, bound[symbol] == nil { bound[symbol] = given }
      }
    }
    for (value, wanted) in zip(f.results(of: op), callee.resultTypes) {
      let old = change.type(f.type(of: value))
      var type = wanted
      for (axis, dim) in wanted.dims.enumerated() {
        var isBound = true
        dim.forEachSymbol { if bound[$0] == nil { isBound = false } }
        if isBound, let size = try? dim.substituting({ bound[$0] ?? .symbol($0) }) {
          type.dims[axis] = size
        } else if axis < old.rank {
          type.dims[axis] = old.dims[axis]
        } else {
          return false
        }
      }
      set(type, of: value, &f)
    }
    return true
  }
}
