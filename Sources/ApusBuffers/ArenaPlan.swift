import ApusIR
public import ApusMemory
import ApusSupport

/// Which buffers share the arena, and when each is alive.
///
/// Sizes and offsets are in bytes, as expressions over the sizes that the inputs' shapes decide. Buffers of constant size lie
/// at the start, placed by a planner; the others behind them in slots: those of a slot are alive one after another, it is as large
/// as the largest of them, and its offset is the sum of what lies before.
public struct ArenaPlan: Sendable {
  public struct Entry: Sendable {
    public var buffer: ValueID
    /// The steps, counted in ops, from the first to after the last in which it is needed.
    public var lifetime: Range<Int>
    public var bytes: Dim
    public var offset: Dim
  }

  public var entries: [Entry]
  /// The bytes that hold all of them.
  public var peak: Dim
  /// How offsets were found.
  public var method: String

  /// Offsets are multiples of it.
  public static let alignment = 64

  /// The bytes of the arena at usual sizes; nil where these do not fit in 64 bits.
  public func usualPeak(_ symbols: SymbolTable) -> Int? { try? peak.evaluate(symbols.usualSize) }

  /// The plan for given sizes, and the problem that it solves.
  ///
  /// Throws `memory.overflow` when these sizes do not fit in 64 bits.
  public func instance(_ size: (SymbolID) -> Int) throws -> (problem: Problem, plan: Plan) {
    func bytes(_ dim: Dim) throws(DiagnosticError) -> Int {
      do {
        return try dim.evaluate(size)
      } catch {
        throw DiagnosticError(id: "memory.overflow", "a buffer does not fit in 64 bits")
      }
    }
    let problem = try Problem(
      buffers: entries.map {
        Problem.Buffer(lower: $0.lifetime.lowerBound, upper: $0.lifetime.upperBound, size: try bytes($0.bytes))
      }, alignment: Self.alignment)
    return (
      problem,
      Plan(
        offsets: try entries.map { try bytes($0.offset) }, peak: try bytes(peak), bound: problem.maximumLive(),
        method: method)
    )
  }
}

extension Bufferization {
  /// Gives every buffer whose size follows from the inputs' an offset in the arena.
  func plan(effort: PlanEffort) throws -> BufferizedHost {
    var function = result
    let lifetimes = Lifetimes(function)
    var fixed: [ArenaPlan.Entry] = []
    var open: [ArenaPlan.Entry] = []
    for op in function.allOps() where function.opcode(of: op) == .alloc {
      let buffer = function.result(of: op)
      let type = function.type(of: buffer)
      guard !lifetimes.isReturned(buffer), !ownMemory.contains(buffer), !isSizedByData(type) else { continue }
      let lifetime = lifetimes.lifetime(of: buffer)
      let bytes = try sized { () throws(DimOverflow) in try type.byteCount() }
      let entry = ArenaPlan.Entry(buffer: buffer, lifetime: lifetime, bytes: bytes, offset: 0)
      if bytes.constantValue == nil { open.append(entry) } else { fixed.append(entry) }
    }
    let plan = try sized { () throws(DimOverflow) in
      let known = fixedPlan(fixed, effort)
      if open.isEmpty { return known }
      var plans = [try slotPlan(open, behind: known), try stackPlan(open, behind: known)]
      if !fixed.isEmpty { plans.append(try stackPlan(fixed + open, behind: fixedPlan([], effort))) }
      return smallest(plans.compactMap { $0 })
    }
    try validate(plan)
    for entry in plan.entries {
      guard let op = function.definingOp(of: entry.buffer) else { continue }
      function.setAttribute("offset", .dims([entry.offset]), of: op)
    }
    return BufferizedHost(function: function, plan: plan, kernels: kernels, parts: parts)
  }

  /// Checks the plan where all sizes are least, where they are alike, and where they differ.
  private func validate(_ plan: ArenaPlan) throws {
    let isFixed = plan.peak.constantValue != nil
    for trial in 0..<(isFixed ? 1 : 3) {
      let instance = try? plan.instance { symbol in
        let bounds = host.symbols[symbol].bounds
        let size = [0, 7, 1 + symbol.index * 37 % 11][trial]
        return min(max(size, bounds.lower ?? 0), bounds.upper ?? .max)
      }
      // Not every choice of sizes is one that the function takes: some buffers would have less than no elements.
      guard let (problem, numbers) = instance else { continue }
      try ApusMemory.validate(numbers, for: problem)
    }
  }

  /// Of several plans the one that takes the least at usual sizes, or else at some others; of equal ones the first.
  private func smallest(_ plans: [ArenaPlan]) -> ArenaPlan {
    func peaks(_ plan: ArenaPlan) -> [Int] {
      let others = SymbolTable.samples.map { (try? plan.peak.evaluate(host.symbols.size(near: $0))) ?? .max }
      return [plan.usualPeak(host.symbols) ?? .max] + others
    }
    let candidates = plans.map { (plan: $0, peaks: peaks($0)) }
    guard var best = candidates.first else { preconditionFailure("there is a plan with slots for any buffers") }
    for candidate in candidates.dropFirst() where candidate.peaks.lexicographicallyPrecedes(best.peaks) { best = candidate }
    return best.plan
  }

  private func fixedPlan(_ fixed: [ArenaPlan.Entry], _ effort: PlanEffort) -> ArenaPlan {
    var fixed = fixed
    let problem = try? Problem(
      buffers: fixed.map {
        .init(lower: $0.lifetime.lowerBound, upper: $0.lifetime.upperBound, size: $0.bytes.constantValue ?? 0)
      }, alignment: ArenaPlan.alignment)
    guard let problem else { preconditionFailure("sizes of buffers are not negative") }
    let start = ApusMemory.plan(problem, effort: effort)
    for (index, offset) in start.offsets.enumerated() { fixed[index].offset = .constant(offset) }
    return ArenaPlan(entries: fixed, peak: .constant(start.peak), method: start.method)
  }

  /// Buffers of open sizes in slots behind those of a plan.
  private func slotPlan(_ open: [ArenaPlan.Entry], behind known: ArenaPlan) throws(DimOverflow) -> ArenaPlan {
    guard let slots = try SlotPlan.smallest(for: open, host.symbols) else { return known }
    let (offsets, peak) = try slots.offsets(behind: known.peak)
    return known.with(open, at: offsets, peak: peak, method: "\(known.method), slots")
  }

  /// Buffers of open sizes on each other behind those of a plan; nothing where that is too long an expression.
  private func stackPlan(_ open: [ArenaPlan.Entry], behind known: ArenaPlan) throws(DimOverflow) -> ArenaPlan? {
    guard let first = known.peak.constantValue, let stack = try StackPlan(open, behind: first, host.symbols) else { return nil }
    let method = known.entries.isEmpty ? "stacks" : "\(known.method), stacks"
    return known.with(open, at: stack.offsets, peak: stack.peak, method: method)
  }

  private func sized<Result>(_ body: () throws(DimOverflow) -> Result) throws(DiagnosticError) -> Result {
    do {
      return try body()
    } catch {
      throw DiagnosticError(id: "memory.overflow", "a buffer does not fit in 64 bits")
    }
  }
}

extension ArenaPlan {
  /// The plan with more entries, at these offsets.
  fileprivate func with(_ more: [Entry], at offsets: [Dim], peak: Dim, method: String) -> ArenaPlan {
    let placed = zip(more, offsets).map { entry, offset in
      var entry = entry
      entry.offset = offset
      return entry
    }
    return ArenaPlan(entries: entries + placed, peak: peak, method: method)
  }
}
