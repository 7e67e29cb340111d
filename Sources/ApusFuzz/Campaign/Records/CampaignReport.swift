import ApusIR

/// What a campaign has done so far.
public struct CampaignReport: Sendable {
  /// Cases that were judged, by this campaign and those that it goes on from.
  public var cases = 0
  /// Cases among them of this campaign, and how long it took.
  public var ownCases = 0
  public var elapsed = Duration.zero
  /// Modules that the verifier refused as they were drawn.
  public var invalid = 0
  /// Cases that say nothing, by reason: no inputs were found, a run took too long.
  public var void: [String: Int] = [:]
  public var findings = Findings()
  /// Cases that were worth keeping.
  public var corpus = 0
  /// Workers that ended in the middle of a case.
  public var lostWorkers = 0
  public var coverage = CampaignCoverage()

  public init() {}

  /// Cases of this campaign a second.
  public var rate: Double {
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
    return seconds > 0 ? Double(ownCases) / seconds : 0
  }

  /// The share of drawn modules that are valid.
  public var validRate: Double { cases == 0 ? 1 : 1 - Double(invalid) / Double(cases) }
  public var voidCount: Int { void.values.reduce(0, +) }
}

/// What all workers together have drawn.
public struct CampaignCoverage: Sendable {
  /// Places in `DrawCoverage.allPairs`.
  public private(set) var pairs: Set<Int> = []
  public private(set) var edges: Set<DrawCoverage.Edge> = []
  /// Ops that were tried, and those among them that the rules of the IR refused.
  public private(set) var attempts = 0
  public private(set) var refusals = 0
  /// The most places of the compiler that a worker reached, where they are counted.
  public private(set) var reached: Int?
  /// Modules with one mistake that the verifier was tried on.
  public private(set) var violations = 0
  /// Places in `ViolationGenerator.constraints` that were broken.
  public private(set) var constraints: Set<Int> = []

  public init() {}

  public mutating func add(_ statistics: DrawStatistics) {
    pairs.formUnion(statistics.pairs)
    edges.formUnion(statistics.edges)
    attempts += statistics.attempts
    refusals += statistics.refusals
    violations += statistics.violations
    constraints.formUnion(statistics.constraints)
    if let count = statistics.reached { reached = max(reached ?? 0, count) }
  }

  public var ops: Int { Set(pairs.map { DrawCoverage.allPairs[$0].code }).count }
  public static let allOps = Set(DrawCoverage.allPairs.map(\.code)).count

  /// Pairs that no case has had, as people read them: `add T=f32`.
  public var missingPairs: [String] {
    DrawCoverage.allPairs.indices.filter { !pairs.contains($0) }.map { Self.name(DrawCoverage.allPairs[$0]) }
  }

  /// Numbered constraints that no module has broken.
  public var missingConstraints: [String] {
    ViolationGenerator.constraints.indices.filter { !constraints.contains($0) }.map { ViolationGenerator.constraints[$0] }
  }

  private static func name(_ pair: DrawCoverage.Pair) -> String {
    pair.element.map { "\(pair.code.name) \(pair.variable)=\($0.name)" } ?? pair.code.name
  }
}

extension CampaignCoverage {
  /// What files keep: names, as numbers change with the ops that there are.
  struct Record: Codable {
    var pairs: [String]
    var edges: [[String]]
    var attempts: Int
    var refusals: Int
    /// Unknown to what older versions wrote.
    var violations: Int?
    var constraints: [String]?
  }

  var record: Record {
    Record(
      pairs: pairs.sorted().map { Self.name(DrawCoverage.allPairs[$0]) },
      edges: edges.map { [$0.producer.name, $0.consumer.name] }.sorted { $0.joined(separator: " ") < $1.joined(separator: " ") },
      attempts: attempts, refusals: refusals, violations: violations,
      constraints: constraints.sorted().map { ViolationGenerator.constraints[$0] })
  }

  init(_ record: Record) {
    let places = Dictionary(uniqueKeysWithValues: DrawCoverage.allPairs.enumerated().map { (Self.name($1), $0) })
    let codes = Dictionary(uniqueKeysWithValues: OpCode.allCases.map { ($0.name, $0) })
    pairs = Set(record.pairs.compactMap { places[$0] })
    for names in record.edges where names.count == 2 {
      guard let producer = codes[names[0]], let consumer = codes[names[1]] else { continue }
      edges.insert(DrawCoverage.Edge(producer: producer, consumer: consumer))
    }
    (attempts, refusals, violations) = (record.attempts, record.refusals, record.violations ?? 0)
    constraints = Set((record.constraints ?? []).compactMap { ViolationGenerator.constraints.firstIndex(of: $0) })
  }
}
