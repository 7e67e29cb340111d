/// A failure, and how often one like it was met.
public struct Finding: Sendable {
  /// Of the smallest case.
  public var failure: Failure
  /// The number of the case that it was found in.
  public var number: Int
  /// Ops of the smallest case.
  public var ops: Int
  /// The smallest case; nil where it could not be drawn.
  public var text: CaseText?
  /// How many cases failed so.
  public var count = 1
  /// Whether the smallest case is what reducing has left.
  public var isReduced = false

  public var key: String { failure.key }

  public init(_ failure: Failure, number: Int, ops: Int, text: CaseText?) {
    self.failure = failure
    self.number = number
    self.ops = ops
    self.text = text
  }
}

/// Failures, told apart by what failed and after which pass: the smallest case of each is kept, the others are counted.
public struct Findings: Sendable {
  /// What one more failure means.
  public enum News: Sendable {
    case new
    /// A smaller case of a failure that is known.
    case smaller
    case known
  }

  private var byKey: [String: Finding] = [:]

  public init(_ findings: [Finding] = []) {
    for finding in findings { byKey[finding.key] = finding }
  }

  /// In the order of their keys.
  public var list: [Finding] { byKey.values.sorted { $0.key < $1.key } }
  public var isEmpty: Bool { byKey.isEmpty }
  /// Cases that failed.
  public var count: Int { byKey.values.reduce(0) { $0 + $1.count } }

  public subscript(key: String) -> Finding? { byKey[key] }

  public mutating func record(_ finding: Finding) -> News {
    guard var known = byKey[finding.key] else {
      byKey[finding.key] = finding
      return .new
    }
    known.count += finding.count
    defer { byKey[finding.key] = known }
    guard finding.ops < known.ops || known.text == nil && finding.text != nil else { return .known }
    let count = known.count
    known = finding
    known.count = count
    return .smaller
  }

  /// Replaces the case of a failure by what reducing it has left.
  public mutating func replace(_ key: String, by failure: Failure, _ text: CaseText, ops: Int) {
    guard failure.key == key, var finding = byKey[key] else { return }
    (finding.failure, finding.text, finding.ops, finding.isReduced) = (failure, text, ops, true)
    byKey[key] = finding
  }
}
