import Apus
import ApusCompiler
import ApusONNX
import ApusSupport
import ArgumentParser
import Foundation

/// Where the outputs of a run go, and what they are compared with.
struct OutputOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Write an output: NAME=y.npy.", valueName: "name=path"))
  var output: [NamedText] = []

  @Option(
    help: ArgumentHelp(
      "Write all outputs: a .npz or .safetensors, or a folder for NAME.npy, or output_<i>.pb where inputs come so.",
      valueName: "path"))
  var outputs: String?

  @Option(help: ArgumentHelp("Compare an output: NAME=ref.npy or NAME=ref.npz:ARRAY.", valueName: "name=path"))
  var expect: [NamedText] = []

  @Option(help: ArgumentHelp("Relative tolerance of --expect.", valueName: "x"))
  var rtol = 1e-5

  @Option(help: ArgumentHelp("Absolute tolerance of --expect.", valueName: "x"))
  var atol = 1e-5

  func validate() throws {
    if !(rtol >= 0) || !(atol >= 0) { throw ValidationError("a tolerance is not negative") }
  }

  /// Refuses names that no output has, before anything runs. Throws `output.unknown`.
  func check(_ model: Model) throws(DiagnosticError) { try check(model.outputs.map(\.name), of: model.name) }

  func check(_ names: [String], of model: String) throws(DiagnosticError) {
    let unknown = (output + expect).map(\.name).filter { !names.contains($0) }
    guard unknown.isEmpty else {
      throw DiagnosticError(
        unknown.map {
          Diagnostic(
            id: "output.unknown", "'\(model)' has no output '\($0)'",
            hint: "its outputs are \(names.map { "'\($0)'" }.joined(separator: ", "))")
        })
    }
  }

  /// Outputs as ONNX's messages hold them.
  struct Messages {
    var values: [(name: String, value: ONNXValue)]
    var signatures: [ONNXFile.Signature]
  }

  /// Writes the outputs, to a folder as messages if there are any.
  ///
  /// Throws `output.name` for an output that a folder cannot hold, and what the writers of the files throw.
  func write(_ results: [(name: String, tensor: Tensor)], messages: Messages? = nil) throws {
    for entry in output {
      guard let result = results.first(where: { $0.name == entry.name }) else { continue }
      try TensorFile.write([result], path: entry.text)
    }
    guard let outputs else { return }
    let isFile = outputs.hasSuffix(".npz") || outputs.hasSuffix(".safetensors") || outputs.hasSuffix(".npy")
    if isFile { return try TensorFile.write(results, path: outputs) }
    if let messages { return try ProtoFolder.write(messages.values, as: messages.signatures, to: outputs) }
    let unfit = results.map(\.name).filter { !TensorFolder.canHold($0) }
    guard unfit.isEmpty else {
      throw DiagnosticError(
        unfit.map {
          Diagnostic(
            id: "output.name", "no file in a folder can be called like the output '\($0)'", at: .file(outputs),
            hint: "write a .npz or .safetensors")
        })
    }
    try TensorFolder.make(outputs)
    for result in results { try TensorFile.write([result], path: TensorFolder.file(result.name, in: outputs)) }
  }

  /// What differs from `--expect`. Throws what the readers of the files throw.
  func mismatches(_ results: [(name: String, tensor: Tensor)], byteLimit: Int) throws -> [Diagnostic] {
    var found: [Diagnostic] = []
    for entry in expect {
      guard let result = results.first(where: { $0.name == entry.name }) else { continue }
      let expected = try InputText.tensor(entry, byteLimit: byteLimit)
      let comparison = TensorComparison(result.tensor, expected, relative: rtol, absolute: atol)
      if let message = comparison.message {
        found.append(Diagnostic(id: "output.mismatch", "output '\(entry.name)': \(message)", at: .file(entry.text)))
      }
    }
    return found
  }
}
