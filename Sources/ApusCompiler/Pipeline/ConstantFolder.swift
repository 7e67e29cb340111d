import ApusIR
import ApusSupport
import ApusTensor
import Foundation

/// The files that IR text names for its large constants: those in the folder of the text, and below.
public struct ConstantFolder: ConstantLoader {
  private let folder: String

  /// - Parameter path: where the IR text itself lies.
  public init(beside path: String) {
    folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
  }

  /// Throws `file.outside` for a name that leads out of the folder, also by way of a link.
  public func load(_ file: String) throws(DiagnosticError) -> TensorStorage {
    let parts = file.split(separator: "/", omittingEmptySubsequences: false)
    var isInside = !file.hasPrefix("/") && !file.utf8.contains(0) && !parts.contains("..")
    if isInside, let root = resolved(folder.isEmpty ? "." : folder), let target = resolved(folder + file) {
      isInside = target.hasPrefix(root == "/" ? "/" : root + "/")
    }
    guard isInside else {
      throw DiagnosticError(id: "file.outside", "'\(file)' leads out of the folder of the text")
    }
    return try FileBytes(path: folder + file).storage
  }

  private func resolved(_ path: String) -> String? {
    guard let found = realpath(path, nil) else { return nil }
    defer { free(found) }
    return String(cString: found)
  }
}
