import ApusMemory
import ApusSupport
import Foundation

/// What the planner of offsets makes of MiniMalloc's instances, and of very many buffers.
///
///     swift run -c release Benchmarks offsets [folder]
///
/// The folder holds `A.1048576.csv` to `K.1048576.csv`; without it, drawn buffers alone are planned.
enum OffsetTables {
  static func print(folder: String?) throws {
    if let folder { try printInstances(folder) }
    show("| buffers | planned in | validated in | peak | bound | gap |")
    show("|---|---|---|---|---|---|")
    for count in [200, 2_000, 20_000, 1_000_000] {
      let problem = try Self.drawn(count)
      let (found, planning) = measure { plan(problem) }
      let (_, checking) = try measure { try validate(found, for: problem) }
      show(
        "| \(count) | \(planning) | \(checking) | \(found.peak) | \(found.bound) | \(percent(found.gap)) |")
    }
  }

  private static func printInstances(_ folder: String) throws {
    show("| instance | buffers | at 1 048 576 | placements | time | least capacity | bound | gap | time |")
    show("|---|---|---|---|---|---|---|---|---|")
    for name in "ABCDEFGHIJK" {
      let problem = try read(folder + "/\(name).1048576.csv")
      let (fitted, time) = measure { fit(problem, capacity: 1 << 20, effort: .exact(nodes: 100_000_000)) }
      guard case .plan(let found) = fitted else {
        show("| \(name) | \(problem.buffers.count) | not found |")
        continue
      }
      try validate(found, for: problem)
      let (least, leastTime) = measure { plan(problem, effort: .exact) }
      try validate(least, for: problem)
      show(
        "| \(name) | \(problem.buffers.count) | \(found.peak) | \(found.nodes) | \(time) | \(least.peak) | \(least.bound) "
          + "| \(percent(least.gap)) | \(leastTime) |")
    }
  }

  /// Most live for a few steps, some for hundreds, few for a large part of the time.
  private static func drawn(_ count: Int) throws -> Problem {
    var random = SplitMix64(seed: 7)
    return try Problem(
      buffers: (0..<count).map { index in
        let kind = Int.random(in: 0..<100, using: &random)
        let longest = kind < 85 ? 6 : kind < 98 ? 400 : max(count / 4, 2)
        let lower = index / 2
        return .init(
          lower: lower, upper: lower + Int.random(in: 1...longest, using: &random),
          size: 64 * Int.random(in: 1...(kind < 98 ? 4_096 : 64), using: &random))
      })
  }

  private static func read(_ path: String) throws -> Problem {
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(whereSeparator: \.isNewline).dropFirst()
    return try Problem(
      buffers: lines.map { line in
        let numbers = line.split(separator: ",").map { Int($0) ?? 0 }
        return .init(lower: numbers[1], upper: numbers[2], size: numbers[3])
      }, alignment: 1)
  }

  private static func measure<T>(_ body: () throws -> T) rethrows -> (T, String) {
    let start = ContinuousClock.now
    let value = try body()
    return (value, String(format: "%.1f ms", (ContinuousClock.now - start) / .milliseconds(1)))
  }

  private static func percent(_ gap: Double) -> String { String(format: "%.2f %%", gap * 100) }
}
