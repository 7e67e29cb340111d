import ApusPasses

/// Sequences of passes that take any graph to kernels.
enum PassDrawing {
  /// The standard pipeline half of the time; else a drawn one.
  static func pipeline(_ draw: inout Draw) -> Pipeline {
    if draw.chance(50) { return Passes.standard }
    // Few steps and many are as likely.
    let count = draw.int(1...20)
    let before = draw.int(0...count)
    let between = draw.int(before...count)
    return Pipeline(steps: (0..<before).map { _ in step(&draw, graphPasses) }) + Passes.prepare
      + Pipeline(steps: (before..<between).map { _ in step(&draw, graphPasses) }) + Pipeline([formKernels])
      + Pipeline(steps: (between..<count).map { _ in step(&draw, kernelPasses) })
  }

  /// Those that rewrite graphs into graphs.
  static let graphPasses: [any Pass] = [
    inlineCalls, decomposeComposites, canonicalize, foldConstants, eliminateCommonSubexpressions, eliminateDeadCode,
  ]

  /// Those that take kernels: all but those that only graphs go through.
  static let kernelPasses: [any Pass] = Passes.all.filter { pass in
    ![inlineCalls.name, decomposeComposites.name, canonicalize.name, formKernels.name].contains(pass.name)
  }

  /// Settings that change what a model means (`fast-math`) stay as they are.
  private static func step(_ draw: inout Draw, _ passes: [any Pass]) -> Pipeline.Step {
    let pass = draw.one(of: passes)
    let isFree = pass.parameters.contains { $0.name == "recompute" }
    return Pipeline.Step(pass, setting: isFree && draw.chance(50) ? ["recompute": .bool(false)] : [:])
  }
}
