/// Every pass there is, and the pipelines that have names.
public enum Passes {
  public static let all: [any Pass] = [
    inlineCalls, decomposeComposites, canonicalize, foldConstants, eliminateCommonSubexpressions, eliminateDeadCode,
  ]

  public static func find(_ name: String) -> (any Pass)? { all.first { $0.name == name } }

  /// Makes one graph of the functions, and primitives of its ops.
  public static let prepare = Pipeline([inlineCalls, decomposeComposites])

  /// Makes the graph smaller and plainer.
  public static let simplify = Pipeline([
    canonicalize, foldConstants, eliminateCommonSubexpressions, canonicalize, eliminateDeadCode,
  ])

  /// What a model goes through unless asked otherwise.
  public static let standard = prepare + simplify

  /// Pipelines that `--passes` takes by name.
  public static let pipelines: [String: Pipeline] = [
    "prepare": prepare, "simplify": simplify, "standard": standard,
  ]
}
