/// What to do, in order, to run the ops of a `ResidencyProblem` within its budget, and what is proven of it.
public struct ResidencyPlan: Sendable, Hashable {
  /// Buffers and ops are named by their positions.
  public enum Action: Sendable, Hashable {
    /// Brings a buffer in.
    case load(Int)
    /// Writes a buffer back; it stays.
    case store(Int)
    case drop(Int)
    /// Runs the op whose turn it is: its outputs are then there.
    case run(Int)
    /// Runs the op once more for the sake of one of its outputs; the others are dropped at once.
    case recompute(op: Int, buffer: Int)
  }

  public var actions: [Action]
  /// Bytes that are moved beyond the compulsory ones, and the costs of what is computed again.
  public var bytes: Int
  /// A lower bound of `bytes` that we have proven ourselves, for every plan that drops a buffer just after a use and
  /// computes it again, if at all, just before the next one from what is there.
  public var bound: Int
  /// What a solver says the lower bound is, where it says so and nothing that it says is known to be wrong. We have no
  /// proof of it.
  public var claimedBound: Int?
  /// How it was found, for reports.
  public var method: String
  /// What was wrong with a solver, for reports.
  public var remark: String?

  public init(
    actions: [Action], bytes: Int, bound: Int, claimedBound: Int? = nil, method: String, remark: String? = nil
  ) {
    self.actions = actions
    self.bytes = bytes
    self.bound = bound
    self.claimedBound = claimedBound
    self.method = method
    self.remark = remark
  }

  public var isProven: Bool { bytes <= bound }

  /// 0 when the plan is proven optimal, else the share by which it may be above the optimum.
  public var gap: Double { isProven ? 0 : Double(bytes - bound) / Double(max(bytes, 1)) }
}

extension ResidencyProblem {
  /// The actions that a choice of modes, one a gap, stands for.
  func actions(_ modes: [ResidencyMode]) -> [ResidencyPlan.Action] {
    var actions: [ResidencyPlan.Action] = []
    var isResident = [Bool](repeating: false, count: graph.buffers.count)
    var isStored = graph.producers.map { $0 == nil }
    var steps = [Int](repeating: 0, count: order.count)
    for (step, op) in order.enumerated() { steps[op] = step }
    let lastUses = graph.buffers.indices.map { buffer in
      graph.consumers[buffer].reduce(-1) { max($0, steps[$1]) }
    }
    var nextGap = [Int](repeating: 0, count: graph.buffers.count)

    for (step, index) in order.enumerated() {
      let op = graph.ops[index]
      let inputs = Set(op.inputs).sorted()
      let again = ends[step].filter { modes[$0] == .recompute }
        .sorted { (producerStep($0, steps), $0) < (producerStep($1, steps), $1) }
      let computed = Set(again.map { gaps[$0].buffer })
      for input in inputs where !isResident[input] && !computed.contains(input) {
        actions.append(.load(input))
        isResident[input] = true
      }
      for gap in again {
        guard let producer = graph.producers[gaps[gap].buffer], let recomputation = gaps[gap].recomputation else { continue }
        actions += recomputation.loads.map { .load($0) }
        actions.append(.recompute(op: producer, buffer: gaps[gap].buffer))
        actions += recomputation.loads.map { .drop($0) }
        isResident[gaps[gap].buffer] = true
      }
      actions.append(.run(index))
      let overwritten = Set(Self.sharing(graph, index, step, steps).map(\.input))
      for buffer in Set(inputs).union(op.outputs).sorted() {
        isResident[buffer] = true
        var mode: ResidencyMode? = .keep
        if lastUses[buffer] <= step {
          mode = nil
        } else if nextGap[buffer] < gapsOfBuffer[buffer].count, gaps[gapsOfBuffer[buffer][nextGap[buffer]]].start == step {
          mode = modes[gapsOfBuffer[buffer][nextGap[buffer]]]
          nextGap[buffer] += 1
        }
        if mode == .keep { continue }
        if overwritten.contains(buffer) {
          isResident[buffer] = false
          continue
        }
        if mode == .reload || (mode == nil && graph.buffers[buffer].isResult), !isStored[buffer] {
          actions.append(.store(buffer))
          isStored[buffer] = true
        }
        actions.append(.drop(buffer))
        isResident[buffer] = false
      }
    }
    return actions
  }

  private func producerStep(_ gap: Int, _ steps: [Int]) -> Int { graph.producers[gaps[gap].buffer].map { steps[$0] } ?? 0 }
}
