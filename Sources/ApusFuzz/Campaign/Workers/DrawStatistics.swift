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

  public init() {}
}

extension DrawStatistics {
  var fields: [String] {
    [
      "\(attempts)", "\(refusals)", reached.map { "\($0)" } ?? "", pairs.map { "\($0)" }.joined(separator: ","),
      edges.map { "\($0.producer.rawValue)>\($0.consumer.rawValue)" }.joined(separator: ","),
    ]
  }

  init?(fields: [String]) {
    guard fields.count == 5, let attempts = Int(fields[0]), let refusals = Int(fields[1]) else { return nil }
    self.attempts = attempts
    self.refusals = refusals
    reached = Int(fields[2])
    for text in fields[3].split(separator: ",") {
      guard let pair = Int(text), DrawCoverage.allPairs.indices.contains(pair) else { return nil }
      pairs.append(pair)
    }
    for text in fields[4].split(separator: ",") {
      let codes = text.split(separator: ">").compactMap { UInt16($0).flatMap { OpCode(rawValue: $0) } }
      guard codes.count == 2 else { return nil }
      edges.append(DrawCoverage.Edge(producer: codes[0], consumer: codes[1]))
    }
  }
}

/// Finds out what is new in what was drawn.
struct DrawReporting {
  private var attempts = 0
  private var refusals = 0
  private var pairs: Set<DrawCoverage.Pair> = []
  private var edges: Set<DrawCoverage.Edge> = []

  private static let places = Dictionary(uniqueKeysWithValues: DrawCoverage.allPairs.enumerated().map { ($1, $0) })

  mutating func news(_ drawn: DrawCoverage, reached: Int?) -> DrawStatistics {
    var news = DrawStatistics()
    news.attempts = drawn.attempts - attempts
    news.refusals = drawn.refusalCount - refusals
    news.reached = reached
    (attempts, refusals) = (drawn.attempts, drawn.refusalCount)
    for pair in drawn.pairs.keys where pairs.insert(pair).inserted {
      if let place = Self.places[pair] { news.pairs.append(place) }
    }
    for edge in drawn.edges where edges.insert(edge).inserted { news.edges.append(edge) }
    return news
  }
}
