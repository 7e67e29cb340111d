import ApusIR
import ApusSupport
import ApusTensor

/// Runs one of two branches when the graph runs. Both return as many nodes, of the same types; a literal takes
/// the type of the other branch.
public func conditional(
  _ condition: Node, then: () -> [Node], else otherwise: () -> [Node], fileID: StaticString = #fileID,
  line: Int = #line
) -> [Node] {
  let place = Place.swift(fileID: "\(fileID)", line: line)
  guard let builder = condition.builder else {
    if case .literal(.bool(let holds)) = condition.form { return holds ? then() : otherwise() }
    return []
  }
  return builder.conditional(condition, then, otherwise, place)
}

/// Runs one of two branches of one result each when the graph runs; else as the other `conditional`.
public func conditional(
  _ condition: Node, then: () -> Node, else otherwise: () -> Node, fileID: StaticString = #fileID, line: Int = #line
) -> Node {
  let nodes = conditional(condition, then: { [then()] }, else: { [otherwise()] }, fileID: fileID, line: line)
  return nodes.first ?? Node(.invalid, at: .swift(fileID: "\(fileID)", line: line))
}

/// Carries nodes through `body` for as long as `condition` holds when the graph runs, and returns the last ones.
/// A literal takes the type it meets, and a size may change from round to round.
///
/// The closures may be called several times, and add to the graph each time: they must not do anything else.
public func loop(
  _ initial: [Node], while condition: ([Node]) -> Node, do body: ([Node]) -> [Node], fileID: StaticString = #fileID,
  line: Int = #line
) -> [Node] {
  let place = Place.swift(fileID: "\(fileID)", line: line)
  guard let builder = initial.lazy.compactMap(\.builder).first else {
    // Without a node of a graph there is nothing to loop over yet.
    return initial.map { _ in Node(.invalid, at: place) }
  }
  return builder.loop(initial, condition, body, place)
}

extension GraphBuilder {
  fileprivate func conditional(
    _ condition: Node, _ then: () -> [Node], _ otherwise: () -> [Node], _ place: Place
  ) -> [Node] {
    emitter.place = place
    guard case .value(let test) = meaning(condition) else { return [] }
    guard type(of: test) == .scalar(.bool) else {
      report("if.condition", "a condition is bool[], not \(emitter.text(type(of: test)))", at: place)
      return []
    }
    let op = emitter.insertControl(.if, [test])
    let outer = emitter.point
    let first = inRegion(0, of: op) { then().map { self.meaning($0) } }
    let second = inRegion(1, of: op) { otherwise().map { self.meaning($0) } }
    let values = attempt { () throws(EmissionError) -> [ValueID] in
      self.emitter.place = place
      let types = try self.emitter.agree(first, second, op)
      self.emitter.place = place
      return try self.emitter.finishControl(op, types)
    }
    if values == nil { emitter.abandon(op, outer) }
    return (values ?? []).map { Node(.value(self, $0), at: place) }
  }

  fileprivate func loop(
    _ initial: [Node], _ condition: ([Node]) -> Node, _ body: ([Node]) -> [Node], _ place: Place
  ) -> [Node] {
    let wrong = initial.map { _ in Node(.invalid, at: place) }
    let found = diagnostics
    var carried = CarriedValues(initial.map { meaning($0) }, group: emitter.takeGroups(initial.count))
    while !diagnostics.hasErrors {
      emitter.place = place
      guard let inits = attempt({ () throws(EmissionError) in try self.emitter.initialValues(carried, at: place) })
      else {
        return wrong
      }
      let op = emitter.insertControl(.while, inits)
      let outer = emitter.point
      let values = attempt { () throws(EmissionError) -> [ValueID]? in
        try self.attemptLoop(op, &carried, condition, body, place)
      }
      if let retype = pendingRetype {
        emitter.abandon(op, outer)
        emitter.discard(inits, of: carried)
        guard carried.retype(retype.group, to: retype.element) else { return wrong }
        pendingRetype = nil
        diagnostics = found
        continue
      }
      if let values, let values { return values.map { Node(.value(self, $0), at: place) } }
      emitter.abandon(op, outer)
      emitter.discard(inits, of: carried)
      // Else a size turned out to change: once more with that known.
      if values == nil { return wrong }
    }
    return wrong
  }

  /// Lowers the loop; `nil` when a size turned out to change.
  private func attemptLoop(
    _ op: OpID, _ carried: inout CarriedValues, _ condition: ([Node]) -> Node, _ body: ([Node]) -> [Node],
    _ place: Place
  ) throws(EmissionError) -> [ValueID]? {
    let before = emitter.addCarriedParameters(0, of: op, carried)
    let test = inRegion(0, of: op) {
      self.value(condition(before.map { Node(.value(self, $0), at: place) }))
    }
    let after = emitter.addCarriedParameters(1, of: op, carried)
    let results = inRegion(1, of: op) {
      body(after.map { Node(.value(self, $0), at: place) }).map { self.meaning($0) }
    }
    if pendingRetype != nil { throw .silent }
    guard let test else { throw .silent }
    emitter.place = place
    guard type(of: test) == .scalar(.bool) else {
      throw emitter.failed("while.condition", "a condition is bool[], not \(emitter.text(type(of: test)))")
    }
    guard let yields = try emitter.carriedOn(results, op, &carried) else { return nil }
    try emitter.terminate(0, of: op, .continue, [test])
    try emitter.terminate(1, of: op, .yield, yields)
    emitter.place = place
    return try emitter.finishControl(op, emitter.carriedTypes(op, carried))
  }

  /// Writes to a region: what is made there is out of reach afterwards.
  private func inRegion<Result>(_ index: Int, of op: OpID, _ body: () -> Result) -> Result {
    let outer = emitter.point
    let block = emitter.function.region(index, of: op)
    emitter.enter(block)
    openBlocks.append(block)
    known.append([:])
    defer {
      emitter.leave(to: outer)
      openBlocks.removeLast()
      known.removeLast()
    }
    return body()
  }
}
