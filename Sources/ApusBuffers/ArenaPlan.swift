import ApusIR
import ApusMemory
import ApusSupport

/// Which buffers share the arena, and when each is alive.
public struct ArenaPlan: Sendable {
  public struct Entry: Sendable {
    public var buffer: ValueID
    /// The steps, counted in ops, from the first to after the last in which it is needed.
    public var lifetime: Range<Int>
    public var bytes: Int
    public var offset: Int
  }

  public var entries: [Entry]
  public var peak: Int
  /// No plan of these lifetimes is smaller.
  public var bound: Int
  public var method: String
}

extension Bufferization {
  /// Gives every buffer of constant size an offset in the arena.
  func plan() throws -> BufferizedHost {
    var function = result
    let steps = Lifetimes(function)
    var entries: [ArenaPlan.Entry] = []
    for op in function.allOps() where function.opcode(of: op) == .alloc {
      let buffer = function.result(of: op)
      let type = function.type(of: buffer)
      guard !steps.isReturned(buffer), let shape = type.constantShape else { continue }
      var bytes = type.element.byteCount
      for size in shape {
        let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
        guard !overflow else { throw DiagnosticError(id: "memory.overflow", "a buffer does not fit in 64 bits") }
        bytes = product
      }
      entries.append(.init(buffer: buffer, lifetime: steps.lifetime(of: buffer), bytes: bytes, offset: 0))
    }
    let problem = try Problem(
      buffers: entries.map { .init(lower: $0.lifetime.lowerBound, upper: $0.lifetime.upperBound, size: $0.bytes) })
    let plan = planGreedily(problem)
    try validate(plan, for: problem)
    for (index, offset) in plan.offsets.enumerated() {
      entries[index].offset = offset
      guard let op = function.definingOp(of: entries[index].buffer) else { continue }
      function.setAttribute("offset", .int(offset), of: op)
    }
    return BufferizedHost(
      function: function, arenaBytes: plan.peak,
      plan: ArenaPlan(entries: entries, peak: plan.peak, bound: plan.bound, method: plan.method))
  }
}

/// When each buffer is used, in ops counted through all regions.
private struct Lifetimes {
  private var first: [ValueID: Int] = [:]
  private var last: [ValueID: Int] = [:]
  private var returned: Set<ValueID> = []
  private var roots: [ValueID: ValueID] = [:]

  init(_ function: Function) {
    var step = 0
    number(function.entry, function, &step, loopEnds: [])
    for op in function.ops(in: function.entry) where function.opcode(of: op) == .return {
      for value in function.operands(of: op) { returned.insert(root(value)) }
    }
  }

  func isReturned(_ buffer: ValueID) -> Bool { returned.contains(buffer) }

  func lifetime(of buffer: ValueID) -> Range<Int> {
    let start = first[buffer] ?? 0
    return start..<max(last[buffer] ?? start, start) + 1
  }

  private func root(_ value: ValueID) -> ValueID { roots[value] ?? value }

  /// Numbers a block's ops. What is used in a loop but made before it is needed until the loop ends.
  private mutating func number(
    _ block: BlockID, _ function: Function, _ step: inout Int, loopEnds: [(start: Int, end: Int)]
  ) {
    for op in function.ops(in: block) {
      let here = step
      step += 1
      for value in function.operands(of: op) { use(root(value), at: here, loopEnds) }
      for value in function.results(of: op) {
        if function.opcode(of: op) == .view { roots[value] = root(function.operand(0, of: op)) }
        first[value] = here
        last[value] = here
      }
      let code = function.opcode(of: op)
      let isLoop = code == .while || code == .for
      let size = function.regions(of: op).reduce(0) { $0 + count($1, function) }
      let inner = isLoop ? loopEnds + [(here, here + size)] : loopEnds
      for region in function.regions(of: op) { number(region, function, &step, loopEnds: inner) }
    }
  }

  private mutating func use(_ value: ValueID, at step: Int, _ loopEnds: [(start: Int, end: Int)]) {
    let made = first[value] ?? -1
    let end = loopEnds.first { made < $0.start }?.end ?? step
    last[value] = max(last[value] ?? step, end, step)
  }

  private func count(_ block: BlockID, _ function: Function) -> Int {
    function.ops(in: block).reduce(0) { total, op in
      total + 1 + function.regions(of: op).reduce(0) { $0 + count($1, function) }
    }
  }
}
