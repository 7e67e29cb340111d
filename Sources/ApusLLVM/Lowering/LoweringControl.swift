import ApusIR
internal import ApusRuntimeABI

/// Loops and branches that stay in one function.
extension FunctionLowering {
  func lowerFor(_ op: OpID) {
    switch function.string("kind", of: op) ?? "serial" {
    case "parallel": lowerParallelFor(op)
    case "unrolled": lowerUnrolledFor(op)
    case _: lowerSerialFor(op)
    }
  }

  func lowerIf(_ op: OpID) {
    let results = function.results(of: op)
    let values = e.ifElse(register(function.operand(0, of: op))) {
      lower(function.region(0, of: op), defining: results)
    } else: {
      lower(function.region(1, of: op), defining: results)
    }
    bind(results, values, at: op)
  }

  func lowerWhile(_ op: OpID) {
    let (head, body) = (function.region(0, of: op), function.region(1, of: op))
    let results = function.results(of: op)
    let last = e.whileLoop(carrying: values(function.operands(of: op), defining: results)) { carried in
      bind(function.parameters(of: head), carried, at: op)
      return lower(head)[0]
    } _: { carried in
      bind(function.parameters(of: body), carried, at: op)
      returnIfStopped()
      return lower(body, defining: results)
    }
    bind(results, last, at: op)
  }

  func lowerCheckIndex(_ op: OpID) {
    let (index, limit) = (register(function.operand(0, of: op)), register(function.operand(1, of: op)))
    e.ifThen(e.compare(index, .greaterEqual, limit, signed: false)) {
      let site = owner.tables.site(op, of: function)
      runtime.fail(context, Int(apus_status_index_out_of_range), site: site, index, limit)
      e.returnVoid()
    }
  }

  /// What a block yields for the values `definers`, as ``values(_:defining:)`` has it.
  private func lower(_ block: BlockID, defining definers: [ValueID]) -> [CodeValue] {
    lower(block)
    // A block that ends in a failure yields nothing.
    guard let end = function.terminator(of: block), !e.isTerminated else { return [] }
    return values(function.operands(of: end), defining: definers)
  }

  /// What stands for values that become others, which define sizes: themselves, then those sizes.
  private func values(_ values: [ValueID], defining definers: [ValueID]) -> [CodeValue] {
    values.map { code($0) } + zip(values, definers).flatMap { sizes(of: $0, definedBy: $1) }
  }

  /// Binds values to what ``values(_:defining:)`` gave for them.
  private func bind(_ values: [ValueID], _ codes: [CodeValue], at op: OpID) {
    var sizes = codes.dropFirst(values.count)
    for value in values {
      let count = definedAxes(of: value).count
      defineSizes(of: value, Array(sizes.prefix(count)), at: op)
      sizes = sizes.dropFirst(count)
    }
    // Strides follow from the sizes.
    for (value, code) in zip(values, codes) { bind(value, code) }
  }

  func bindParameters(of block: BlockID, _ values: [CodeValue]) {
    for (parameter, value) in zip(function.parameters(of: block), values) { bind(parameter, value) }
  }

  func bindResults(of op: OpID, _ values: [CodeValue]) {
    for (result, value) in zip(function.results(of: op), values) { bind(result, value) }
  }

  /// Generates the body of a `for` for one value of its counter.
  func lowerBody(_ op: OpID, _ counter: CodeValue, _ carried: [CodeValue] = []) -> [CodeValue] {
    let body = function.region(0, of: op)
    bindParameters(of: body, [counter] + carried)
    return lower(body)
  }

  /// Whether a loop's body runs loops of its own, so that polling for a stop costs nothing beside it.
  func hasInnerLoop(_ op: OpID) -> Bool {
    function.ops(in: function.region(0, of: op)).contains { inner in
      switch function.opcode(of: inner) {
      case .for, .while, .contract, .launch, .call: true
      case _: false
      }
    }
  }
}

extension FunctionLowering {
  private func lowerSerialFor(_ op: OpID) {
    let bounds = function.operands(of: op).map { code($0) }
    let polls = isOutermost(op) && hasInnerLoop(op)
    let last = e.forLoop(bounds[0], bounds[1], step: int("step", op), carrying: Array(bounds[2...])) {
      if polls { returnIfStopped() }
      return lowerBody(op, $0, $1)
    }
    bindResults(of: op, last)
  }

  /// Whether no loop that one thread runs alone stands around it.
  private func isOutermost(_ op: OpID) -> Bool {
    guard let owner = function.owner(of: function.block(of: op)) else { return true }
    switch function.opcode(of: owner) {
    case .for: return function.string("kind", of: owner) == "parallel"
    case .if: return isOutermost(owner)
    case _: return false
    }
  }

  /// Copies the body: for every turn when few are known, else four a round and the rest one by one.
  private func lowerUnrolledFor(_ op: OpID) {
    let step = int("step", op)
    let operands = function.operands(of: op)
    let values = operands.map { code($0) }
    let (lower, upper, inits) = (values[0], values[1], Array(values[2...]))
    if let first = constantIndex(operands[0]), let end = constantIndex(operands[1]),
      case let turns = stride(from: first, to: end, by: step), turns.underestimatedCount <= Self.mostCopies
    {
      bindResults(of: op, turns.reduce(inits) { lowerBody(op, e.index($1), $0) })
      return
    }
    let span = e.sub(upper, lower)
    let round = step * Self.copiesARound
    // Whole rounds: the counter of a round's last copy must stay below `upper`.
    let whole = e.quotient(e.add(span, e.index(step - 1)), e.index(round), signed: true)
    let middle = e.add(lower, e.mul(whole, e.index(round)))
    let rounds = e.forLoop(lower, middle, step: round, carrying: inits) { counter, carried in
      (0..<Self.copiesARound).reduce(carried) { lowerBody(op, e.add(counter, e.index($1 * step)), $0) }
    }
    let last = e.forLoop(middle, upper, step: step, carrying: rounds) { lowerBody(op, $0, $1) }
    bindResults(of: op, last)
  }

  /// A body that is copied more often than this is no longer worth its code.
  private static let mostCopies = 64
  private static let copiesARound = 4
}
