import ApusSupport
import Foundation
import NetworkShapes
import Testing

@testable import ApusMemory

#if os(Linux)
  /// A solver that fails, in each way that we can think of.
  @Suite struct SolverTests {
    /// A plan that our own search does not find or prove within the effort that is used here.
    private let problem: ResidencyProblem
    private let effort = ResidencyEffort(states: 60, rounds: 3, seconds: 0.1)

    init() throws {
      let graph = try DrawnGraph.graph(60, reach: 12, seed: 5)
      let order = Array(graph.ops.indices)
      let (smallest, largest) = try ResidencyProblem.limits(graph, order: order)
      problem = try ResidencyProblem(graph, order: order, budget: smallest + (largest - smallest) / 4)
    }

    /// The stub under a name that says what it does wrong.
    private func withSolver<T>(_ fault: String, _ body: (Solver) throws -> T) throws -> T {
      let folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      let library = folder.appending(path: "libFaultySolver.so")
      try #require(FileManager.default.fileExists(atPath: library.path))
      let place = FileManager.default.temporaryDirectory.appending(path: "apus-solver-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: place) }
      let link = place.appending(path: "lib\(fault).so")
      try FileManager.default.createSymbolicLink(at: link, withDestinationURL: library)
      return try body(Solver(library: link.path))
    }

    /// The least bytes that our own search finds and proves.
    private func optimum() throws -> Int {
      let plan = planResidency(problem, effort: ResidencyEffort(states: 400_000, rounds: 300, seconds: 0))
      try #require(plan.isProven)
      return plan.bytes
    }

    @Test(arguments: [
      "crash-on-load", "crash-on-run", "crash-on-solution", "abort", "exit", "scribble", "null",
      "hang-on-load", "hang-on-run", "stop", "nan", "huge", "half", "infeasible", "zero", "wrong-objective", "wrong-bound",
    ])
    func failuresLeaveAPlanAndARemark(fault: String) throws {
      let plan = try withSolver(fault) { planResidency(problem, effort: effort, solver: $0) }
      try validate(plan, for: problem)
      #expect(plan.remark != nil)
      #expect(plan.bytes <= problem.planByBelady().bytes)
      let optimum = try optimum()
      #expect(plan.bytes >= optimum && plan.bound <= optimum)
      #expect(plan.claimedBound == nil)
    }

    /// What it claims is told apart from what is proven, and is no proof.
    @Test(arguments: ["plain", "loud", "descendant", "no-version", "nan-bound"])
    func claimsAreNoProofs(fault: String) throws {
      let alone = planResidency(problem, effort: effort)
      #expect(!alone.isProven)
      let plan = try withSolver(fault) { planResidency(problem, effort: effort, solver: $0) }
      try validate(plan, for: problem)
      #expect(plan.bound <= (try optimum()))
      #expect(!plan.isProven && plan.gap > 0)
      if fault != "nan-bound" { #expect((plan.claimedBound ?? 0) > plan.bound) }
    }

    @Test func betterPlansAreTaken() throws {
      var improved = 0
      for seed in 0..<40 {
        let graph = try DrawnGraph.graph(12, reach: 6, seed: seed)
        let order = Array(graph.ops.indices)
        let (smallest, largest) = try ResidencyProblem.limits(graph, order: order)
        let problem = try ResidencyProblem(graph, order: order, budget: (smallest + largest) / 2)
        let nothing = ResidencyEffort(states: 0, rounds: 0, seconds: 2)
        let alone = planResidency(problem, effort: nothing)
        let exact = planResidency(problem)
        if alone.isProven || alone.bytes == exact.bytes { continue }
        let plan = try withSolver("right") { planResidency(problem, by: $0, seconds: 2) }
        try validate(plan, for: problem)
        if plan.remark == nil, plan.bytes == exact.bytes { improved += 1 }
      }
      #expect(improved > 2)
    }

    @Test func librariesThatAreNoSolversAreNotFound() throws {
      #expect(Solver(library: "/nowhere/libhighs.so").identify() == nil)
      #expect(Solver(library: "libc.so.6").identify() == nil)
      #expect(Solver.find(override: "/nowhere/libhighs.so") == nil)
      let plan = planResidency(problem, effort: effort, solver: Solver(library: "libm.so.6"))
      try validate(plan, for: problem)
      #expect(plan.remark?.contains("libm.so.6") == true)
      let identity = try withSolver("no-version") { $0.identify() }
      #expect(identity?.name == "HiGHS")
      #expect((identity?.version.utf8.count ?? 99) < 32)
      #expect(try withSolver("crash-on-load") { $0.identify() } == nil)
    }

    /// What is installed agrees with our own search.
    @Test func installedSolversAgree() throws {
      guard let solver = Solver.find(override: ProcessInfo.processInfo.environment["APUS_SOLVER"]) else { return }
      let plan = planResidency(problem, by: solver, seconds: 20)
      try validate(plan, for: problem)
      #expect(plan.remark == nil)
      #expect(plan.bytes == (try optimum()))
      #expect(plan.claimedBound == plan.bytes)
    }
  }
#endif
