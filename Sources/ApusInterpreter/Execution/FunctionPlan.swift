import ApusIR

/// What is worked out once about a function before it runs.
final class FunctionPlan {
  /// Each block's ops in order.
  private(set) var steps: [BlockID: [Step]] = [:]

  init(_ function: Function) {
    var order = Array(repeating: 0, count: function.opCapacity)
    var blocks = [function.entry]
    var count = 0
    function.forEachOp { op in
      order[op.index] = count
      count += 1
      blocks += function.regions(of: op)
    }
    var deaths = Array(repeating: [ValueID](), count: function.opCapacity)
    func addDeath(of value: ValueID, in block: BlockID, definition: OpID?) {
      var last = definition
      for (user, _) in function.uses(of: value) {
        guard let op = function.ancestor(of: user, in: block) else { continue }
        if last.map({ order[$0.index] < order[op.index] }) ?? true { last = op }
      }
      if let last { deaths[last.index].append(value) }
    }
    for block in blocks {
      for value in function.parameters(of: block) { addDeath(of: value, in: block, definition: nil) }
      for op in function.ops(in: block) {
        for value in function.results(of: op) { addDeath(of: value, in: block, definition: op) }
      }
    }
    for block in blocks {
      steps[block] = function.ops(in: block).map { Step($0, function, deaths: deaths[$0.index]) }
    }
  }
}

/// An op as it runs: copies of what its rows say, which loops would look up again at each turn.
struct Step {
  let op: OpID
  let code: OpCode
  let family: OpFamily
  let operands: [ValueID]
  let results: [ValueID]
  let resultTypes: [TensorType]
  /// Whether the result types hold no symbols.
  let areSizesKnown: Bool
  let regions: [BlockID]
  /// The values that nobody needs after the op.
  let deaths: [ValueID]
  /// The axis that the lanes of a load or store run along; `nil` for the last one.
  let along: Int?
  /// The distance of the lanes of a load or store.
  let stride: Int

  init(_ op: OpID, _ function: Function, deaths: [ValueID]) {
    self.op = op
    code = function.opcode(of: op)
    family = OpFamily.of(code)
    operands = function.operands(of: op)
    results = function.results(of: op)
    resultTypes = results.map { function.type(of: $0) }
    areSizesKnown = resultTypes.allSatisfy { $0.constantShape != nil }
    regions = function.regions(of: op)
    self.deaths = deaths
    along = function.int("along", of: op)
    stride = function.int("stride", of: op) ?? 1
  }
}
