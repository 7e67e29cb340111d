import ApusPasses

/// Changes of a sequence of passes. What comes out takes graphs to kernels as well.
enum PassMutation {
  /// Adds, drops or replaces a step or a run of them, or takes the end of another sequence.
  static func mutated(_ passes: Pipeline, other: Pipeline?, _ draw: inout Draw) -> Pipeline {
    guard let split = parts(passes) else { return PassDrawing.pipeline(&draw) }
    var (graph, kernels) = split
    switch draw.int(0...3) {
    case 0:
      if let other = other.flatMap(parts) {
        // The graph's half of one, the kernels' half of the other.
        return draw.chance(50) ? joined(graph, other.1) : joined(other.0, kernels)
      }
      fallthrough
    case 1: change(&graph, PassDrawing.graphPasses, &draw)
    case 2: change(&kernels, PassDrawing.kernelPasses, &draw)
    case _:
      change(&graph, PassDrawing.graphPasses, &draw)
      change(&kernels, PassDrawing.kernelPasses, &draw)
    }
    return joined(graph, kernels)
  }

  /// The steps before and behind `form-kernels`.
  private static func parts(_ passes: Pipeline) -> ([Pipeline.Step], [Pipeline.Step])? {
    guard let place = passes.steps.firstIndex(where: { $0.pass.name == formKernels.name }) else { return nil }
    return (Array(passes.steps[..<place]), Array(passes.steps[(place + 1)...]))
  }

  /// Kernels are formed of primitives of one function.
  private static func joined(_ graph: [Pipeline.Step], _ kernels: [Pipeline.Step]) -> Pipeline {
    let names = graph.map(\.pass.name)
    let isPrepared = Passes.prepare.steps.allSatisfy { names.contains($0.pass.name) }
    let before = isPrepared && names.last == decomposeComposites.name ? graph : graph + Passes.prepare.steps
    return Pipeline(steps: before) + Pipeline([formKernels]) + Pipeline(steps: kernels)
  }

  private static func change(_ steps: inout [Pipeline.Step], _ passes: [any Pass], _ draw: inout Draw) {
    let place = draw.int(0...steps.count)
    let length = min(draw.one(of: [1, 1, 2, 3, 5]), steps.count - place)
    let new = (0..<draw.one(of: [1, 1, 2, 3])).map { _ in Pipeline.Step(draw.one(of: passes)) }
    switch draw.int(0...2) {
    case 0: steps.insert(contentsOf: new, at: place)
    case 1: steps.removeSubrange(place..<place + length)
    case _: steps.replaceSubrange(place..<place + length, with: new)
    }
    if steps.count > 50 { steps.removeLast(steps.count - 50) }
  }
}
