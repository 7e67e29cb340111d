import ApusSupport
import Testing

@testable import ApusMemory

@Suite struct MemoryTests {
  @Test(arguments: 0..<50) func greedyPlansAreValidAndNotBelowTheBound(seed: Int) throws {
    var generator = SplitMix64(seed: UInt64(seed))
    let buffers = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
      let lower = Int.random(in: 0...40, using: &generator)
      return Problem.Buffer(
        lower: lower, upper: lower + Int.random(in: 0...12, using: &generator),
        size: Int.random(in: 0...5_000, using: &generator))
    }
    let problem = try Problem(buffers: buffers)
    let plan = planGreedily(problem)
    try validate(plan, for: problem)
    #expect(plan.peak >= plan.bound)
    #expect(plan.bound == problem.maximumLive())
  }

  @Test func disjointLifetimesShareMemory() throws {
    let problem = try Problem(buffers: [
      .init(lower: 0, upper: 2, size: 100), .init(lower: 2, upper: 3, size: 100), .init(lower: 1, upper: 3, size: 64),
    ])
    let plan = planGreedily(problem)
    #expect(plan.peak == 192)
    #expect(plan.gap == 0)
  }

  @Test func validatorRejectsFaultyPlans() throws {
    let problem = try Problem(buffers: [.init(lower: 0, upper: 2, size: 100), .init(lower: 1, upper: 3, size: 100)])
    let good = planGreedily(problem)
    try validate(good, for: problem)
    let faults: [Plan] = [
      Plan(offsets: [0], peak: 256, bound: 256, method: ""),
      Plan(offsets: [0, 64], peak: 256, bound: 256, method: ""),
      Plan(offsets: [128, 64], peak: 256, bound: 256, method: ""),
      Plan(offsets: [0, 100], peak: 256, bound: 256, method: ""),
      Plan(offsets: [-64, 128], peak: 256, bound: 256, method: ""),
      Plan(offsets: [0, 192], peak: 256, bound: 256, method: ""),
      Plan(offsets: [0, .max - 63], peak: 256, bound: 256, method: ""),
    ]
    for plan in faults {
      #expect(id { try validate(plan, for: problem) } == "memory.invalid")
    }
  }

  @Test func sizesThatOverflowAreRefused() {
    let large = [Problem.Buffer(lower: 0, upper: 1, size: .max), Problem.Buffer(lower: 0, upper: 1, size: 2)]
    #expect(id { _ = try Problem(buffers: large) } == "memory.overflow")
    #expect(id { _ = try Problem(buffers: [.init(lower: 1, upper: 0, size: 2)]) } == "memory.problem")
    #expect(id { _ = try Problem(buffers: [.init(lower: 0, upper: 1, size: -1)]) } == "memory.problem")
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
