import ApusSupport
import ApusTensor

/// The files beside a model that hold data of its tensors. None lies outside of the model's folder.
final class ExternalData {
  private let folder: String
  private var files: [String: FileBytes] = [:]

  init(modelPath: String) {
    folder = modelPath.lastIndex(of: "/").map { String(modelPath[..<$0]) } ?? "."
  }

  /// The tensor, its data from the file it names where it has none of its own.
  ///
  /// Throws what `TensorProto.tensor(external:)` throws, and `onnx.external`.
  func tensor(_ proto: TensorProto) throws(DiagnosticError) -> Tensor {
    guard proto.isExternal else { return try proto.tensor() }
    throw DiagnosticError(.unsupported, id: "onnx.external", "data in other files cannot be read yet", at: proto.place)
  }
}

extension SparseTensorProto {
  /// The tensor with its zeros.
  ///
  /// Throws `onnx.sparse`.
  func tensor(_ externalData: ExternalData) throws(DiagnosticError) -> Tensor {
    throw DiagnosticError(.unsupported, id: "onnx.sparse", "sparse tensors cannot be read yet")
  }
}
