import ApusSupport
import ApusTensor

extension ExpressionLowering {
  /// `if`: the branch that a static condition picks, else an op with both as regions.
  mutating func conditional(
    _ condition: NodeID, _ then: Syntax.Block, _ otherwise: Syntax.Block, _ range: Range<Int>
  ) throws(EmissionError) -> Meaning {
    let meaning = try single(condition)
    if case .bool(let holds) = meaning { return .results(try results(of: holds ? then : otherwise)) }
    let test = try self.condition(meaning, "if.condition", syntax[condition].range)
    at(range)
    let op = emitter.insertControl(.if, [test])
    let outer = emitter.point
    do {
      var branches: [[Meaning]] = []
      for (index, block) in [then, otherwise].enumerated() {
        branches.append(try inRegion(index, of: op) { (lowering: inout Self) throws(EmissionError) in
          try lowering.results(of: block)
        })
      }
      let types = try agree(branches[0], branches[1], op, range)
      emitter.point = outer
      at(range)
      let values = try emitter.finishControl(op, types)
      return .results(values.map { .value($0) })
    } catch {
      emitter.abandon(op, outer)
      throw error
    }
  }

  private func condition(_ meaning: Meaning, _ id: String, _ range: Range<Int>) throws(EmissionError) -> ValueID {
    if case .poison = meaning { throw .silent }
    guard let value = meaning.value else {
      throw failed(id, "a condition is a bool, not \(meaning.kindName)", range)
    }
    let type = emitter.type(of: value)
    guard type == .scalar(.bool) else {
      throw failed(id, "a condition is bool[], not \(emitter.text(type))", range)
    }
    return value
  }

  /// Makes both branches yield the same types: a literal takes the type of the other branch, and sizes that
  /// may differ are guarded in the second one.
  private mutating func agree(
    _ first: [Meaning], _ second: [Meaning], _ op: OpID, _ range: Range<Int>
  ) throws(EmissionError) -> [TensorType] {
    guard first.count == second.count else {
      throw failed("if.results", "one branch has \(first.count) results, the other \(second.count)", range)
    }
    try emitter.checkCount(first.count, of: "results")
    var yields: [[ValueID]] = [[], []]
    var types: [TensorType] = []
    for (a, b) in zip(first, second) {
      let wanted = try resultType(a, b, range)
      for (region, meaning) in [a, b].enumerated() {
        yields[region].append(try inRegion(region, of: op) { (lowering: inout Self) throws(EmissionError) in
          lowering.at(range)
          return try lowering.yielded(meaning, wanted)
        })
      }
      types.append(emitter.type(of: yields[0][yields[0].count - 1]))
    }
    for region in 0..<2 {
      try inRegion(region, of: op) { (lowering: inout Self) throws(EmissionError) in
        lowering.at(range)
        _ = try lowering.emitter.emit(.yield, yields[region])
      }
    }
    return types
  }

  private func resultType(_ a: Meaning, _ b: Meaning, _ range: Range<Int>) throws(EmissionError) -> TensorType {
    guard let x = emitter.hint(a), let y = emitter.hint(b) else {
      throw failed("if.results", "\(emitter.hint(a) == nil ? a.kindName : b.kindName) is no tensor", range)
    }
    switch (a.value, b.value) {
    case (let first?, let second?):
      let (s, t) = (emitter.type(of: first), emitter.type(of: second))
      if s.element != t.element {
        if let group = emitter.flexible[first] { throw .retype(group: group, t.element) }
        if let group = emitter.flexible[second] { throw .retype(group: group, s.element) }
      }
      let differ = zip(s.dims, t.dims).contains { emitter.function.symbols.equal($0, $1) == .no }
      guard s.element == t.element, s.rank == t.rank, !differ else {
        throw failed(
          "if.results", "one branch gives \(emitter.text(s)), the other \(emitter.text(t))", range)
      }
      return s
    case (let value?, nil), (nil, let value?): return emitter.type(of: value)
    case (nil, nil):
      let isFloat = x == .float || y == .float
      return .scalar(isFloat ? .f32 : x.alone)
    }
  }

  /// A branch's result as a value of the type both have.
  private mutating func yielded(_ meaning: Meaning, _ wanted: TensorType) throws(EmissionError) -> ValueID {
    let value = try emitter.value(of: meaning, as: wanted.element, at: emitter.place)
    let type = emitter.type(of: value)
    if meaning.value == nil, type.rank == 0 { return emitter.broadcast(value, to: wanted.dims) }
    guard type.rank == wanted.rank, type.element == wanted.element else {
      throw emitter.failed("if.results", "one branch gives \(emitter.text(wanted)), the other \(emitter.text(type))")
    }
    for (a, b) in zip(wanted.dims, type.dims) { try emitter.require(a, equals: b) }
    return emitter.reshape(value, to: wanted.dims)
  }

