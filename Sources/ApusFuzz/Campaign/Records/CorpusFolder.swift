import ApusCompiler
import ApusSupport
import ApusTensor
import Foundation

/// The folder in which a campaign lasts: a later one goes on from it.
///
///     campaign.json     how far it got, and what it has found
///     cases/            what was worth keeping
///     failures/         a folder for each failure
public struct CorpusFolder: Sendable {
  public let path: String

  public init(_ path: String) { self.path = path }

  public var failures: String { path + "/failures" }
  private var cases: String { path + "/cases" }
  private var record: String { path + "/campaign.json" }

  /// What an earlier campaign has left; nil where there was none.
  ///
  /// Throws `fuzz.corpus` for a file that no campaign wrote, and what reading files throws.
  func load() throws(DiagnosticError) -> CampaignRecord? {
    guard FileManager.default.fileExists(atPath: record) else { return nil }
    let bytes = try FileBytes(path: record).storage.withUnsafeBytes { Data($0) }
    do {
      return try CampaignRecord.decoder.decode(CampaignRecord.self, from: bytes)
    } catch {
      throw DiagnosticError(id: "fuzz.corpus", "no campaign of this version wrote it", at: .file(record))
    }
  }

  /// The cases that earlier campaigns kept. Throws what reading files throws.
  func loadCases() throws(DiagnosticError) -> [CaseText] {
    var texts: [CaseText] = []
    let names = (try? FileManager.default.contentsOfDirectory(atPath: cases)) ?? []
    for name in names.sorted() where name.hasSuffix(".ir") { texts.append(try CaseText(path: "\(cases)/\(name)")) }
    return texts
  }

  /// Throws `file.unwritable`.
  func save(_ state: CampaignRecord) throws(DiagnosticError) {
    try Folder.make(path)
    guard let bytes = try? CampaignRecord.encoder.encode(state) else { return }
    try TextFile.write(String(decoding: bytes, as: UTF8.self) + "\n", path: record)
  }

  /// Throws `file.unwritable`.
  func keep(_ text: CaseText, number: Int) throws(DiagnosticError) {
    try Folder.make(cases)
    try text.write(named: "case-\(number)", in: cases)
  }
}

/// What lasts of a campaign beside its cases.
struct CampaignRecord: Codable {
  struct Failed: Codable {
    var oracle: String
    var pass: String?
    var detail: String
    var number: Int
    var ops: Int
    var count: Int
    var isReduced: Bool
  }

  var schemaVersion = 1
  var seed: UInt64
  /// The number from which to go on.
  var nextCase: Int
  var cases: Int
  var invalid: Int
  var void: [String: Int]
  var corpus: Int
  var lostWorkers: Int
  var coverage: CampaignCoverage.Record
  var failures: [Failed]

  init(seed: UInt64, nextCase: Int, _ report: CampaignReport) {
    self.seed = seed
    self.nextCase = nextCase
    cases = report.cases
    invalid = report.invalid
    void = report.void
    corpus = report.corpus
    lostWorkers = report.lostWorkers
    coverage = report.coverage.record
    failures = report.findings.list.map {
      Failed(
        oracle: $0.failure.oracle.rawValue, pass: $0.failure.pass, detail: $0.failure.detail, number: $0.number,
        ops: $0.ops, count: $0.count, isReduced: $0.isReduced)
    }
  }

  /// The report from which a campaign goes on; the cases of its failures come from `folder`.
  func report(_ folder: FailureFolder) -> CampaignReport {
    var report = CampaignReport()
    report.cases = cases
    report.invalid = invalid
    report.void = void
    report.corpus = corpus
    report.lostWorkers = lostWorkers
    report.coverage = CampaignCoverage(coverage)
    report.findings = Findings(
      failures.compactMap { failed in
        guard let oracle = Oracle(rawValue: failed.oracle) else { return nil }
        let failure = Failure(oracle, after: failed.pass, failed.detail)
        var finding = Finding(
          failure, number: failed.number, ops: failed.ops, text: folder.text(of: failure.key))
        finding.count = failed.count
        finding.isReduced = failed.isReduced
        return finding
      })
    return report
  }

  static let encoder: JSONEncoder = {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }()

  static let decoder: JSONDecoder = {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return decoder
  }()
}

/// Folders that files are written to.
enum Folder {
  /// Throws `file.unwritable` where it is not there afterwards.
  static func make(_ path: String) throws(DiagnosticError) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw DiagnosticError(id: "file.unwritable", "the folder cannot be made", at: .file(path))
    }
  }
}
