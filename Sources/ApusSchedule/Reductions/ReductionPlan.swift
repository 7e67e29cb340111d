import ApusIR

/// The order in which a reduction kernel folds and computes.
///
/// Folds that need no other fold's result share a sweep over the reduced axes; what depends on them
/// comes in a later sweep; full-shape results come last.
struct ReductionPlan {
  /// The axes that are folded, in order.
  let axes: [Int]
  /// The shape that is swept.
  let shape: [Dim]
  /// The folds of each sweep.
  let sweeps: [[OpID]]
  /// Full-shape values that are dear to compute and read by several sweeps, by the sweep that computes them first.
  let kept: [Int: [ValueID]]

  init(body: BlockID, results: [ValueID], host: Function) {
    let folds = host.ops(in: body).filter { host.opcode(of: $0).isReduction }
    guard let first = folds.first else { preconditionFailure("a reduction kernel has a reduction") }
    axes = Self.axes(of: first, in: host)
    shape = host.type(of: host.operand(0, of: first)).dims

    var level: [ValueID: Int] = [:]
    for op in host.ops(in: body) {
      let above = host.operands(of: op).map { level[$0] ?? 0 }.max() ?? 0
      for result in host.results(of: op) { level[result] = host.opcode(of: op).isReduction ? above + 1 : above }
    }
    let last = folds.map { level[host.result(of: $0)] ?? 1 }.max() ?? 1
    sweeps = (1...last).map { wanted in folds.filter { level[host.result(of: $0)] == wanted } }

    var readers: [ValueID: Set<Int>] = [:]
    for (index, sweep) in sweeps.enumerated() {
      Self.mark(sweep.map { host.operand(0, of: $0) }, sweep: index, host, &readers)
    }
    Self.mark(results, sweep: sweeps.count, host, &readers)
    let moved = Self.movedValues(body, host)
    var kept: [Int: [ValueID]] = [:]
    for op in host.ops(in: body) where Self.isDear(host.opcode(of: op)) {
      let value = host.result(of: op)
      guard host.type(of: value).dims == shape, !moved.contains(value), let readers = readers[value], readers.count > 1,
        let firstReader = readers.min()
      else { continue }
      kept[firstReader, default: []].append(value)
    }
    self.kept = kept
  }

  static func axes(of fold: OpID, in host: Function) -> [Int] {
    (host.ints("axes", of: fold) ?? host.int("axis", of: fold).map { [$0] } ?? []).sorted()
  }

  /// Notes which sweep reads each value on the way to the roots; the results of folds are had already.
  private static func mark(_ roots: [ValueID], sweep: Int, _ host: Function, _ readers: inout [ValueID: Set<Int>]) {
    var pending = roots
    while let value = pending.popLast() {
      guard readers[value, default: []].insert(sweep).inserted, let op = host.definingOp(of: value),
        !host.opcode(of: op).isReduction
      else { continue }
      pending += host.operands(of: op)
    }
  }

  /// What some op reads at another index than its own result's: it is not there yet, or overwritten already, where a
  /// value is kept only for the row that is being computed.
  private static func movedValues(_ body: BlockID, _ host: Function) -> Set<ValueID> {
    var found: Set<ValueID> = []
    var pending: [ValueID] = []
    for op in host.ops(in: body) {
      let code = host.opcode(of: op)
      if !code.isElementwise, !code.isReduction, !code.traits.contains(.terminator) { pending += host.operands(of: op) }
    }
    while let value = pending.popLast() {
      guard found.insert(value).inserted, let op = host.definingOp(of: value), !host.opcode(of: op).isReduction
      else { continue }
      pending += host.operands(of: op)
    }
    return found
  }

  /// Whether computing the op again costs more than a load.
  private static func isDear(_ code: OpCode) -> Bool {
    switch code {
    case .exp, .expm1, .log, .log1p, .sin, .cos, .tan, .asin, .acos, .atan, .sinh, .cosh, .tanh, .asinh, .acosh,
      .atanh, .erf, .logistic, .pow, .rem, .sqrt, .div:
      true
    default: false
    }
  }
}
