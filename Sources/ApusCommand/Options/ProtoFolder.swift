import Apus
import ApusONNX
import ApusSupport
import ApusTensor
import Foundation

/// A folder of values as ONNX's tests have them: `input_0.pb`, `input_1.pb` … to read, `output_0.pb` … to write. Each file
/// holds a TensorProto, a SequenceProto or an OptionalProto: which, the model declares.
enum ProtoFolder {
  /// Throws `file.missing` where there is no such folder.
  static func check(_ folder: String) throws(DiagnosticError) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
      throw DiagnosticError(id: "file.missing", "there is no such folder", at: .file(folder))
    }
  }

  static func exists(_ folder: String) -> Bool { FileManager.default.fileExists(atPath: "\(folder)/input_0.pb") }

  /// The inputs that the folder has files for, by name. A file without a name of an input is the next one's without a
  /// default, or the next one's of all where there are more files than those.
  ///
  /// - Parameter model: the model's name in what is wrong.
  /// Throws `input.extra`, and what the reader of the files throws.
  static func inputs(
    _ folder: String, for inputs: [ONNXFile.Signature], of model: String
  ) throws -> [String: ONNXValue] {
    var paths: [String] = []
    while FileManager.default.fileExists(atPath: path(folder, "input", paths.count)) {
      paths.append(path(folder, "input", paths.count))
    }
    let required = inputs.filter { !$0.hasDefault }
    let numbered = paths.count > required.count ? inputs : required
    var named: [String: ONNXValue] = [:]
    for (index, path) in paths.enumerated() {
      guard index < numbered.count else {
        throw DiagnosticError(id: "input.extra", "the model has \(inputs.count) inputs, and here is another", at: .file(path))
      }
      do {
        let (name, value) = try read(try FileBytes(path: path), as: numbered[index], of: inputs)
        named[name] = value
      } catch {
        throw error.forInput(numbered[index].name, of: model)
      }
    }
    return named
  }

  private static func read(
    _ file: FileBytes, as next: ONNXFile.Signature, of inputs: [ONNXFile.Signature]
  ) throws(DiagnosticError) -> (name: String, value: ONNXValue) {
    let (name, value) = try next.kind.read(file)
    guard name != next.name, let other = inputs.first(where: { $0.name == name }) else { return (next.name, value) }
    return (name, try other.kind.read(file).value)
  }

  /// Throws `file.unwritable`.
  static func write(
    _ results: [(name: String, value: ONNXValue)], as signatures: [ONNXFile.Signature], to folder: String
  ) throws {
    try TensorFolder.make(folder)
    for (index, result) in results.enumerated() {
      let kind = index < signatures.count ? signatures[index].kind : .tensor(nil)
      let bytes = kind.encoded(result.value, name: result.name)
      try OutputFile.write(path: path(folder, "output", index)) { file throws(DiagnosticError) in try file.write(bytes) }
    }
  }

  private static func path(_ folder: String, _ role: String, _ index: Int) -> String { "\(folder)/\(role)_\(index).pb" }
}

extension DiagnosticError {
  /// Says which input of which model could not be read; where and why stay in the text.
  fileprivate func forInput(_ name: String, of model: String) -> DiagnosticError {
    DiagnosticError(diagnostics.map { found in
      var shown = found
      shown.place = .node(file: model, description: "input \(quoted(name))")
      if case .file(let path) = found.place { shown.message = "\(path): \(found.message)" }
      if case .node(let path, _) = found.place { shown.message = "\(path): \(found.message)" }
      return shown
    })
  }
}
