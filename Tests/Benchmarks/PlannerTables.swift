import ApusMemory
import ApusSupport
import Foundation
import NetworkShapes

/// What the memory planner makes of networks and drawn graphs: counts of bytes, the same on any machine, and times.
///
///     swift run -c release Benchmarks offsets [folder]
///     swift run -c release Benchmarks order
///     swift run -c release Benchmarks placement [MODEL[,INPUT=SIZES…] …]
///     swift run -c release Benchmarks residency [--solver libhighs.so]
enum PlannerTables {
  // R is the smallest budget that works, P the least peak, H half-way between.

  /// Whether the arguments ask for one of the tables; it is printed then.
  static func print(_ arguments: [String]) throws -> Bool {
    switch arguments.first {
    case "order": try printOrders()
    case "offsets": try OffsetTables.print(folder: arguments.dropFirst().first)
    case "placement" where arguments.count > 1: try CompiledPlacements.print(Array(arguments.dropFirst()))
    case "placement": try printPlacements()
    case "residency":
      let override = arguments.firstIndex(of: "--solver").flatMap { arguments.dropFirst($0 + 1).first }
      try printResidency(Solver.find(override: override ?? ProcessInfo.processInfo.environment["APUS_SOLVER"]))
    case _: return false
    }
    return true
  }

  private static func measure<T>(_ body: () throws -> T) rethrows -> (T, String) {
    let start = ContinuousClock.now
    let value = try body()
    let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
    return (value, String(format: "%.1f ms", milliseconds))
  }

  private static func text(_ bytes: Int) -> String {
    bytes == 0 ? "0" : bytes < 100_000 ? "\(bytes) B" : String(format: "%.2f MB", Double(bytes) / 1e6)
  }

  private static func printOrders() throws {
    show("| graph | ops | listed | by levels | quick | bound | | exact | bound | |")
    show("|---|---|---|---|---|---|---|---|---|---|")
    var graphs = try Network.all.map { ($0.name, try $0.graph(false)) }
    for (count, reach) in [(50, 12), (150, 12), (150, 40), (500, 12), (500, 40), (1_500, 12), (5_000, 12), (5_000, 40)] {
      graphs.append(("drawn, \(count) ops, reach \(reach)", try DrawnGraph.graph(count, reach: reach, seed: count + reach)))
    }
    for (name, graph) in graphs {
      let nothing = OrderEffort(states: 0, beam: 0, repairs: 0, cuts: 0)
      let listed = planOrder(graph, effort: nothing).peak
      let wide = planOrder(try graph.reordered(graph.orderByLevels()), effort: nothing).peak
      let (quick, quickTime) = measure { planOrder(graph) }
      let (exact, exactTime) = measure { quick.isProven ? quick : planOrder(graph, effort: .exact) }
      try validate(quick, for: graph)
      try validate(exact, for: graph)
      show(
        "| \(name) | \(graph.ops.count) | \(text(listed)) | \(text(wide)) | \(text(quick.peak)) | \(text(quick.bound)) "
          + "| \(quickTime) | \(text(exact.peak)) | \(text(exact.bound)) | \(quick.isProven ? "–" : exactTime) |")
    }
  }

  /// Bandwidths of a 2-core Zen 4: 118 GB/s from the L2 of 1 MiB, 25 GB/s beyond it, 38 GB/s written past it.
  private static func printPlacements() throws {
    let costs = MemoryCosts(cacheBytes: 1 << 20, near: 1 / 118, far: 1 / 25, streamed: 1 / 38)
    show("| network | listed | found | saved | streamed | reordered | |")
    show("|---|---|---|---|---|---|---|")
    for network in Network.all {
      let graph = try network.graph(true)
      let (found, time) = measure { searchPlacement(graph, costs, moves: 20_000) }
      let saved = 100 * (1 - found.cost / found.listed)
      let isReordered = found.placement.order != Array(graph.ops.indices)
      show(
        "| \(network.name) | \(String(format: "%.0f µs | %.0f µs | %.1f %%", found.listed / 1e3, found.cost / 1e3, saved)) "
          + "| \(found.placement.streamed.count) | \(isReordered ? "yes" : "no") | \(time) |")
    }
  }

  private static func printResidency(_ solver: Solver?) throws {
    let name = solver.flatMap { $0.identify() }.map { "\($0.name) \($0.version)" }
    show("Bytes moved beyond the compulsory ones; solver: \(name ?? "none")")
    show("| network | M | budget | Belady, by levels | Belady | greedy | same order | quick | exact | bound | gap | |")
    show("|---|---|---|---|---|---|---|---|---|---|---|---|")
    var shares: [[Double]] = [[], [], []]
    for hasWeights in [false, true] {
      for network in Network.all {
        let graph = try network.graph(hasWeights)
        let listed = Array(graph.ops.indices)
        let low = try planOrder(graph.withLoadsOnDemand()).order
        let smallest = try ResidencyProblem.limits(graph, order: listed).smallest
        let largest = max(smallest, try ResidencyProblem.limits(graph, order: low).largest)
        for (level, budget) in [("R", smallest), ("H", (smallest + largest) / 2), ("P", largest)] {
          let problem = try ResidencyProblem(graph, order: listed, budget: budget)
          let wide = try? ResidencyProblem(graph, order: graph.orderByLevels(), budget: budget)
          let rules = [wide?.planByBelady().bytes, problem.planByBelady().bytes, problem.planByGreed().bytes]
          let same = planResidency(problem, effort: .exact, solver: solver)
          let (quick, quickTime) = try measure { try planWithin(budget, graph) }
          let (exact, exactTime) = try measure { try planWithin(budget, graph, effort: .exact, solver: solver) }
          for plan in [quick, exact] { try validate(plan.plan, for: plan.problem) }
          try validate(same, for: problem)
          for (index, rule) in rules.enumerated() {
            if let rule, rule > 0 { shares[index].append(1 - Double(exact.plan.bytes) / Double(rule)) }
          }
          let gap = String(format: "%.1f %%", 100 * exact.plan.gap)
          show(
            "| \(network.name)\(hasWeights ? ", weights" : "") | \(level) | \(text(budget)) "
              + "| \(rules[0].map(text) ?? "–") | \(text(rules[1] ?? 0)) | \(text(rules[2] ?? 0)) | \(text(same.bytes)) "
              + "| \(text(quick.plan.bytes)) | \(text(exact.plan.bytes)) | \(text(exact.plan.bound)) | \(gap) "
              + "| \(quickTime), \(exactTime) |")
        }
      }
    }
    for (rule, list) in zip(["Belady, by levels", "Belady", "greedy"], shares) where !list.isEmpty {
      let mean = list.reduce(0, +) / Double(list.count)
      show(String(format: "against %@: %.0f %% fewer on average of %d", rule, 100 * mean, list.count))
    }
  }
}
