import ApusBuffers
import ApusIR
import ApusMemory
import ApusSupport
import ApusTarget

/// Makes a host take no more memory than it may.
///
/// Order and offsets are looked for harder first. Then kernels run again whose results are cheap to compute, or windows of kernels run in
/// parts, whichever costs less; then both. What is tried last does not depend on the target, so that the least that it finds is
/// found again when that is what is asked for.
struct MemoryFit {
  /// Phase `fused`, without schedules.
  private let host: Function
  private let machine: Machine
  private let goal: MemoryGoal
  private let target: Int

  init(_ host: Function, on machine: Machine, _ goal: MemoryGoal, _ target: Int) {
    self.host = host
    self.machine = machine
    self.goal = goal
    self.target = target
  }

  /// Tens of milliseconds for 500 ops.
  private static let effort = OrderEffort(states: 20_000, beam: 16, repairs: 30, cuts: 0)

  /// A host in which something was changed.
  private struct Candidate {
    var lowering: HostLowering
    var total: Int
    /// By estimate, the bytes that are alive at once in the arena.
    var peak: Int
    var repeats: [(copy: OpID, of: OpID)] = []
    var splits: [SplitHost.Split] = []

    var price: Int { lowering.work.price }
  }

  /// Returns what was done; nil where nothing had to be. Throws `limit.memory`.
  func reduce(_ lowering: inout HostLowering) throws -> MemoryReduction? {
    guard let arena = lowering.arenaBytes, let outputs = lowering.outputBytes, total(lowering) > target else { return nil }
    let isOpen = host.isOpen
    // What is refused for sizes that a run may not have would be refused too early: a run counts anew.
    if isOpen, !hasBounds(lowering.host) { return nil }
    let unlimited = Candidate(lowering: lowering, total: total(lowering), peak: arena)
    var start = unlimited
    if goal.effort == .fast {
      try start.lowering.reorder(Self.effort)
      start.total = total(start.lowering)
    }
    var best = start
    func consider(_ found: [Candidate]) -> Candidate? {
      for candidate in found where candidate.total < best.total { best = candidate }
      return found.filter { $0.total <= target }.min { $0.price < $1.price }
    }
    var chosen = start.total <= target ? start : nil
    if chosen == nil, target > outputs { chosen = consider(try direct(from: start, arena: target - outputs)) }
    if chosen == nil { chosen = consider(try ladder(from: start)) }
    if chosen == nil, !isOpen, let limit = goal.limit, best.total > limit {
      throw DiagnosticError(
        id: "limit.memory",
        "a run takes at least \(best.total) bytes for outputs and intermediate values: the limit is \(limit)",
        hint: "\(best.total) bytes are the smallest limit that is known to work")
    }
    let result = chosen ?? best
    lowering = result.lowering
    return reduction(from: unlimited, to: result)
  }

  private func hasBounds(_ host: Function) -> Bool {
    host.symbols.ids.allSatisfy { id in
      let symbol = host.symbols[id]
      return symbol.origin == .value || symbol.bounds.upper.map { $0 == host.symbols.usualSize(id) } ?? false
    }
  }

  /// Bytes of outputs and intermediate values; the most there are where they do not fit in 64 bits.
  private func total(_ lowering: HostLowering) -> Int {
    guard let arena = lowering.arenaBytes, let outputs = lowering.outputBytes else { return .max }
    let (total, overflow) = arena.addingReportingOverflow(outputs)
    return overflow ? .max : total
  }

  // MARK: Ways

  /// Each way by itself, then both, towards so many bytes of the arena.
  private func direct(from start: Candidate, arena: Int) throws -> [Candidate] {
    var found: [Candidate] = []
    for way in [recomputed, split] {
      var wanted = arena
      // Offsets lose some bytes between values: what they lose, the estimate has to be lower.
      for _ in 0..<3 where wanted > 0 {
        guard let candidate = try way(start, wanted) else { break }
        found.append(candidate)
        let loss = candidate.total - target
        guard loss > 0, candidate.peak <= wanted else { break }
        wanted -= loss
      }
    }
    if found.contains(where: { $0.total <= target }) { return found }
    if let both = try both(start, arena) { found.append(both) }
    return found
  }

  /// Lower and lower, whatever the target is.
  private func ladder(from start: Candidate) throws -> [Candidate] {
    var found: [Candidate] = []
    var (low, high) = (0, start.lowering.arenaBytes ?? 0)
    for _ in 0..<6 where high - low > high / 50 {
      let middle = low + (high - low) / 2
      guard let candidate = try both(start, middle) else { break }
      found.append(candidate)
      if candidate.peak <= middle { high = max(candidate.peak, low) } else { low = middle }
    }
    return found
  }

  private func recomputed(_ start: Candidate, _ arena: Int) throws -> Candidate? {
    guard let found = start.lowering.host.recomputing(within: arena, parts: start.lowering.buffers.parts), !found.repeats.isEmpty else { return nil }
    var candidate = start
    candidate.lowering = try start.lowering.with(host: found.host)
    candidate.total = total(candidate.lowering)
    candidate.peak = found.plan.peak
    candidate.repeats = start.repeats + found.repeats
    return candidate
  }

  private func split(_ start: Candidate, _ arena: Int) throws -> Candidate? {
    let ordered = host.leastMemoryOrder(parts: start.lowering.buffers.parts, effort: Self.effort)?.host ?? host
    guard let found = ordered.splitting(within: arena), !found.splits.isEmpty else { return nil }
    var candidate = start
    var timing = Timing()
    candidate.lowering = try HostLowering(found.host, on: machine, effort: goal.effort, timing: &timing)
    candidate.total = total(candidate.lowering)
    candidate.peak = found.peak
    candidate.splits = found.splits
    return candidate
  }

  private func both(_ start: Candidate, _ arena: Int) throws -> Candidate? {
    let parts = try split(start, arena) ?? start
    if parts.peak <= arena, !parts.splits.isEmpty { return parts }
    return try recomputed(parts, arena) ?? (parts.splits.isEmpty ? nil : parts)
  }

  // MARK: Reports

  private func reduction(from before: Candidate, to after: Candidate) -> MemoryReduction {
    let host = after.lowering.host
    var repeats: [MemoryReduction.Repeat] = []
    var places: [OpID: Int] = [:]
    for (copy, kernel) in after.repeats {
      let work = host.work(of: copy)
      if let place = places[kernel] {
        repeats[place].times += 1
        repeats[place].work = repeats[place].work + work
      } else {
        places[kernel] = repeats.count
        repeats.append(MemoryReduction.Repeat(ops: host.opNames(of: kernel), times: 1, work: work))
      }
    }
    return MemoryReduction(
      unlimited: before.total, reached: after.total, target: target, repeats: repeats, splits: after.splits,
      work: after.lowering.work - before.lowering.work)
  }
}

extension Function {
  /// Whether a size is only known with the inputs of a run.
  var isOpen: Bool { symbols.ids.contains { symbols[$0].origin == .argument } }
}
