import ApusFuzz
import Foundation

/// What `apus fuzz` says of a campaign.
enum CampaignText {
  /// One line, for a terminal.
  static func progress(_ report: CampaignReport, _ settings: CampaignSettings) -> String {
    let coverage = report.coverage
    var text = "\(report.cases) cases, \(report.rate.rounded(to: 0).short)/s, \(report.findings.list.count) failures"
    text += ", \(coverage.ops)/\(CampaignCoverage.allOps) ops, \(coverage.pairs.count)/\(DrawCoverage.allPairs.count) pairs"
    if let reached = coverage.reached { text += ", \(reached) places" }
    let end = settings.time.map { " of \($0.seconds.rounded(to: 0).short) s" } ?? ""
    return text + " (\(report.elapsed.seconds.rounded(to: 0).short) s\(end))"
  }

  static func summary(_ report: CampaignReport, _ settings: CampaignSettings) -> String {
    let coverage = report.coverage
    var lines = [
      "seed: \(settings.cases.seed)",
      "cases: \(report.cases), \(report.rate.rounded(to: 1)) a second with \(settings.workers) workers",
      "valid graphs: \((report.validRate * 100).rounded(to: 3)) %",
      "ops: \(coverage.ops) of \(CampaignCoverage.allOps)",
      "op and type pairs: \(coverage.pairs.count) of \(DrawCoverage.allPairs.count)",
      "op to op edges: \(coverage.edges.count)",
    ]
    if coverage.violations > 0 {
      let reached = "\(coverage.constraints.count) of \(ViolationGenerator.constraints.count)"
      lines.append("modules with one mistake: \(coverage.violations), which break \(reached) constraints")
    }
    if let reached = coverage.reached { lines.append("places of the compiler: \(reached)") }
    if report.corpus > 0 { lines.append("cases kept: \(report.corpus)") }
    if report.voidCount > 0 {
      let reasons = report.void.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.key) \($0.value)" }
      lines.append("cases that say nothing: \(report.voidCount) (\(reasons.joined(separator: ", ")))")
    }
    if report.lostWorkers > 0 { lines.append("workers lost: \(report.lostWorkers)") }
    lines.append("failures: \(report.findings.count) cases, \(report.findings.list.count) kinds")
    for finding in report.findings.list {
      let detail = finding.failure.detail.split(separator: "\n").first.map { String($0.prefix(120)) } ?? ""
      lines.append("  \(finding.key): \(finding.count) cases, \(finding.ops) ops, \(settings.failures.folder(finding.key))")
      if !detail.isEmpty { lines.append("    \(detail)") }
    }
    return lines.joined(separator: "\n")
  }

  static func members(_ report: CampaignReport, _ settings: CampaignSettings) -> [(String, JSONValue)] {
    let coverage = report.coverage
    return [
      ("seed", .int(Int(settings.cases.seed))), ("workers", .int(settings.workers)), ("cases", .int(report.cases)),
      ("elapsed_s", .number(report.elapsed.seconds.rounded(to: 3))), ("cases_per_s", .number(report.rate.rounded(to: 2))),
      ("valid_rate", .number(report.validRate)), ("ops_reached", .int(coverage.ops)),
      ("ops_all", .int(CampaignCoverage.allOps)), ("pairs_reached", .int(coverage.pairs.count)),
      ("pairs_all", .int(DrawCoverage.allPairs.count)), ("edges_reached", .int(coverage.edges.count)),
      ("missing_pairs", .list(coverage.missingPairs.map { .string($0) })),
      ("violations", .int(coverage.violations)), ("constraints_reached", .int(coverage.constraints.count)),
      ("constraints_all", .int(ViolationGenerator.constraints.count)),
      ("missing_constraints", .list(coverage.missingConstraints.map { .string($0) })),
      ("places_reached", coverage.reached.map { .int($0) } ?? .null), ("kept", .int(report.corpus)),
      ("void", .object(report.void.sorted { $0.key < $1.key }.map { ($0.key, .int($0.value)) })),
      ("lost_workers", .int(report.lostWorkers)), ("failed_cases", .int(report.findings.count)),
      (
        "failures",
        .list(
          report.findings.list.map {
            .object([
              ("key", .string($0.key)), ("oracle", .string($0.failure.oracle.rawValue)),
              ("pass", $0.failure.pass.map { .string($0) } ?? .null), ("detail", .string($0.failure.detail)),
              ("case", .int($0.number)), ("count", .int($0.count)), ("ops", .int($0.ops)),
              ("reduced", .bool($0.isReduced)), ("folder", .string(settings.failures.folder($0.key))),
            ])
          })
      ),
    ]
  }
}

extension Double {
  /// Without the point of a whole number.
  fileprivate var short: String { String(format: "%.0f", self) }
}

/// A line on a terminal that is written again and again; elsewhere nothing.
final class StatusLine {
  private let isShown: Bool
  private var isThere = false

  init(isQuiet: Bool) { isShown = Console.isTerminal && !isQuiet }

  func show(_ text: String) {
    guard isShown else { return }
    isThere = true
    Console.say("\r\u{1B}[2K\(text)")
  }

  /// Leaves the line empty for what comes after.
  func clear() {
    guard isThere else { return }
    isThere = false
    Console.say("\r\u{1B}[2K")
  }
}
