import ApusSupport
import ApusTensor
import Synchronization

/// The files beside a model that hold data of its tensors. None lies outside of the model's folder, each is mapped once, and
/// nothing is copied.
final class ExternalData: Sendable {
  private let folder: ConfinedFolder
  private let files = Mutex<[String: FileBytes]>([:])

  init(modelPath: String) { folder = ConfinedFolder(beside: modelPath, links: .refused) }

  /// The tensor, its data from the file it names where it has none of its own.
  ///
  /// Throws what `TensorProto.tensor(external:)` throws, and `onnx.external`.
  func tensor(_ proto: TensorProto) throws(DiagnosticError) -> Tensor {
    guard proto.isExternal else { return try proto.tensor() }
    let file = try file(at: try location(of: proto), for: proto)
    let offset = try number("offset", of: proto) ?? 0
    guard offset <= file.count else {
      throw wrong("the offset \(offset) is beyond the \(file.count) bytes of \(quoted(file.name))", proto)
    }
    let length = try number("length", of: proto) ?? file.count - offset
    guard length <= file.count - offset else {
      throw wrong("the length \(length) at offset \(offset) is beyond the \(file.count) bytes of \(quoted(file.name))", proto)
    }
    guard let bytes = file.slice(offset..<offset + length) else {
      throw wrong("the file \(quoted(file.name)) has no bytes at \(offset)", proto)
    }
    return try proto.tensor(external: bytes)
  }

  /// The file's path below the model's folder.
  private func location(of proto: TensorProto) throws(DiagnosticError) -> String {
    guard let path = proto.external.last(where: { $0.key == "location" })?.value, !path.isEmpty else {
      throw wrong("external data without a location", proto)
    }
    return path
  }

  private func file(at path: String, for proto: TensorProto) throws(DiagnosticError) -> FileBytes {
    let key = path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    if let known = files.withLock({ $0[key] }) { return known }
    do {
      let file = try folder.open(path)
      files.withLock { $0[key] = file }
      return file
    } catch {
      throw wrong("external data in \(quoted(path)): \(error.diagnostics.first?.message ?? "it cannot be read")", proto)
    }
  }

  /// An entry of digits only; nil where there is none. Throws `onnx.external`.
  private func number(_ key: String, of proto: TensorProto) throws(DiagnosticError) -> Int? {
    guard let text = proto.external.last(where: { $0.key == key })?.value else { return nil }
    guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int(text) else {
      throw wrong("the \(key) \(quoted(text)) of external data is no number of bytes", proto)
    }
    return value
  }

  private func wrong(_ message: String, _ proto: TensorProto) -> DiagnosticError {
    DiagnosticError(id: "onnx.external", message, at: proto.place)
  }
}
