import ApusIR
import ApusMemory
import ApusSupport

extension Function {
  /// The order of a host's ops in which the arena is likely smallest, and the host in that order if it is another; nil where
  /// sizes overflow. The plan's bound holds for the arena in any order if the host neither branches nor loops: what that takes is estimated.
  ///
  /// Phase `fused`. Only the ops of the body itself move; what is computed within an `if` or a `while` stays, and so does the
  /// order of effects, and of ops whose sizes data define.
  ///
  /// - Parameter parts: the values that lie in the memory of others.
  public func leastMemoryOrder(
    parts: Parts = Parts(), effort: OrderEffort = .quick
  ) -> (plan: OrderPlan, host: Function?)? {
    var reading = DataflowReading(self, parts)
    guard let graph = try? reading.dataflow(), let end = terminator(of: entry) else { return nil }
    let plan = planOrder(graph, effort: effort)
    if plan.order == Array(graph.ops.indices) { return (plan, nil) }
    var ordered = self
    for position in plan.order { ordered.move(reading.ops[position], to: .before(end)) }
    return (plan, ordered)
  }
}

extension Function {
  /// What the ops of a host's body read and write at usual sizes, inputs, constants and results included; nil where sizes overflow.
  public func memoryTraffic() -> (graph: Dataflow, ops: [OpID])? {
    var reading = DataflowReading(self, Parts(), countsCosts: true, countsAll: true)
    guard let graph = try? reading.dataflow() else { return nil }
    return (graph, reading.ops)
  }
}

extension SymbolTable {
  /// A size that stands for those a run may have: the largest, or one that is usual where there is none.
  public func usualSize(_ symbol: SymbolID) -> Int {
    let bounds = self[symbol].bounds
    if let upper = bounds.upper, upper <= 1 << 12 { return upper }
    return max(128, bounds.lower ?? 0)
  }
}

/// A host's body as ops that read and write memory of the arena: inputs, constants and outputs have memory of their own, and are
/// counted on request only.
///
/// What is made in its place in a concat is counted from there on until the concat has no readers, and the concat only for the
/// rest. In truth its memory is there as a whole with its first operand, so that bounds hold.
struct DataflowReading {
  private let host: Function
  private let parts: Parts
  /// Whether it is counted what it costs to compute again what may be.
  private let countsCosts: Bool
  private let countsAll: Bool
  /// The ops that may move, in the order they have.
  private(set) var ops: [OpID] = []
  private var buffers: [Dataflow.Buffer] = []
  /// The value that each buffer is made for.
  private var values: [ValueID] = []
  /// The buffer of each value; none for a constant.
  private var positions: [ValueID: Int] = [:]
  /// The ops that make values without writing memory: what reads these values runs behind them.
  private var views: [ValueID: Int] = [:]
  /// By buffer: those that hold operands of the concat in it.
  private var pieces: [Int: Set<Int>] = [:]

  init(_ host: Function, _ parts: Parts, countsCosts: Bool = false, countsAll: Bool = false) {
    self.host = host
    self.parts = parts
    self.countsCosts = countsCosts
    self.countsAll = countsAll
  }

  mutating func dataflow() throws -> Dataflow {
    let results = host.terminator(of: host.entry).map { host.operands(of: $0) } ?? []
    for parameter in host.parameters { add(parameter, bytes: countsAll ? try bytes(of: parameter) : 0) }
    if countsAll {
      for op in host.ops(in: host.entry) where host.opcode(of: op) == .constant {
        add(host.result(of: op), bytes: try bytes(of: host.result(of: op)))
      }
    }
    ops = host.ops(in: host.entry).filter { op in
      host.opcode(of: op) != .constant && !host.opcode(of: op).isTerminator
    }
    let (reads, inner, fixed) = try regions()
    var rows: [Dataflow.Op] = []
    var lastFixed: Int?
    for op in ops {
      let values = host.operands(of: op) + reads[op, default: []]
      let held = Set(values.compactMap { positions[$0] })
      var row = Dataflow.Op(
        inputs: held.reduce(held) { $0.union(pieces[$1] ?? []) }.sorted(), outputs: [],
        after: Set(values.compactMap { views[$0] }).sorted(), scratch: inner[op, default: 0])
      if host.opcode(of: op) == .reshape || parts.slices[op] != nil {
        positions[host.result(of: op)] = positions[host.operand(0, of: op)]
        views[host.result(of: op)] = rows.count
      } else {
        // What is returned as it is made is computed where the caller wants it, and what a custom operation makes is its own.
        let code = host.opcode(of: op)
        for value in host.results(of: op) {
          let isElsewhere = code == .customCall || isReturned(value, results) || isSizedByData(value)
          var bytes = isElsewhere && !countsAll ? 0 : try bytes(of: value)
          let inPlace = parts.values(inPlaceOf: op)
          for piece in inPlace { bytes -= try self.bytes(of: piece) }
          row.outputs.append(add(value, bytes: max(bytes, 0)))
          let held = Set(inPlace.compactMap { positions[$0] })
          if !held.isEmpty { pieces[buffers.count - 1] = held.reduce(held) { $0.union(pieces[$1] ?? []) } }
        }
        row.inPlace = inPlacePairs(op)
      }
      if countsCosts, !fixed.contains(op), host.isPure(op), isByItself(op, results) {
        row.cost = host.work(of: op).price
      }
      if fixed.contains(op) {
        if let lastFixed { row.after.append(lastFixed) }
        lastFixed = rows.count
      }
      rows.append(row)
    }
    for value in results {
      guard let position = positions[value] else { continue }
      for held in (pieces[position] ?? []).union([position]) { buffers[held].isResult = true }
    }
    return try Dataflow(buffers: buffers, ops: rows)
  }

