import Apus
import ApusCompiler
import ApusONNX
import ApusSupport
import ApusTensor
import Foundation

/// A folder of ONNX tensors: `input_0.pb`, `input_1.pb` … to read, `output_0.pb` … to write.
enum ProtoFolder {
  /// The inputs that the folder has files for, by name. Inputs of a model that have a value in the file are not numbered.
  ///
  /// Throws `input.missing`, and what the reader of the files throws.
  static func inputs(_ folder: String, for file: ONNXFile) throws -> [String: Tensor] {
    var named: [String: Tensor] = [:]
    let names = file.inputs
    let required = names.filter { !$0.hasDefault }.map(\.name)
    var index = 0
    while true {
      let path = "\(folder)/input_\(index).pb"
      guard FileManager.default.fileExists(atPath: path) else { break }
      let proto = try TensorProto(WireReader(FileBytes(path: path)))
      let name = names.contains { $0.name == proto.name } ? proto.name : index < required.count ? required[index] : proto.name
      named[name] = try proto.tensor()
      index += 1
    }
    return named
  }

  /// Throws `file.unwritable`.
  static func write(_ results: [(name: String, tensor: Tensor)], to folder: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw DiagnosticError(id: "file.unwritable", "this folder cannot be made", at: .file(folder))
    }
    for (index, result) in results.enumerated() {
      let path = "\(folder)/output_\(index).pb"
      guard FileManager.default.createFile(atPath: path, contents: Data(TensorProto.encoded(result.tensor, name: result.name)))
      else { throw DiagnosticError(id: "file.unwritable", "this file cannot be written", at: .file(path)) }
    }
  }
}
