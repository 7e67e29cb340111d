import ApusIR

/// How a kernel reads a value, seen from the indices that it computes.
struct Access: Hashable, Sendable {
  enum Pattern: Int, Comparable, Sendable {
    /// Only at the index that is computed.
    case aligned
    /// Each element at most once, at another index.
    case moved
    /// Some elements several times.
    case repeated

    static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  }

  var pattern: Pattern
  /// Whether elements may be left out.
  var isPartial = false
  /// The movement ops on the way.
  private var way = Way()

  static let aligned = Access(.aligned)

  /// - Parameters:
  ///   - op: the movement op that reads, if any.
  ///   - operand: which of its operands.
  init(_ pattern: Pattern, by op: OpID? = nil, operand: Int = 0, isPartial: Bool = false) {
    self.pattern = pattern
    self.isPartial = isPartial
    if let op { way = Way(op, operand) }
  }

  /// The access to a value that is read `inner` by what is itself read so.
  func through(_ inner: Access) -> Access {
    var access = self
    access.pattern = max(pattern, inner.pattern)
    access.isPartial = isPartial || inner.isPartial
    access.way = way.followed(by: inner.way)
    return access
  }

  /// Both accesses to a value together. One element that is reached in the same way twice is read once.
  func and(_ other: Access) -> Access {
    var access = self
    access.isPartial = isPartial && other.isPartial
    access.pattern = way == other.way ? max(pattern, other.pattern) : .repeated
    return access
  }

  /// A sequence of ops as a number: that of two sequences is found from theirs (Karp and Rabin, 1987).
  private struct Way: Hashable, Sendable {
    private static let base: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var hash: UInt64 = 0
    private var power: UInt64 = 1

    init() {}

    init(_ op: OpID, _ operand: Int) {
      hash = UInt64(op.raw) << 16 &+ UInt64(operand) &+ 1
      power = Self.base
    }

    func followed(by next: Way) -> Way {
      var way = Way()
      way.hash = hash &* next.power &+ next.hash
      way.power = power &* next.power
      return way
    }
  }
}

extension Function {
  /// How a kernel reads each of its operands; `nil` for those that it does not read.
  func accesses(of kernel: OpID) -> [Access?] {
    let body = region(0, of: kernel)
    var found: [ValueID: Access] = [:]
    func note(_ value: ValueID, _ access: Access) { found[value] = found[value].map { $0.and(access) } ?? access }
    for op in ops(in: body).reversed() {
      if opcode(of: op).isTerminator {
        for value in operands(of: op) { note(value, .aligned) }
        continue
      }
      let reads = results(of: op).compactMap { found[$0] }
      guard let first = reads.first else { continue }
      let outer = reads.dropFirst().reduce(first) { $0.and($1) }
      for (index, operand) in operands(of: op).enumerated() { note(operand, access(of: op, to: index, read: outer)) }
    }
    return parameters(of: body).map { found[$0] }
  }

  /// How an op that is read `outer` reads one of its operands.
  private func access(of op: OpID, to index: Int, read outer: Access) -> Access {
    let code = opcode(of: op)
    if code.isElementwise { return outer }
    // A reduction goes over its row once, however often its result is read.
    if code.isReduction { return .aligned }
    switch code {
    case .concat: return outer.through(Access(.moved, by: op, operand: index))
    case .transpose, .reverse, .reshape: return outer.through(Access(.moved, by: op))
    case .slice: return outer.through(Access(.moved, by: op, isPartial: true))
    case .pad: return outer.through(Access(index == 0 ? .moved : .repeated, by: op, operand: index))
    case .broadcast: return outer.through(Access(isRepeating(op) ? .repeated : .moved, by: op))
    case .gatherElements where index == 1: return outer
    case .gather where index == 1 && type(of: operand(0, of: op)).rank == 1: return outer
    case .dynamicSlice where index == 0: return outer.through(Access(.moved, by: op, isPartial: true))
    case .gather, .gatherElements, .gatherNd, .dynamicSlice:
      return outer.through(Access(.repeated, by: op, isPartial: true))
    case _: return Access(.repeated, by: op)
    }
  }

  /// Whether a broadcast makes several elements of one.
  private func isRepeating(_ op: OpID) -> Bool {
    let source = type(of: operand(0, of: op)).dims
    let result = type(of: result(of: op)).dims
    return source.filter { $0 != 1 } != result.filter { $0 != 1 }
  }
}
