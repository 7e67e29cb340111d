/// Every pass there is, and the pipelines that have names.
public enum Passes {
  public static let all: [any Pass] = [
    inlineCalls, decomposeComposites, canonicalize, foldConstants, eliminateCommonSubexpressions, eliminateDeadCode,
    formKernels, fuseElementwise, fuseEpilogues, fuseReductions, fusePrologues, fuseOutputs,
  ]

  public static func find(_ name: String) -> (any Pass)? { all.first { $0.name == name } }

  /// Makes one graph of the functions, and primitives of its ops.
  public static let prepare = Pipeline([inlineCalls, decomposeComposites])

  /// Makes the graph smaller and plainer.
  public static let simplify = Pipeline([
    canonicalize, foldConstants, eliminateCommonSubexpressions, canonicalize, eliminateDeadCode,
  ])

  /// From `graph` to `fused`: a kernel for each op, then larger ones.
  ///
  /// Contractions take in what follows them before reductions may, which would compute it once for each
  /// sweep; what is left goes to the kernels that read it.
  public static let fuse = Pipeline(
    steps: [
      Pipeline.Step(formKernels), Pipeline.Step(fuseElementwise, setting: ["recompute": .bool(false)]),
      Pipeline.Step(fuseEpilogues), Pipeline.Step(fuseReductions), Pipeline.Step(fusePrologues),
      Pipeline.Step(fuseElementwise), Pipeline.Step(fuseOutputs), Pipeline.Step(eliminateCommonSubexpressions),
      Pipeline.Step(eliminateDeadCode),
    ])

  /// From any graph to the plainest that can be lowered: a kernel for each op.
  public static let plain = prepare + Pipeline([formKernels])

  /// What a model goes through unless asked otherwise.
  public static let standard = prepare + simplify + fuse

  /// Pipelines that `--passes` takes by name.
  public static let pipelines: [String: Pipeline] = [
    "prepare": prepare, "simplify": simplify, "fuse": fuse, "plain": plain, "standard": standard,
  ]
}
