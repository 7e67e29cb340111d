import ApusIR
import ApusTensor

extension Operators {
  /// Folds over axes. Each is a step before the fold, the fold, and a step after it; without axes to fold the steps remain.
  static var reductions: [OperatorRule] {
    [
      reduction("ReduceSum", axesAreOperandFrom: 13) { n, x, f in try f.sum(x) },
      reduction("ReduceProd") { n, x, f in try f.fold(.reduceProd, x) },
      reduction("ReduceMax") { n, x, f in try f.fold(n.element(x) == .bool ? .reduceOr : .reduceMax, x) },
      reduction("ReduceMin") { n, x, f in try f.fold(n.element(x) == .bool ? .reduceAnd : .reduceMin, x) },
      reduction("ReduceMean") { n, x, f in try mean(n, x, f) },
      reduction("ReduceL1") { n, x, f in try f.sum(n.call(.abs, x)) },
      reduction("ReduceSumSquare") { n, x, f in
        try n.rounded(x) { try f.sum(n.call(.mul, $0, $0)) }
      },
      reduction("ReduceL2") { n, x, f in
        try inFloats(n, x) { try n.call(.sqrt, f.sum(n.call(.mul, $0, $0))) }
      },
      reduction("ReduceLogSum") { n, x, f in
        try inFloats(n, x) { try n.call(.log, f.sum($0)) }
      },
      reduction("ReduceLogSumExp") { n, x, f in
        try inFloats(n, x) { try f.axes.isEmpty ? $0 : f.fold(.logsumexp, $0) }
      },
    ]
  }

  private static func reduction(
    _ name: String, axesAreOperandFrom version: Int = 18,
    _ compute: @escaping (NodeTranslation, ValueID, Fold) throws -> ValueID
  ) -> OperatorRule {
    OperatorRule(name) { n in
      let rank = try n.inputType(0).rank
      let given = n.version < version ? try n.ints("axes") : n.has(1) ? try n.integers(1, "the axes") : []
      let keepsDims = try n.flag("keepdims", true)
      var axes = try n.axes(given, rank: rank).sorted()
      if given.isEmpty, try !n.flag("noop_with_empty_axes") { axes = Array(0..<rank) }
      let x = try n.value(0)
      return [.value(try compute(n, x, Fold(n: n, axes: axes, keepsDims: keepsDims)))]
    }
  }

  /// Integers are divided rounding towards zero.
  private static func mean(_ n: NodeTranslation, _ x: ValueID, _ f: Fold) throws -> ValueID {
    if n.element(x).isFloat { return try f.fold(.mean, x) }
    let dims = n.dims(x)
    let count = try n.product(f.axes.map { dims[$0] })
    return try n.call(.div, [.value(f.sum(x)), .size(count)])
  }

  /// In f32 for what is narrower, and in f64 for integers.
  private static func inFloats(
    _ n: NodeTranslation, _ x: ValueID, _ compute: (ValueID) throws -> ValueID
  ) throws -> ValueID {
    guard !n.element(x).isFloat else { return try n.rounded(x, compute) }
    return n.convert(try compute(n.convert(x, to: .f64)), to: n.element(x))
  }
}

/// The axes of one reduction.
private struct Fold {
  let n: NodeTranslation
  let axes: [Int]
  let keepsDims: Bool

  func fold(_ code: OpCode, _ x: ValueID) throws -> ValueID {
    guard !axes.isEmpty else { return x }
    return try n.call(code, [.value(x)], ["axes": .ints(axes), "keep_dims": .bool(keepsDims)])
  }

  func sum(_ x: ValueID) throws -> ValueID { try fold(.reduceSum, x) }
}
