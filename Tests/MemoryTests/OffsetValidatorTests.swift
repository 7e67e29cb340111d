import ApusSupport
import Testing

@testable import ApusMemory

@Suite struct OffsetValidatorTests {
  /// How a plan is broken.
  enum Mutation: CaseIterable {
    case overlap, misaligned, beyondPeak, negative, missingOffset, spareOffset, lowerPeak, boundAbovePeak, boundAboveLive
  }

  /// 1 000 plans, each broken in one place; that it is broken is proven by looking at all pairs.
  @Test func rejectsAllMutatedPlans() throws {
    var random = SplitMix64(seed: 2_026)
    var broken = 0
    var kinds: Set<Mutation> = []
    while broken < 1_000 {
      let crowded = try OffsetTests.crowded(
        count: Int.random(in: 2...30, using: &random), steps: 12, sizes: 1...900, seed: broken)
      let problem = try Problem(buffers: crowded.buffers, alignment: 64)
      let plan = broken % 2 == 0 ? planGreedily(problem) : ApusMemory.plan(problem)
      try validate(plan, for: problem)
      for mutation in Mutation.allCases where broken < 1_000 {
        let mutated = plan.mutated(mutation, in: problem, using: &random)
        guard problem.isBroken(mutated) else { continue }
        #expect(id { try validate(mutated, for: problem) } == "memory.invalid", "\(mutation) of \(problem)")
        broken += 1
        kinds.insert(mutation)
      }
    }
    #expect(kinds.count == Mutation.allCases.count)
  }

  /// Plans with random offsets, most of them broken: the sweep and the pairs agree.
  @Test(arguments: 0..<100) func agreesWithAllPairs(seed: Int) throws {
    var random = SplitMix64(seed: UInt64(seed))
    let problem = try OffsetTests.crowded(count: 5, steps: 9, sizes: 1...6, seed: seed)
    for _ in 0..<20 {
      let plan = Plan(
        offsets: problem.buffers.map { _ in Int.random(in: -1...30, using: &random) }, peak: 32, bound: 1, method: "drawn")
      #expect((id { try validate(plan, for: problem) } != nil) == problem.isBroken(plan))
    }
  }

  @Test func manyLiveBuffersAreCheckedQuickly() throws {
    // All begin before any ends: a list that is searched or moved for each would take minutes.
    let count = 100_000
    let problem = try Problem(
      buffers: (0..<count).map { .init(lower: $0, upper: count + $0, size: 64) })
    var plan = Plan(
      offsets: (0..<count).map { ($0 * 7_919 % count) * 64 }, peak: count * 64, bound: count * 64, method: "drawn")
    try validate(plan, for: problem)
    plan.offsets.swapAt(0, count - 1)
    try validate(plan, for: problem)
    plan.offsets[count / 2] = plan.offsets[count / 2 + 1]
    #expect(id { try validate(plan, for: problem) } == "memory.invalid")
  }

  private func id(_ body: () throws -> Void) -> String? {
    do {
      try body()
      return nil
    } catch {
      return (error as? DiagnosticError)?.diagnostics.first?.id
    }
  }
}

extension Plan {
  fileprivate func mutated(
    _ mutation: OffsetValidatorTests.Mutation, in problem: Problem, using random: inout SplitMix64
  ) -> Plan {
    var plan = self
    let index = Int.random(in: 0..<offsets.count, using: &random)
    switch mutation {
    case .overlap:
      let others = problem.buffers.indices.filter {
        $0 != index && problem.buffers[$0].overlapsInTime(problem.buffers[index])
      }
      if let other = others.randomElement(using: &random) { plan.offsets[index] = plan.offsets[other] }
    case .misaligned: plan.offsets[index] += Int.random(in: 1..<problem.alignment, using: &random)
    case .beyondPeak: plan.offsets[index] = plan.peak - plan.peak % problem.alignment
    case .negative: plan.offsets[index] = -problem.alignment * Int.random(in: 1...9, using: &random)
    case .missingOffset: plan.offsets.remove(at: index)
    case .spareOffset: plan.offsets.append(0)
    case .lowerPeak:
      let ends = problem.buffers.indices.map { plan.offsets[$0] + problem.buffers[$0].size }
      plan.peak = (ends.max() ?? 0) - 1
      plan.bound = min(plan.bound, plan.peak)
    case .boundAbovePeak: plan.bound = plan.peak + problem.alignment
    case .boundAboveLive:
      plan.peak += problem.alignment
      plan.bound = plan.peak
    }
    return plan
  }
}
