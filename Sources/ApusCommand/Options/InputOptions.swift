import Apus
import ApusCompiler
import ApusONNX
import ApusSupport
import ArgumentParser
import Foundation

/// Where the inputs of a run come from.
struct InputOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "An input: NAME=x.npy, NAME=x.npz:ARRAY, or values as NAME=2x3xf32=1,2,3,4,5,6.", valueName: "name=value"))
  var input: [NamedText] = []

  @Option(
    help: ArgumentHelp(
      "A .npz or .safetensors with the inputs, or a folder of NAME.npy or of ONNX's input_<i>.pb.", valueName: "path"))
  var inputs: String?

  /// Values by name, and whether they came as ONNX's messages.
  struct Values {
    var named: [String: ONNXValue] = [:]
    var areMessages = false
  }

  /// The inputs of a model. What else `--inputs` holds is left out with a note.
  ///
  /// Throws `input.unknown`, `input.twice`, `input.values`, and what the readers of the files throw.
  func tensors(for model: Model, byteLimit: Int) throws -> [Tensor] {
    let values = try values(for: model.signatures, of: model.name, byteLimit: byteLimit)
    return try model.positional(values.named.compactMapValues { if case .tensor(let tensor) = $0 { tensor } else { nil } })
  }

  /// What is given for a model with these inputs. Whether it is enough, the model says.
  ///
  /// Throws `input.twice`, `input.values`, and what the readers of the files throw.
  func values(for signatures: [ONNXFile.Signature], of model: String, byteLimit: Int) throws -> Values {
    var values = Values()
    if let inputs { values = try Self.read(inputs, for: signatures, of: model, byteLimit: byteLimit) }
    var given: Set<String> = []
    for entry in input {
      guard given.insert(entry.name).inserted else {
        throw DiagnosticError(id: "input.twice", "--input gives '\(entry.name)' twice")
      }
      values.named[entry.name] = .tensor(try InputText.tensor(entry, byteLimit: byteLimit))
    }
    return values
  }

  private static func read(
    _ path: String, for signatures: [ONNXFile.Signature], of model: String, byteLimit: Int
  ) throws -> Values {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      if ProtoFolder.exists(path) {
        return Values(named: try ProtoFolder.inputs(path, for: signatures, of: model), areMessages: true)
      }
      var named: [String: ONNXValue] = [:]
      for signature in signatures where TensorFolder.canHold(signature.name) {
        let file = TensorFolder.file(signature.name, in: path)
        guard FileManager.default.fileExists(atPath: file) else { continue }
        named[signature.name] = .tensor(try TensorFile.load(path: file))
      }
      return Values(named: named)
    }
    let file = try TensorFile(path: path, byteLimit: byteLimit)
    if file.names.isEmpty, let only = signatures.first, signatures.count == 1 {
      return Values(named: [only.name: .tensor(try file.tensor())])
    }
    let names = Set(signatures.map(\.name))
    let extra = file.names.filter { !names.contains($0) }
    if !extra.isEmpty {
      let listed = extra.map { "'\($0)'" }.joined(separator: ", ")
      let what = extra.count == 1 ? "is no input" : "are no inputs"
      Console.show(Diagnostic(.note, id: "input.unused", "\(listed) \(what) of '\(model)'", at: .file(path)))
    }
    var named: [String: ONNXValue] = [:]
    for name in file.names where names.contains(name) { named[name] = .tensor(try file.tensor(named: name)) }
    return Values(named: named)
  }
}

extension Model {
  /// Its inputs as a file declares them.
  fileprivate var signatures: [ONNXFile.Signature] {
    inputs.map { ONNXFile.Signature(name: $0.name, kind: .tensor(nil), hasDefault: false) }
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
