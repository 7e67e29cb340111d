import ApusIR

/// What is worked out once about a function before it runs.
final class FunctionPlan {
  /// Each block's ops in order.
  private(set) var ops: [BlockID: [OpID]] = [:]
  /// By index of an op: the values that nobody needs after it.
  private(set) var deaths: [[ValueID]]
  /// By index of an op.
  private(set) var families: [OpFamily]

  init(_ function: Function) {
    deaths = Array(repeating: [], count: function.opCapacity)
    families = Array(repeating: .composite, count: function.opCapacity)
    var order = Array(repeating: 0, count: function.opCapacity)
    var blocks = [function.entry]
    var count = 0
    function.forEachOp { op in
      order[op.index] = count
      count += 1
      families[op.index] = OpFamily.of(function.opcode(of: op))
      blocks += function.regions(of: op)
    }
    for block in blocks {
      let list = function.ops(in: block)
      ops[block] = list
      for value in function.parameters(of: block) { addDeath(of: value, in: block, of: function, order) }
      for op in list {
        for value in function.results(of: op) { addDeath(of: value, in: block, of: function, order, definition: op) }
      }
    }
  }

  private func addDeath(
    of value: ValueID, in block: BlockID, of function: Function, _ order: [Int], definition: OpID? = nil
  ) {
    var last = definition
    for (user, _) in function.uses(of: value) {
      guard let op = function.ancestor(of: user, in: block) else { continue }
      if last.map({ order[$0.index] < order[op.index] }) ?? true { last = op }
    }
    if let last { deaths[last.index].append(value) }
  }
}
