import ApusIR

/// What a worker has drawn since it said so last.
public struct DrawStatistics: Sendable, Equatable {
  /// Ops that were tried, and those among them that the rules of the IR refused.
  public var attempts = 0
  public var refusals = 0
  /// Places of the compiler that were reached so far, where they are counted.
  public var reached: Int?
  /// Places in `DrawCoverage.allPairs` that are new.
  public var pairs: [Int] = []
  /// Edges between ops that are new.
  public var edges: [DrawCoverage.Edge] = []
  /// Modules with one mistake that were tried.
  public var violations = 0
  /// Places in `ViolationGenerator.constraints` that are new.
  public var constraints: [Int] = []

  public init() {}
}

extension DrawStatistics {
  var fields: [String] {
    [
      "\(attempts)", "\(refusals)", reached.map { "\($0)" } ?? "", pairs.map { "\($0)" }.joined(separator: ","),
      edges.map { "\($0.producer.rawValue)>\($0.consumer.rawValue)" }.joined(separator: ","),
      "\(violations)", constraints.map { "\($0)" }.joined(separator: ","),
    ]
  }

  init?(fields: [String]) {
    guard fields.count == 7, let attempts = Int(fields[0]), let refusals = Int(fields[1]), let violations = Int(fields[5]),
      let pairs = Self.places(fields[3], DrawCoverage.allPairs.indices),
      let constraints = Self.places(fields[6], ViolationGenerator.constraints.indices)
    else { return nil }
    (self.attempts, self.refusals, self.violations) = (attempts, refusals, violations)
    (self.pairs, self.constraints) = (pairs, constraints)
    reached = Int(fields[2])
    for text in fields[4].split(separator: ",") {
      let codes = text.split(separator: ">").compactMap { UInt16($0).flatMap { OpCode(rawValue: $0) } }
      guard codes.count == 2 else { return nil }
      edges.append(DrawCoverage.Edge(producer: codes[0], consumer: codes[1]))
    }
  }

  /// The numbers of a list with commas; nil where one of them is no place.
  private static func places(_ text: String, _ all: Range<Int>) -> [Int]? {
    let numbers = text.split(separator: ",").map { Int($0) ?? -1 }
    return numbers.allSatisfy(all.contains) ? numbers : nil
  }
}

/// Finds out what is new in what was drawn.
struct DrawReporting {
  private var attempts = 0
  private var refusals = 0
  private var pairs: Set<DrawCoverage.Pair> = []
  private var edges: Set<DrawCoverage.Edge> = []
  private var violations = 0
  private var rules: Set<String> = []

  private static let places = Dictionary(uniqueKeysWithValues: DrawCoverage.allPairs.enumerated().map { ($1, $0) })

  private static let constraints = Dictionary(
    uniqueKeysWithValues: ViolationGenerator.constraints.enumerated().map { ($1, $0) })

  mutating func news(_ drawn: DrawCoverage, reached: Int?, _ tried: ViolationGenerator) -> DrawStatistics {
    var news = DrawStatistics()
    news.attempts = drawn.attempts - attempts
    news.refusals = drawn.refusalCount - refusals
    news.reached = reached
    (attempts, refusals) = (drawn.attempts, drawn.refusalCount)
    for pair in drawn.pairs.keys where pairs.insert(pair).inserted {
      if let place = Self.places[pair] { news.pairs.append(place) }
    }
    for edge in drawn.edges where edges.insert(edge).inserted { news.edges.append(edge) }
    news.violations = tried.tried - violations
    violations = tried.tried
    for rule in tried.counts.keys where rules.insert(rule).inserted {
      if let place = Self.constraints[rule] { news.constraints.append(place) }
    }
    return news
  }
}
