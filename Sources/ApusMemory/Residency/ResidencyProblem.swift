import ApusSupport

/// Which buffers stay in a memory of `budget` bytes between their uses, for ops that run in a given order: the rest is
/// held in a larger memory behind it, where the buffers that no op writes and, in the end, the results lie.
///
/// A buffer used at two steps has a *gap* between them. Through a gap it is kept; or it is dropped and loaded again, and
/// stored before that if it has not been before; or it is dropped and computed again just before the use.
public struct ResidencyProblem: Sendable {
  public let graph: Dataflow
  /// Positions of ops.
  public let order: [Int]
  public let budget: Int
  /// Bytes that every plan moves: what is there from the start is loaded once, results are stored once.
  public let compulsory: Int

  /// Bytes that each step needs, whatever else is kept.
  let needs: [Int]
  /// Only those with a step between their ends, by start.
  let gaps: [ResidencyGap]
  /// The gaps of each buffer, ascending.
  let gapsOfBuffer: [[Int]]
  /// The gaps that end at each step, ascending.
  let ends: [[Int]]

  /// Throws `memory.problem` unless `order` is an order of the graph's ops, and `memory.budget` when one op alone needs
  /// more than `budget`, naming the smallest budget that works.
  public init(_ graph: Dataflow, order: [Int], budget: Int) throws(DiagnosticError) {
    var steps = [Int](repeating: -1, count: graph.ops.count)
    for (step, op) in order.enumerated() where graph.ops.indices.contains(op) { steps[op] = step }
    let isOrder = order.count == graph.ops.count && !steps.contains(-1)
    guard isOrder, graph.ops.indices.allSatisfy({ op in graph.predecessors[op].allSatisfy { steps[$0] < steps[op] } }) else {
      throw DiagnosticError(id: "memory.problem", "the ops cannot run in the order that is given")
    }
    let needs = Self.needs(graph, order, steps)
    if let most = needs.max(), most > budget {
      throw DiagnosticError(
        id: "memory.budget", "a budget of \(budget) bytes is too small: the smallest that works is \(most) bytes")
    }
    self.graph = graph
    self.order = order
    self.budget = budget
    self.needs = needs
    var compulsory = 0
    for (buffer, row) in graph.buffers.enumerated() {
      let isRead = !graph.consumers[buffer].isEmpty
      if graph.producers[buffer] == nil ? isRead : row.isResult { compulsory += row.size }
    }
    self.compulsory = compulsory
    var gaps: [ResidencyGap] = []
    for (buffer, row) in graph.buffers.enumerated() {
      let first = graph.producers[buffer].map { [steps[$0]] } ?? []
      let uses = first + graph.consumers[buffer].map { steps[$0] }.sorted()
      for (start, end) in zip(uses, uses.dropFirst()) where end > start + 1 {
        gaps.append(
          ResidencyGap(
            buffer: buffer, start: start, end: end, size: row.size,
            isStoredAnyway: graph.producers[buffer] == nil || row.isResult))
      }
    }
    gaps.sort { ($0.start, $0.buffer) < ($1.start, $1.buffer) }
    var gapsOfBuffer = [[Int]](repeating: [], count: graph.buffers.count)
    var ends = [[Int]](repeating: [], count: order.count)
    for (index, gap) in gaps.enumerated() {
      gapsOfBuffer[gap.buffer].append(index)
      ends[gap.end].append(index)
    }
    for index in gaps.indices {
      gaps[index].recomputation = Self.recomputation(of: gaps[index], graph, order, gaps, gapsOfBuffer)
    }
    self.gaps = gaps
    self.gapsOfBuffer = gapsOfBuffer
    self.ends = ends
  }

  /// The least memory in which the ops can run in that order, and the least in which nothing has to be dropped.
  public static func limits(_ graph: Dataflow, order: [Int]) throws(DiagnosticError) -> (smallest: Int, largest: Int) {
    let problem = try ResidencyProblem(graph, order: order, budget: .max)
    return (problem.needs.max() ?? 0, problem.residentBytes(Array(repeating: .keep, count: problem.gaps.count)).max() ?? 0)
  }
}

/// The time between two uses of a buffer.
struct ResidencyGap: Sendable, Hashable {
  var buffer: Int
  /// Steps at which it is used, or written.
  var start: Int
  var end: Int
  var size: Int
  /// Whether a store costs nothing, because there is a copy from the start or will be one in the end.
  var isStoredAnyway: Bool
  var recomputation: Recomputation?

