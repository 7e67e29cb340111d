import Apus
import ApusCompiler
import ApusSupport
import ArgumentParser
import Foundation

/// Where the inputs of a run come from.
struct InputOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "An input: NAME=x.npy, NAME=x.npz:ARRAY, or values as NAME=2x3xf32=1,2,3,4,5,6.", valueName: "name=value"))
  var input: [NamedText] = []

  @Option(help: ArgumentHelp("A .npz or .safetensors with the inputs, or a folder of NAME.npy.", valueName: "path"))
  var inputs: String?

  /// The inputs of a model. What else `--inputs` holds is left out with a note.
  ///
  /// Throws `input.unknown`, `input.twice`, `input.values`, and what the readers of the files throw.
  func tensors(for model: Model, byteLimit: Int) throws -> [Tensor] {
    var named: [String: Tensor] = [:]
    if let inputs { named = try Self.read(inputs, for: model, byteLimit: byteLimit) }
    var given: Set<String> = []
    for entry in input {
      guard given.insert(entry.name).inserted else {
        throw DiagnosticError(id: "input.twice", "--input gives '\(entry.name)' twice")
      }
      named[entry.name] = try InputText.tensor(entry, byteLimit: byteLimit)
    }
    return try model.positional(named)
  }

  private static func read(_ path: String, for model: Model, byteLimit: Int) throws -> [String: Tensor] {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      var named: [String: Tensor] = [:]
      for signature in model.inputs where TensorFolder.canHold(signature.name) {
        let file = TensorFolder.file(signature.name, in: path)
        guard FileManager.default.fileExists(atPath: file) else { continue }
        named[signature.name] = try TensorFile.load(path: file)
      }
      return named
    }
    let file = try TensorFile(path: path, byteLimit: byteLimit)
    if file.names.isEmpty, let only = model.inputs.first, model.inputs.count == 1 {
      return [only.name: try file.tensor()]
    }
    let names = Set(model.inputs.map(\.name))
    let extra = file.names.filter { !names.contains($0) }
    if !extra.isEmpty {
      let listed = extra.map { "'\($0)'" }.joined(separator: ", ")
      let what = extra.count == 1 ? "is no input" : "are no inputs"
      Console.show(Diagnostic(.note, id: "input.unused", "\(listed) \(what) of '\(model.name)'", at: .file(path)))
    }
    var named: [String: Tensor] = [:]
    for name in file.names where names.contains(name) { named[name] = try file.tensor(named: name) }
    return named
  }
}

/// `NAME=TEXT` on the command line.
struct NamedText: ExpressibleByArgument {
  let name: String
  let text: String

  init?(argument: String) {
    guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else { return nil }
    name = String(argument[..<equals])
    text = String(argument[argument.index(after: equals)...])
    if text.isEmpty { return nil }
  }
}
