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
      let first = try inRegion(0, of: op) { (lowering: inout Self) throws(EmissionError) in
        try lowering.results(of: then)
      }
      let second = try inRegion(1, of: op) { (lowering: inout Self) throws(EmissionError) in
        try lowering.results(of: otherwise)
      }
      at(range)
      let types = try emitter.agree(first, second, op)
      at(range)
      return .results(try emitter.finishControl(op, types).map { .value($0) })
    } catch {
      emitter.abandon(op, outer)
      throw error
    }
  }

  private func condition(_ meaning: Meaning, _ id: String, _ range: Range<Int>) throws(EmissionError) -> ValueID {
    if meaning.isPoison { throw .silent }
    guard let value = meaning.value else {
      throw failed(id, "a condition is a bool, not \(meaning.kindName)", range)
    }
    let type = emitter.type(of: value)
    guard type == .scalar(.bool) else {
      throw failed(id, "a condition is bool[], not \(emitter.text(type))", range)
    }
    return value
  }

  // MARK: Loops

  /// `while`. A size that a round changes becomes existential, and a literal that is carried takes the
  /// type that it meets: then the loop is lowered anew.
  mutating func loop(
    _ syntax: [Syntax.Carried], _ condition: NodeID, _ body: Syntax.Block, _ range: Range<Int>
  ) throws(EmissionError) -> Meaning {
    for (index, entry) in syntax.enumerated() where syntax[..<index].contains(where: { $0.name == entry.name }) {
      throw failed("name.redefined", "the loop carries two values called '\(entry.name)'", entry.range)
    }
    var initial: [Meaning] = []
    for entry in syntax {
      let meaning = try single(entry.value)
      if meaning.isPoison { throw .silent }
      initial.append(meaning)
    }
    var carried = CarriedValues(initial, group: emitter.takeGroups(syntax.count))
    carried.names = syntax.map(\.name)
    carried.places = syntax.map { place($0.range) }
    let found = diagnostics
    // Each attempt settles one type or one size for good, so there are few.
    while true {
      diagnostics = found
      do {
        if let result = try attempt(&carried, condition, body, range) { return result }
      } catch .retype(let group, let element) {
        guard carried.retype(group, to: element) else { throw .retype(group: group, element) }
      }
    }
  }

  /// Lowers the loop; `nil` when a size turned out to change, which `carried` then says.
  private mutating func attempt(
    _ carried: inout CarriedValues, _ condition: NodeID, _ body: Syntax.Block, _ range: Range<Int>
  ) throws(EmissionError) -> Meaning? {
    at(range)
    let inits = try emitter.initialValues(carried, at: place(range))
    let outer = emitter.point
    let op = emitter.insertControl(.while, inits)
    do {
      try conditionRegion(op, carried, condition)
      let current = carried
      let results = try inRegion(1, of: op) { (lowering: inout Self) throws(EmissionError) in
        lowering.bindCarried(1, of: op, current)
        return try lowering.results(of: body)
      }
      at(body.range)
      guard let yields = try emitter.carriedOn(results, op, &carried) else {
        emitter.abandon(op, outer)
        emitter.discard(inits, of: carried)
        return nil
      }
      at(range)
      try emitter.terminate(1, of: op, .yield, yields)
      let types = emitter.carriedTypes(op, carried)
      return .results(try emitter.finishControl(op, types).map { .value($0) })
    } catch {
      emitter.abandon(op, outer)
      emitter.discard(inits, of: carried)
      throw error
    }
  }

  private mutating func bindCarried(_ region: Int, of op: OpID, _ carried: CarriedValues) {
    for (name, value) in zip(carried.names, emitter.addCarriedParameters(region, of: op, carried)) {
      if let name { bind(name, .value(value)) }
    }
  }

  private mutating func conditionRegion(
    _ op: OpID, _ carried: CarriedValues, _ condition: NodeID
  ) throws(EmissionError) {
    try inRegion(0, of: op) { (lowering: inout Self) throws(EmissionError) in
      lowering.bindCarried(0, of: op, carried)
      let range = lowering.syntax[condition].range
      var meaning = try lowering.single(condition)
      lowering.at(range)
      if case .bool = meaning { meaning = .value(try lowering.emitter.value(of: meaning, at: lowering.place(range))) }
      let test = try lowering.condition(meaning, "while.condition", range)
      _ = try lowering.emitter.emit(.continue, [test])
    }
  }

  // MARK: Regions

  /// Writes ops at the end of a region, with names of its own.
  private mutating func inRegion<Result>(
    _ index: Int, of op: OpID, _ body: (inout Self) throws(EmissionError) -> Result
  ) throws(EmissionError) -> Result {
    let (outer, place) = (emitter.point, emitter.place)
    emitter.enter(emitter.function.region(index, of: op))
    defer {
      emitter.leave(to: outer)
      emitter.place = place
    }
    return try inScope(body)
  }
}