  /// How the buffer is computed again just before the gap's end.
  struct Recomputation: Sendable, Hashable {
    /// Bytes, loads of what it reads included.
    var cost: Int
    /// Bytes that are needed for it besides what the step needs.
    var extra: Int
    /// Gaps whose buffers it reads: they have to be kept.
    var inputs: [Int]
    /// Buffers that are loaded for it and dropped again.
    var loads: [Int]
  }

  /// What is moved when it is dropped and loaded again.
  func reloadCost(isStored: Bool) -> Int { isStored || isStoredAnyway ? size : 2 * size }
}

/// What becomes of a buffer through a gap.
enum ResidencyMode: UInt8, Sendable, CaseIterable {
  case keep, reload, recompute
}

/// What a choice of modes, one a gap, needs and costs
extension ResidencyProblem {
  /// The bytes in use at each step.
  func residentBytes(_ modes: [ResidencyMode]) -> [Int] {
    var changes = [Int](repeating: 0, count: order.count + 1)
    var extras = [Int](repeating: 0, count: order.count)
    for (gap, mode) in zip(gaps, modes) {
      switch mode {
      case .keep:
        changes[gap.start + 1] += gap.size
        changes[gap.end] -= gap.size
      case .recompute: extras[gap.end] += gap.recomputation?.extra ?? 0
      case .reload: break
      }
    }
    var kept = 0
    return order.indices.map { step in
      kept += changes[step]
      return needs[step] + kept + extras[step]
    }
  }

  func isFeasible(_ modes: [ResidencyMode]) -> Bool {
    guard modes.count == gaps.count else { return false }
    for (gap, mode) in zip(gaps, modes) where mode == .recompute {
      guard let recomputation = gap.recomputation else { return false }
      guard recomputation.inputs.allSatisfy({ modes[$0] == .keep }) else { return false }
    }
    return residentBytes(modes).allSatisfy { $0 <= budget }
  }

  /// Bytes beyond the compulsory ones.
  func cost(_ modes: [ResidencyMode]) -> Int {
    var isStored = [Bool](repeating: false, count: graph.buffers.count)
    var cost = 0
    for (gap, mode) in zip(gaps, modes) {
      switch mode {
      case .keep: break
      case .recompute: cost += gap.recomputation?.cost ?? 0
      case .reload:
        cost += gap.reloadCost(isStored: isStored[gap.buffer])
        isStored[gap.buffer] = true
      }
    }
    return cost
  }
}

extension ResidencyProblem {
  private static func needs(_ graph: Dataflow, _ order: [Int], _ steps: [Int]) -> [Int] {
    order.enumerated().map { step, index in
      let op = graph.ops[index]
      let all = Set(op.inputs).union(op.outputs).reduce(op.scratch) { $0 + graph.buffers[$1].size }
      return sharing(graph, index, step, steps).reduce(all) { $0 - graph.buffers[$1.output].size }
    }
  }

  /// The outputs of an op that take the memory of inputs which no later op reads.
  static func sharing(_ graph: Dataflow, _ index: Int, _ step: Int, _ steps: [Int]) -> [Dataflow.InPlace] {
    var taken: Set<Int> = []
    return graph.ops[index].inPlace.filter { pair in
      let (input, output) = (graph.buffers[pair.input], graph.buffers[pair.output])
      let isLast = graph.consumers[pair.input].allSatisfy { steps[$0] <= step }
      guard isLast, !input.isResult, output.size <= input.size else { return false }
      guard taken.isDisjoint(with: [pair.input, pair.output]) else { return false }
      taken.formUnion([pair.input, pair.output])
      return true
    }
  }

  /// Nil if it cannot be computed again at the gap's end, or if that costs no less than to load it.
  private static func recomputation(
    of gap: ResidencyGap, _ graph: Dataflow, _ order: [Int], _ gaps: [ResidencyGap], _ gapsOfBuffer: [[Int]]
  ) -> ResidencyGap.Recomputation? {
    guard let producer = graph.producers[gap.buffer], var cost = graph.ops[producer].cost else { return nil }
    let op = graph.ops[producer]
    let present = graph.ops[order[gap.end]].inputs
    var result = ResidencyGap.Recomputation(cost: 0, extra: op.scratch, inputs: [], loads: [])
    for output in op.outputs where output != gap.buffer { result.extra += graph.buffers[output].size }
    for input in Set(op.inputs).sorted() where !present.contains(input) {
      if let covering = gapsOfBuffer[input].first(where: { gaps[$0].start < gap.end && gap.end < gaps[$0].end }) {
        result.inputs.append(covering)
      } else if graph.producers[input] == nil {
        result.loads.append(input)
        cost += graph.buffers[input].size
        result.extra += graph.buffers[input].size
      } else {
        return nil
      }
    }
    result.cost = cost
    return cost < gap.reloadCost(isStored: false) ? result : nil
  }
}
