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

  static let aligned = Access(pattern: .aligned)
  static let moved = Access(pattern: .moved)
  static let repeated = Access(pattern: .repeated)
  static let indexed = Access(pattern: .repeated, isPartial: true)

  /// The way to a value that is read `inner` by what is itself read `self`.
  func through(_ inner: Access) -> Access {
    Access(pattern: max(pattern, inner.pattern), isPartial: isPartial || inner.isPartial)
  }

  /// Both ways to a value together.
  func and(_ other: Access) -> Access {
    let isAligned = pattern == .aligned && other.pattern == .aligned
    return Access(pattern: isAligned ? .aligned : .repeated, isPartial: isPartial && other.isPartial)
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
    if code.isElementwise { return outer.through(.aligned) }
    // A reduction goes over its row once, however often its result is read.
    if code.isReduction { return .aligned }
    switch code {
    case .transpose, .reverse, .concat, .reshape: return outer.through(.moved)
    case .slice: return outer.through(Access(pattern: .moved, isPartial: true))
    case .pad: return outer.through(index == 0 ? .moved : .repeated)
    case .broadcast: return outer.through(isRepeating(op) ? .repeated : .moved)
    case .gatherElements where index == 1: return outer.through(.aligned)
    case .gather where index == 1 && type(of: operand(0, of: op)).rank == 1: return outer.through(.aligned)
    case .dynamicSlice where index == 0: return outer.through(Access(pattern: .moved, isPartial: true))
    case .gather, .gatherElements, .gatherNd, .dynamicSlice: return outer.through(.indexed)
    case _: return .repeated
    }
  }

  /// Whether a broadcast makes several elements of one.
  private func isRepeating(_ op: OpID) -> Bool {
    let source = type(of: operand(0, of: op)).dims
    let result = type(of: result(of: op)).dims
    return source.filter { $0 != 1 } != result.filter { $0 != 1 }
  }
}
