import ApusIR
import ApusInterpreter
import ApusONNX
import ApusSupport
import ApusTensor
import Foundation

/// Runs what is exported in another program, and compares with what the interpreter finds.
public final class TargetJudge {
  private let session: TargetSession
  private let folder: String

  /// - Parameters:
  ///   - folder: where models and tensors are handed over; it is removed in the end.
  ///   - now: the time since some fixed moment.
  public init(_ target: Target, folder: String, now: @escaping () -> Duration) {
    session = TargetSession(target, now: now)
    self.folder = folder
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Throws `fuzz.target` where the program does not run a model of one node.
  public func checkThatItRuns() throws(DiagnosticError) {
    var function = Function(name: "main")
    let x = function.addParameter(TensorType(.f32, [2]), name: "x")
    let y = function.insert(.neg, [x], results: [TensorType(.f32, [2])], at: .end(of: function.entry))
    function.resultTypes = [TensorType(.f32, [2])]
    function.insert(.return, [function.result(of: y)], results: [], at: .end(of: function.entry))
    let ran = try run(Module(function), [Tensor([1, -2] as [Float])])
    let problem: String
    switch ran {
    case .results(let results):
      if results == [Tensor([-1, 2] as [Float])] { return }
      problem = "it gives \(results) for the negation of [1, -2]"
    case .unsupported(let message), .failure(_, let message): problem = message
    }
    throw DiagnosticError(id: "fuzz.target", "the target does not run models: \(problem)")
  }

  /// What is wrong; nil where nothing is.
  ///
  /// Throws `target.unsupported` for what the target does not support, and what the export throws.
  func judge(_ module: Module, _ inputs: [[Tensor]]) throws -> Failure? {
    for inputs in inputs {
      let reference = try Reference(module, inputs, slack: .ofONNX)
      switch try run(module, inputs) {
      case .unsupported(let message): throw DiagnosticError(.unsupported, id: "target.unsupported", message)
      case .failure(let kind, let message):
        // A run that fails here may fail there, but not bring the program down.
        guard kind != "error" || reference.hasResults else { continue }
        return Failure(.target, after: Self.place(kind, message, module), message)
      case .results(let results):
        guard reference.hasResults, let problem = reference.contradiction(.results(results)) else { continue }
        return Failure(.target, after: "result \(try culprit(module, inputs) ?? "of all together")", problem)
      }
    }
    return nil
  }

  // MARK: Where it is wrong

  /// The first op whose result is wrong when all are results of the model.
  private func culprit(_ module: Module, _ inputs: [Tensor]) throws -> String? {
    guard let (exposed, codes) = Self.exposed(module), case .results(let results) = try run(exposed, inputs) else { return nil }
    let place = try Reference(exposed, inputs, slack: .ofONNX).firstContradiction(results)
    return place.flatMap { codes.indices.contains($0) ? codes[$0].name : nil }
  }

  /// The module with the results of all ops that stand in no region as its results.
  private static func exposed(_ module: Module) -> (Module, [OpCode])? {
    var module = module
    guard let main = module.ids.first, let end = module[main].terminator(of: module[main].entry) else { return nil }
    var (values, codes) = ([ValueID](), [OpCode]())
    for op in module[main].ops(in: module[main].entry) where op != end && module[main].opcode(of: op) != .constant {
      for value in module[main].results(of: op) {
        values.append(value)
        codes.append(module[main].opcode(of: op))
      }
    }
    module[main].setOperands(values, of: end)
    module[main].resultTypes = values.map { module[main].type(of: $0) }
    module[main].resultNames = []
    return (module, codes)
  }

  /// The kind of failure, and the operator that a message names.
  private static func place(_ kind: String, _ message: String, _ module: Module) -> String {
    for code in ["running ", "Op (", "("] where kind == "error" {
      for range in message.ranges(of: code) {
        let name = message[range.upperBound...].prefix { $0.isLetter || $0.isNumber }
        let rest = message[range.upperBound...].dropFirst(name.count)
        let isOperator = code == "running " ? rest.hasPrefix(" node") : rest.hasPrefix(")") || rest.hasPrefix(", opset")
        if isOperator, name.first?.isUppercase == true { return "\(kind) \(name)" }
      }
    }
    return kind
  }

  // MARK: Running

  private enum Outcome {
    case results([Tensor])
    case unsupported(String)
    /// `error`, `crash` or `hang`, and what was said.
    case failure(String, String)
  }

  private func run(_ module: Module, _ inputs: [Tensor]) throws(DiagnosticError) -> Outcome {
    let model = try ONNXExport.model(module)
    let (path, given, found) = (folder + "/model.onnx", folder + "/inputs", folder + "/outputs")
    for folder in [given, found] {
      try? FileManager.default.removeItem(atPath: folder)
      try Folder.make(folder)
    }
    try Self.write(model.bytes, path)
    for (index, (name, input)) in zip(model.inputs, inputs).enumerated() {
      try Self.write(TensorProto.encoded(input, name: name), "\(given)/input_\(index).pb")
    }
    switch try session.run(path, given, found) {
    case .ok: break
    case .unsupported(let message): return .unsupported(message)
    case .error(let message): return .failure("error", message)
    case .crash(let message): return .failure("crash", message)
    case .hang: return .failure("hang", "it does not come to an end")
    }
    var results: [Tensor] = []
    for index in model.outputs.indices {
      do {
        let file = try FileBytes(path: "\(found)/output_\(index).pb")
        let tensor = try TensorProto(WireReader(file)).tensor()
        // The file is written anew by the next run.
        results.append(try tensor.copied())
      } catch {
        return .failure("error", "output \(index) cannot be read: \(error)")
      }
    }
    return .results(results)
  }

  private static func write(_ bytes: [UInt8], _ path: String) throws(DiagnosticError) {
    try OutputFile.write(path: path) { (file: inout OutputFile) throws(DiagnosticError) in try file.write(bytes) }
  }
}