  // MARK: Loops

  /// `while`. A size that a round changes becomes existential, and a literal that is carried takes the
  /// type that it meets: then the loop is lowered anew.
  mutating func loop(
    _ carried: [Syntax.Carried], _ condition: NodeID, _ body: Syntax.Block, _ range: Range<Int>
  ) throws(EmissionError) -> Meaning {
    for (index, entry) in carried.enumerated() where carried[..<index].contains(where: { $0.name == entry.name }) {
      throw failed("name.redefined", "the loop carries two values called '\(entry.name)'", entry.range)
    }
    var state = LoopState(carried)
    for entry in carried { state.initial.append(try single(entry.value)) }
    state.groups = carried.indices.map { emitter.flexibleGroups + $0 }
    emitter.flexibleGroups += carried.count
    let found = diagnostics
    // Each attempt fixes one type or one size for good, so there are few.
    while true {
      diagnostics = found
      let outer = emitter.point
      let depth = emitter.guards.count
      let known = emitter.guards
      do {
        if let result = try attempt(&state, condition, body, range) { return result }
      } catch .retype(let group, let element) {
        emitter.guards = Array(known.prefix(depth))
        emitter.point = outer
        guard let index = state.groups.firstIndex(of: group), state.elements[index] == nil else {
          throw .retype(group: group, element)
        }
        state.elements[index] = element
      }
    }
  }

  /// What one attempt at a loop teaches the next.
  private struct LoopState {
    var carried: [Syntax.Carried]
    var initial: [Meaning] = []
    var groups: [Int] = []
    /// The element type that a carried literal turned out to need.
    var elements: [ElementType?]
    /// Axes whose size changes.
    var growing: [Set<Int>]

    init(_ carried: [Syntax.Carried]) {
      self.carried = carried
      elements = Array(repeating: nil, count: carried.count)
      growing = Array(repeating: [], count: carried.count)
    }
  }

  /// Lowers the loop; `nil` when a size turned out to change, which `state` then says.
  private mutating func attempt(
    _ state: inout LoopState, _ condition: NodeID, _ body: Syntax.Block, _ range: Range<Int>
  ) throws(EmissionError) -> Meaning? {
    var inits: [ValueID] = []
    for (index, meaning) in state.initial.enumerated() {
      let place = self.place(state.carried[index].range)
      emitter.place = place
      let element = state.elements[index] ?? emitter.hint(meaning)?.alone ?? .s64
      inits.append(try emitter.value(of: meaning, as: element, at: place))
    }
    at(range)
    try emitter.checkCount(inits.count, of: "carried values")
    let outer = emitter.point
    let op = emitter.insertControl(.while, inits)
    do {
      try conditionRegion(op, state, condition)
      let yields = try bodyRegion(op, &state, body, range)
      emitter.point = outer
      guard let yields else {
        emitter.abandon(op, outer)
        emitter.discard(inits)
        return nil
      }
      try inRegion(1, of: op) { (lowering: inout Self) throws(EmissionError) in
        lowering.at(range)
        _ = try lowering.emitter.emit(.yield, yields)
      }
      at(range)
      let types = inits.indices.map { carriedType(inits[$0], state.growing[$0]) }
      let values = try emitter.finishControl(op, types)
      return .results(values.map { .value($0) })
    } catch {
      emitter.abandon(op, outer)
      emitter.discard(inits)
      throw error
    }
  }

  /// The type of a carried value; each use gets symbols of its own for the sizes that change.
  private mutating func carriedType(_ value: ValueID, _ growing: Set<Int>) -> TensorType {
    var type = emitter.type(of: value)
    for axis in growing.sorted() {
      type.dims[axis] = .symbol(emitter.function.symbols.append(Symbol(name: "", origin: .value)))
    }
    return type
  }

  /// Gives a region of the loop its parameters, under the carried names.
  private mutating func bindParameters(_ region: Int, of op: OpID, _ state: LoopState) {
    let block = emitter.function.region(region, of: op)
    for (index, entry) in state.carried.enumerated() {
      let initial = emitter.function.operand(index, of: op)
      let type = carriedType(initial, state.growing[index])
      let value = emitter.function.addParameter(type, to: block, name: entry.name)
      emitter.origins[value] = place(entry.range)
      let isLiteral = state.initial[index].value == nil && !state.initial[index].holdsValues
      if state.elements[index] == nil, isLiteral || emitter.flexible[initial] != nil {
        emitter.flexible[value] = emitter.flexible[initial] ?? state.groups[index]
      }
      bind(entry.name, .value(value))
    }
  }

