public import ApusIR
public import ApusSupport
import ApusTensor

/// Writes modules of phase `graph` as ONNX models.
public enum ONNXExport {
  /// The operator set of what is written; an op that needs a newer one raises it.
  public static let opset = 21

  /// An `.onnx` file.
  public struct Model: Sendable {
    public var bytes: [UInt8]
    /// The names of inputs and outputs, in the order of the function's parameters and results.
    public var inputs: [String]
    public var outputs: [String]
  }

  /// An `.onnx` file whose graph is the named function, or the first one. What it calls is written in its place.
  ///
  /// Where ONNX leaves open or decides otherwise what an op means here, several operators say it. Left open stay the sign of
  /// a zero, where `Max`, `Min` and the like choose between two, the bits of a NaN, and what a run that fails here does.
  ///
  /// Throws `export.phase`, and `export.op` and `export.size` (unsupported) for each op that ONNX cannot say.
  public static func model(_ module: Module, function name: String? = nil) throws(DiagnosticError) -> Model {
    guard let main = name.map({ module.find($0) }) ?? module.ids.first, module[main].phase == .graph else {
      throw DiagnosticError(id: "export.phase", "there is no function of phase graph to export")
    }
    return try GraphExport(module).model(module[main])
  }
}
