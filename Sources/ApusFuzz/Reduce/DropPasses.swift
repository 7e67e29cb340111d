import ApusPasses

extension ReductionSearch {
  /// Runs fewer passes, and those with the arguments that they have unless told otherwise.
  mutating func dropPasses() {
    minimize { $0.passes.steps.count } remove: { search, run in
      var steps = search.passes.steps
      steps.removeSubrange(run)
      return search.attempt(Pipeline(steps: steps))
    }
    for index in passes.steps.indices {
      for parameter in passes.steps[index].pass.parameters {
        var steps = passes.steps
        var values = steps[index].arguments.values
        guard values[parameter.name] != parameter.defaultValue else { continue }
        values[parameter.name] = parameter.defaultValue
        steps[index] = Pipeline.Step(steps[index].pass, setting: values)
        attempt(Pipeline(steps: steps))
      }
    }
  }
}
