import ApusIR
import ApusSupport

/// Values that regions yield and loops carry.
///
/// One whose size is known before lives in a buffer made before, into which each branch or round computes it, or copies it at its
/// end. One whose size only the branch or round tells is a buffer that it yields.
extension Bufferization {
  mutating func lowerIf(_ op: OpID, _ callee: (OpID, Set<Int>) throws -> KernelCode) throws {
    let condition = load(host.operand(0, of: op))
    let results = host.results(of: op)
    let (open, closed) = partition(results.map { isSizedByData($0) })
    let targets = closed.map { destinations[results[$0]] ?? successor(results[$0], by: op) ?? allocate(results[$0]) }
    let branch = emit(.if, [condition], open.map { bufferType(of: results[$0]) })
    for index in 0..<2 {
      try inside(region: index, of: branch) { bufferization in
        let body = bufferization.host.region(index, of: op)
        // Nobody in a branch reads what the branches result in.
        for (value, target) in bufferization.madeToBeYielded(in: body, closed, targets) {
          bufferization.destinations[value] = target
        }
        try bufferization.lowerYielding(body, open, closed, to: targets, callee)
      }
    }
    for (index, target) in zip(closed, targets) { bind(results[index], to: target) }
    for (index, value) in zip(open, result.results(of: branch)) { bind(results[index], to: value) }
  }

  mutating func lowerWhile(_ op: OpID, _ callee: (OpID, Set<Int>) throws -> KernelCode) throws {
    let (initial, results) = (host.operands(of: op), host.results(of: op))
    let (head, body) = (host.region(0, of: op), host.region(1, of: op))
    let parameters = [head, body].map { host.parameters(of: $0) }
    let (open, closed) = partition(
      results.indices.map { index in
        isSizedByData(results[index]) || parameters.contains { isSizedByData($0[index]) }
      })
    var targets: [ValueID] = []
    for index in closed {
      let source = buffer(initial[index])
      let value = results[index]
      let target =
        destinations[value] ?? handedOver(source, to: op, as: value) ?? successor(value, by: op) ?? allocate(value)
      if target != source { copy(source, to: target) }
      targets.append(target)
    }
    let loop = emit(.while, open.map { outliving(initial[$0]) }, open.map { bufferType(of: results[$0]) })
    for (region, parameters) in parameters.enumerated() {
      for (index, target) in zip(closed, targets) { bind(parameters[index], to: target) }
      for index in open {
        let block = result.region(region, of: loop)
        bind(parameters[index], to: result.addParameter(bufferType(of: parameters[index]), to: block))
      }
    }
    try inside(region: 0, of: loop) { bufferization in
      try bufferization.lower(head, callee)
      let condition = bufferization.load(bufferization.yielded(by: head)[0])
      bufferization.emit(.continue, [condition], [])
    }
    for (value, target) in madeToBeYielded(in: body, closed, targets) { carried[value] = target }
    try inside(region: 1, of: loop) { bufferization in
      try bufferization.lowerYielding(body, open, closed, to: targets, callee)
    }
    for (index, target) in zip(closed, targets) { bind(results[index], to: target) }
    for (index, value) in zip(open, result.results(of: loop)) { bind(results[index], to: value) }
  }

  /// Lowers a region that yields: its closed values are written to `targets`, its open ones yielded on.
  private mutating func lowerYielding(
    _ body: BlockID, _ open: [Int], _ closed: [Int], to targets: [ValueID], _ callee: (OpID, Set<Int>) throws -> KernelCode
  ) throws {
    try lower(body, callee)
    let yielded = yielded(by: body)
    let outgoing = open.map { outliving(yielded[$0]) }
    assign(closed.map { yielded[$0] }, to: targets)
    emit(.yield, outgoing, [])
  }

  private func partition(_ isOpen: [Bool]) -> (open: [Int], closed: [Int]) {
    (isOpen.indices.filter { isOpen[$0] }, isOpen.indices.filter { !isOpen[$0] })
  }

  private func yielded(by block: BlockID) -> [ValueID] {
    guard let end = host.terminator(of: block) else { preconditionFailure("a region ends in a terminator") }
    return host.operands(of: end)
  }

  /// Copies all values at once: each target is written when no value is to be read from it any more, which for values that change
  /// places one is saved for.
  private mutating func assign(_ values: [ValueID], to targets: [ValueID]) {
    // What lies in the target under another shape is there already.
    var moves = zip(values, targets).map { (source: buffer($0), target: $1) }.filter { root(of: $0.source) != $0.target }
    func reads(_ move: (source: ValueID, target: ValueID), _ target: ValueID) -> Bool { root(of: move.source) == root(of: target) }
    while !moves.isEmpty {
      let free = moves.indices.first { index in
        isPlanted(.swapIsCopiedInTurn) || moves.indices.allSatisfy { $0 == index || !reads(moves[$0], moves[index].target) }
      }
      if let free {
        let move = moves.remove(at: free)
        copy(move.source, to: move.target)
        continue
      }
      let saved = emit(.alloc, [], result.type(of: moves[0].source))
      copy(moves[0].source, to: saved)
      moves[0].source = saved
    }
  }

  /// The buffer of a value where nobody writes over it after its region, else a copy in memory of its own.
  private mutating func outliving(_ value: ValueID) -> ValueID {
    let source = buffer(value)
    let origin = root(of: source)
    guard let op = result.definingOp(of: origin), result.opcode(of: op) == .alloc, !ownMemory.contains(origin) else {
      return source
    }
    // What is sized by data is no part of the arena, and what a region makes it makes anew each time.
    if isSizedByData(result.type(of: origin)), result.block(of: op) == block { return source }
    let copied = emit(.alloc, [], result.type(of: source))
    ownMemory.insert(copied)
    copy(source, to: copied)
    return copied
  }
}
