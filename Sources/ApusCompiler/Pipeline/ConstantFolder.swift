import ApusIR
import ApusSupport
import ApusTensor

/// The files that IR text names for its large constants: those in the folder of the text, and below.
public struct ConstantFolder: ConstantLoader {
  private let folder: ConfinedFolder

  /// - Parameter path: where the IR text itself lies.
  public init(beside path: String) { folder = ConfinedFolder(beside: path, links: .followedWithin) }

  /// Throws `file.outside` for a name that leads out of the folder, also by way of a link.
  public func load(_ file: String) throws(DiagnosticError) -> TensorStorage { try folder.open(file).storage }
}
