import ApusSupport
import Foundation

/// What happens in a campaign, one JSON object a line.
public final class CampaignLog {
  private let file: FileHandle

  /// Goes on with the file if it is there. Throws `file.unwritable`.
  public init(path: String) throws(DiagnosticError) {
    if !FileManager.default.fileExists(atPath: path) { _ = FileManager.default.createFile(atPath: path, contents: nil) }
    guard let file = FileHandle(forWritingAtPath: path) else {
      throw DiagnosticError(id: "file.unwritable", "it cannot be written", at: .file(path))
    }
    _ = try? file.seekToEnd()
    self.file = file
  }

  /// Nothing is said where a line cannot be written: the campaign is worth more than its log.
  func write(_ event: CampaignEvent) {
    guard var line = try? CampaignRecord.encoder.encode(event) else { return }
    line.append(UInt8(ascii: "\n"))
    try? file.write(contentsOf: line)
  }
}

/// A line of the log.
struct CampaignEvent: Encodable {
  enum Kind: String, Encodable {
    case start, failure, statistics, end
  }

  var event: Kind
  /// ISO 8601, UTC.
  var time: String
  /// Since the campaign began.
  var elapsedS: Double
  var settings: Settings?
  var failure: Failed?
  var statistics: Statistics?

  struct Settings: Encodable {
    var schemaVersion = 1
    var seed: UInt64
    var ops: Int
    var workers: Int
    var firstCase: Int
    var cases: Int?
    var timeS: Double?
    var caseTimeoutS: Double
    var passes: String?
    var oracles: [String]
    /// Of how many cases an oracle judges one.
    var shares: [String: Int]
    var corpus: String?
    var versions: [String: String]
  }

  struct Failed: Encodable {
    var key: String
    var oracle: String
    var pass: String?
    var detail: String
    var number: Int
    var ops: Int
    /// Cases that failed so up to now.
    var count: Int
    /// `new`, `smaller`, `known` or `reduced`.
    var news: String
    var folder: String
  }

  struct Statistics: Encodable {
    var cases: Int
    var casesPerS: Double
    var validRate: Double
    var void: [String: Int]
    var failures: Int
    var keys: [String]
    var opsReached: Int
    var opsAll: Int
    var pairsReached: Int
    var pairsAll: Int
    var edgesReached: Int
    var attempts: Int
    var refusals: Int
    var placesReached: Int?
    var violations: Int
    var constraintsReached: Int
    var constraintsAll: Int
    var corpus: Int
    var lostWorkers: Int

    init(_ report: CampaignReport) {
      cases = report.cases
      casesPerS = (report.rate * 100).rounded() / 100
      validRate = report.validRate
      void = report.void
      failures = report.findings.count
      keys = report.findings.list.map(\.key)
      opsReached = report.coverage.ops
      opsAll = CampaignCoverage.allOps
      pairsReached = report.coverage.pairs.count
      pairsAll = DrawCoverage.allPairs.count
      edgesReached = report.coverage.edges.count
      attempts = report.coverage.attempts
      refusals = report.coverage.refusals
      placesReached = report.coverage.reached
      violations = report.coverage.violations
      constraintsReached = report.coverage.constraints.count
      constraintsAll = ViolationGenerator.constraints.count
      corpus = report.corpus
      lostWorkers = report.lostWorkers
    }
  }
}
