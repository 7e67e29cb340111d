import ApusIR

/// Places in a module that is there already.
extension GraphDrawing {
  /// Draws in a module that exists.
  init(mutating module: Module, seed: UInt64, _ limits: GraphGenerator.Limits) {
    self.init(module.functions[0].name, seed: seed, limits, ops: 0, DrawCoverage())
    function = module.functions[0]
    callees = Array(module.functions.dropFirst())
    block = function.entry
  }

  /// Makes an op of the function the place where others go: before it, seeing what it sees.
  @discardableResult
  mutating func goToSomeOp(orEnd: Bool = false) throws -> OpID {
    let ops = function.allOps().filter { op in
      let code = function.opcode(of: op)
      return !code.isTerminator || orEnd && code != .continue
    }
    guard let op = draw.pick(ops) else { throw NoFit() }
    try go(to: op)
    return op
  }

  mutating func go(to op: OpID) throws {
    block = function.block(of: op)
    before = op
    local = []
    depth = 0
    // From the inside out: what stands before the op, and before each op around it.
    var (inner, around): (OpID, BlockID) = (op, block)
    while true {
      var seen: [ValueID] = around == function.entry ? [] : function.parameters(of: around)
      for earlier in function.ops(in: around) {
        if earlier == inner { break }
        seen += function.results(of: earlier)
      }
      local = seen + local
      guard let owner = function.owner(of: around) else { return }
      // What is isolated sees nothing around it, and graphs are drawn outside of kernels.
      guard function.phase == .graph else { throw NoFit() }
      depth += 1
      inner = owner
      around = function.block(of: owner)
    }
  }

  /// Makes an op behind the place read a value instead of another of its type.
  mutating func readSomewhere(_ value: ValueID) throws -> Bool {
    guard let before else { return false }
    var places: [(OpID, Int)] = []
    var op: OpID? = before
    while let reader = op {
      for (index, operand) in function.operands(of: reader).enumerated() where type(operand) == type(value) && operand != value {
        places.append((reader, index))
      }
      op = function.op(after: reader)
    }
    guard let (reader, index) = draw.pick(places) else { return false }
    function.setOperand(index, of: reader, to: value)
    return true
  }
}
