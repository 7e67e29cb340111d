import Apus
import ApusCompiler
import ApusONNX
import ApusSupport

/// The first run of an ONNX model, as `run` and `bench` have it: it is compiled for its inputs, which come first.
struct ImportedRun {
  let model: ImportedModel
  let values: [String: ONNXValue]
  /// Whether inputs came as ONNX's messages; so do outputs then.
  let areMessages: Bool
  /// What has run.
  let variant: ImportedModel.Variant
  let outputs: [(name: String, value: ONNXValue)]

  /// What a verb does in its own way.
  struct Steps {
    var isInterpreted = false
    /// What the phase of the run is called.
    var run = "run"
    var inputs: (ImportedModel) throws -> InputOptions.Values
    /// The inputs that are drawn where some are not given, with integers up to a number; nil where all must be given.
    var drawn: ((ImportedModel, [String: ONNXValue], Int64) throws -> [String: ONNXValue])?
    /// Called once the model is compiled.
    var check: (Model) throws -> Void = { _ in }
  }

  /// Throws what reading, compiling and running the model throw.
  init(
    _ path: String, _ options: CompilerOptions, _ times: inout PhaseTimes, _ progress: inout Progress, _ steps: Steps
  ) throws {
    let model = try progress.step("read") {
      try times.measure("read") { ImportedModel(try ONNXFile(path: path), options, isInterpreted: steps.isInterpreted) }
    }
    self.model = model
    let given = try progress.step("inputs") { try times.measure("inputs") { try steps.inputs(model) } }
    areMessages = given.areMessages || given.named.isEmpty
    guard let drawn = steps.drawn else {
      values = given.named
      (variant, outputs) = try Self.first(model, values, &times, &progress, steps)
      return
    }
    (values, variant, outputs) = try Self.first(model, &times, &progress, steps, given: given.named, drawn: drawn)
  }

  /// Integers that are drawn may be indices, which are more often valid the smaller they are.
  private static func first(
    _ model: ImportedModel, _ times: inout PhaseTimes, _ progress: inout Progress, _ steps: Steps,
    given: [String: ONNXValue], drawn: (ImportedModel, [String: ONNXValue], Int64) throws -> [String: ONNXValue]
  ) throws -> ([String: ONNXValue], ImportedModel.Variant, [(name: String, value: ONNXValue)]) {
    var failure: DiagnosticError?
    for largest: Int64 in model.delicateInputs(given: given).isEmpty ? [3] : [3, 1] {
      let values = try drawn(model, given, largest)
      do {
        let (variant, outputs) = try first(model, values, &times, &progress, steps)
        return (values, variant, outputs)
      } catch let error as DiagnosticError {
        failure = failure ?? error
      }
    }
    let values = try drawn(model, given, 0)
    do {
      let (variant, outputs) = try first(model, values, &times, &progress, steps)
      return (values, variant, outputs)
    } catch let error as DiagnosticError {
      throw model.explained(failure ?? error, given: given, drawn: values)
    }
  }

  private static func first(
    _ model: ImportedModel, _ values: [String: ONNXValue], _ times: inout PhaseTimes, _ progress: inout Progress, _ steps: Steps
  ) throws -> (ImportedModel.Variant, [(name: String, value: ONNXValue)]) {
    let variant = try progress.step(steps.isInterpreted ? "prepare" : "compile") {
      try times.measure("compile") { try model.variant(for: values) }
    }
    if let compiled = variant.model.compiled {
      times.add(compiled)
      for warning in compiled.warnings { Console.show(warning) }
    }
    try steps.check(variant.model)
    let first = try progress.step(steps.run) { try times.measure(steps.run) { try model.running(values: values) } }
    return (first.variant, first.outputs)
  }
}
