import ApusIR
import ApusPasses
import ApusTensor

/// What has been drawn: which ops on which element types, and which op reads what which op makes.
public struct DrawCoverage: Sendable {
  /// An op and the element type of one of its type variables; no type for an op without variables.
  public struct Pair: Hashable, Sendable {
    public var code: OpCode
    public var variable: String
    public var element: ElementType?
  }

  /// An op that reads a result of another.
  public struct Edge: Hashable, Sendable {
    public var producer: OpCode
    public var consumer: OpCode
  }

  public private(set) var pairs: [Pair: Int] = [:]
  public private(set) var edges: Set<Edge> = []
  /// Ops that were tried, and those among them that the rules of the IR refused.
  public private(set) var attempts = 0
  public private(set) var refusals: [Refusal: Int] = [:]

  /// The rule that refused an op which was thought valid.
  public struct Refusal: Hashable, Sendable {
    public var code: OpCode
    public var rule: String
  }

  public init() {}

  /// Every pair that graphs can have.
  public static let allPairs: [Pair] = OpChoice.codes.flatMap { code in
    let variables = code.info.typeVariables
    if variables.isEmpty { return [Pair(code: code, variable: "", element: nil)] }
    return variables.flatMap { variable in
      OpChoice.elements(of: variable, code).map { Pair(code: code, variable: variable.name, element: $0) }
    }
  }

  public var refusalCount: Int { refusals.values.reduce(0, +) }
  public var missingPairs: [Pair] { Self.allPairs.filter { pairs[$0] == nil } }

  func count(_ choice: OpChoice) -> Int { choice.pairs.map { pairs[$0] ?? 0 }.min() ?? 0 }

  mutating func record(_ choice: OpChoice) {
    attempts += 1
    for pair in choice.pairs { pairs[pair, default: 0] += 1 }
  }

  mutating func record(_ edge: Edge) { edges.insert(edge) }

  mutating func recordRefusal(_ code: OpCode, _ rule: String) {
    attempts += 1
    refusals[Refusal(code: code, rule: rule), default: 0] += 1
  }

  /// Adds what somebody else has drawn.
  public mutating func merge(_ other: DrawCoverage) {
    pairs.merge(other.pairs, uniquingKeysWith: +)
    edges.formUnion(other.edges)
    attempts += other.attempts
    refusals.merge(other.refusals, uniquingKeysWith: +)
  }
}

/// An op and the element types of its type variables.
struct OpChoice: Hashable, Sendable {
  var code: OpCode
  var types: [String: ElementType]

  /// The ops of graphs, without those that end blocks.
  static let codes: [OpCode] = OpInfo.all
    .filter { $0.phases.contains(.graph) && !$0.traits.contains(.terminator) }.map(\.code)

  /// The element types that a variable may take; a few ops take fewer than their class says.
  static func elements(of variable: TypeVariable, _ code: OpCode) -> [ElementType] {
    let members = variable.elementClass.members
    return code == .randomBits ? members.filter(\.isUnsignedInteger) : members
  }

  var pairs: [DrawCoverage.Pair] {
    if types.isEmpty { return [DrawCoverage.Pair(code: code, variable: "", element: nil)] }
    return types.map { DrawCoverage.Pair(code: code, variable: $0.key, element: $0.value) }
  }

  /// An op with element types, of `allowed` ones where it takes such, those of `near` values more likely than others; of a few
  /// draws the one that has been seen least.
  static func draw(
    _ draw: inout Draw, _ codes: [OpCode], _ allowed: [ElementType], near: [ElementType], _ coverage: DrawCoverage
  ) -> OpChoice {
    var best: OpChoice?
    let codes = favored(codes, &draw)
    for _ in 0..<3 {
      let code = draw.one(of: codes)
      var types: [String: ElementType] = [:]
      for variable in code.info.typeVariables {
        let all = elements(of: variable, code)
        let common = all.filter(allowed.contains)
        let members = common.isEmpty ? all : common
        // What is converted becomes something else.
        let isNear = draw.chance(code == .convert && variable.name == "U" ? 10 : 80)
        let known = isNear ? near.filter(members.contains) : []
        types[variable.name] = draw.one(of: known.isEmpty ? members : known)
      }
      let choice = OpChoice(code: code, types: types)
      if best.map({ coverage.count(choice) < coverage.count($0) }) ?? true { best = choice }
    }
    guard let best else { preconditionFailure("three are drawn") }
    return best
  }

  /// Of the ops that may be drawn, those of one group or of one rule, now and then: half of the groups are a tenth of the
  /// ops, and those that move elements have many rules and are few.
  private static func favored(_ codes: [OpCode], _ draw: inout Draw) -> [OpCode] {
    var some: [OpCode] = []
    switch draw.int(0...9) {
    case 0...2:
      let group = draw.pick(Set(codes.map(\.info.group)).subtracting(["control", "source"]).sorted())
      some = codes.filter { $0.info.group == group }
    case 3...5:
      let roots = draw.one(of: Canonicalization.roots)
      some = codes.filter(roots.contains)
    case _: break
    }
    return some.isEmpty ? codes : some
  }
}