  private mutating func conditionRegion(_ op: OpID, _ state: LoopState, _ condition: NodeID) throws(EmissionError) {
    try inRegion(0, of: op) { (lowering: inout Self) throws(EmissionError) in
      lowering.bindParameters(0, of: op, state)
      let range = lowering.syntax[condition].range
      var meaning = try lowering.single(condition)
      lowering.at(range)
      if case .bool = meaning { meaning = .value(try lowering.emitter.value(of: meaning, at: lowering.place(range))) }
      let test = try lowering.condition(meaning, "while.condition", range)
      _ = try lowering.emitter.emit(.continue, [test])
    }
  }

  /// What the body yields, or `nil` after noting sizes that change.
  private mutating func bodyRegion(
    _ op: OpID, _ state: inout LoopState, _ body: Syntax.Block, _ range: Range<Int>
  ) throws(EmissionError) -> [ValueID]? {
    let current = state
    let yields = try inRegion(1, of: op) { (lowering: inout Self) throws(EmissionError) in
      lowering.bindParameters(1, of: op, current)
      let results = try lowering.results(of: body)
      guard results.count == current.carried.count else {
        throw lowering.failed(
          "while.carried", "the loop carries \(current.carried.count) values, its body gives \(results.count)", range)
      }
      lowering.at(body.range)
      var yields: [ValueID] = []
      let parameters = lowering.emitter.function.parameters(of: lowering.emitter.function.region(1, of: op))
      for (index, meaning) in results.enumerated() {
        yields.append(try lowering.carriedOn(meaning, parameters[index], current.carried[index].name))
      }
      return yields
    }
    let parameters = emitter.function.parameters(of: emitter.function.region(1, of: op))
    var isStable = true
    for index in yields.indices {
      let (old, new) = (emitter.type(of: parameters[index]), emitter.type(of: yields[index]))
      for axis in 0..<old.rank where !state.growing[index].contains(axis) {
        if emitter.function.symbols.equal(old.dims[axis], new.dims[axis]) != .yes {
          state.growing[index].insert(axis)
          isStable = false
        }
      }
    }
    return isStable ? yields : nil
  }

  /// A result of the body as the next round's value of the same element type and rank.
  private mutating func carriedOn(
    _ meaning: Meaning, _ parameter: ValueID, _ name: String
  ) throws(EmissionError) -> ValueID {
    let old = emitter.type(of: parameter)
    var value = try emitter.value(of: meaning, as: old.element, at: emitter.place)
    if meaning.value == nil, emitter.type(of: value).rank == 0 { value = emitter.broadcast(value, to: old.dims) }
    let new = emitter.type(of: value)
    if new.element != old.element {
      if let group = emitter.flexible[parameter] { throw .retype(group: group, new.element) }
      if let group = emitter.flexible[value] { throw .retype(group: group, old.element) }
    }
    guard new.element == old.element, new.rank == old.rank else {
      throw emitter.failed(
        "while.carried", "'\(name)' is \(emitter.text(old)), but the body makes it \(emitter.text(new))")
    }
    return value
  }

  // MARK: Regions

  /// Writes ops at the end of a region, with names of its own.
  mutating func inRegion<Result>(
    _ index: Int, of op: OpID, _ body: (inout Self) throws(EmissionError) -> Result
  ) throws(EmissionError) -> Result {
    let (outer, place) = (emitter.point, emitter.place)
    emitter.point = .end(of: emitter.function.region(index, of: op))
    emitter.guards.append([])
    let depth = emitter.guards.count
    defer {
      emitter.point = outer
      emitter.place = place
      emitter.guards.removeLast(emitter.guards.count - depth + 1)
    }
    return try inScope(body)
  }
}

extension Emitter {
  /// An `if` or `while` whose regions are empty and whose results are not known yet.
  mutating func insertControl(_ code: OpCode, _ operands: [ValueID]) -> OpID {
    function.insert(code, operands, results: [], at: point, location: location())
  }

  /// Gives such an op its results.
  mutating func finishControl(_ op: OpID, _ types: [TensorType]) throws(EmissionError) -> [ValueID] {
    for type in types { try check(type) }
    return function.addResults(types, to: op)
  }

  /// Removes the constants that literals became, and what was made of them, where nothing reads them.
  mutating func discard(_ values: [ValueID]) {
    var rest = values
    while let value = rest.popLast() {
      guard function.isUnused(value), let op = function.definingOp(of: value), !function.isErased(op),
        function.opcode(of: op) == .constant || function.opcode(of: op) == .broadcast
      else { continue }
      rest += function.operands(of: op)
      function.erase(op)
    }
  }

  /// Removes an op that was not finished.
  mutating func abandon(_ op: OpID, _ outer: InsertionPoint) {
    function.erase(op)
    point = outer
  }
}