  /// The buffer that holds a value; nil for a constant.
  func position(of value: ValueID) -> Int? { positions[value] }

  /// What a buffer takes, wherever it lies.
  func bytes(of position: Int) -> Int { (try? bytes(of: values[position])) ?? 0 }

  @discardableResult
  private mutating func add(_ value: ValueID, bytes: Int) -> Int {
    positions[value] = buffers.count
    values.append(value)
    buffers.append(Dataflow.Buffer(size: bytes))
    return buffers.count - 1
  }

  private func bytes(of value: ValueID) throws -> Int {
    let bytes = try host.type(of: value).byteCount().evaluate(host.symbols.usualSize)
    let (rounded, overflow) = bytes.addingReportingOverflow(ArenaPlan.alignment - 1)
    if overflow { throw DimOverflow() }
    return rounded / ArenaPlan.alignment * ArenaPlan.alignment
  }

  /// What the regions of each op read of the body's values, the bytes of the values in them, and the ops that stay in order.
  private func regions() throws -> (reads: [OpID: [ValueID]], inner: [OpID: Int], fixed: Set<OpID>) {
    var reads: [OpID: [ValueID]] = [:]
    var inner: [OpID: Int] = [:]
    var fixed: Set<OpID> = []
    for op in host.allOps() {
      guard let outer = host.ancestor(of: op, in: host.entry) else { continue }
      if isFixed(op) { fixed.insert(outer) }
      guard op != outer else { continue }
      reads[outer, default: []] += host.operands(of: op)
      // What a kernel computes on the way lies in registers.
      let owner = host.owner(of: host.block(of: op))
      guard owner.map({ host.opcode(of: $0) != .kernel }) ?? true, host.opcode(of: op) != .reshape else { continue }
      for value in host.results(of: op) {
        let (sum, overflow) = inner[outer, default: 0].addingReportingOverflow(try bytes(of: value))
        if overflow { throw DimOverflow() }
        inner[outer] = sum
      }
    }
    return (reads, inner, fixed)
  }

  /// Whether an op does more than compute values of sizes that are known before it runs.
  private func isFixed(_ op: OpID) -> Bool {
    switch host.opcode(of: op) {
    case .assert, .customCall, .call: return true
    case _: break
    }
    if host.results(of: op).contains(where: isSizedByData) { return true }
    return host.attributes(of: op).contains { attribute in
      if case .dims(let dims) = attribute.value { host.symbols.areDefinedByData(dims) } else { false }
    }
  }

  private func isSizedByData(_ value: ValueID) -> Bool { host.symbols.areDefinedByData(host.type(of: value).dims) }

  /// Whether what an op makes is no result, and no part of anything else.
  private func isByItself(_ op: OpID, _ results: [ValueID]) -> Bool {
    host.results(of: op).allSatisfy { !results.contains($0) && parts.pieces[$0] == nil } && parts.values(inPlaceOf: op).isEmpty
      && parts.slices[op] == nil
  }

  /// Whether an op only shows, or puts together, what lies in the memory of others.
  func isPart(_ op: OpID) -> Bool { parts.slices[op] != nil || !parts.values(inPlaceOf: op).isEmpty }

  /// Whether a value is made in the caller's memory.
  private func isReturned(_ value: ValueID, _ results: [ValueID]) -> Bool {
    guard let op = host.definingOp(of: value), [.kernel, .if, .while].contains(host.opcode(of: op)) else { return false }
    if results.contains(value) { return true }
    return parts.pieces[value].map { isReturned(host.result(of: $0.kernel), results) } ?? false
  }

  /// What a kernel may write its result over. A concat is written over whole: its operands stay as parts of the result.
  private mutating func inPlacePairs(_ op: OpID) -> [Dataflow.InPlace] {
    let found = pairs(op).filter { buffers[$0.output].size > 0 && parts.pieces[host.result(of: op)] == nil }
    guard let pair = found.first(where: { pieces[$0.input] != nil }) else { return found }
    buffers[pair.output].size = min(buffers[pair.output].size, buffers[pair.input].size)
    pieces[pair.output] = pieces[pair.input]
    return [pair]
  }

  /// The operands that a kernel may write its result over.
  private func pairs(_ op: OpID) -> [Dataflow.InPlace] {
    guard host.opcode(of: op) == .kernel, host.resultCount(of: op) == 1, let output = positions[host.result(of: op)] else {
      return []
    }
    let operands = host.operands(of: op)
    return operands.indices.compactMap { index -> Dataflow.InPlace? in
      guard let input = positions[operands[index]], operands.count(where: { positions[$0] == input }) == 1,
        host.mayOverwrite(index, by: op)
      else { return nil }
      return Dataflow.InPlace(output: output, input: input)
    }
  }
}
