import ApusSupport
import Foundation

/// A folder with a file `NAME.npy` for each tensor.
enum TensorFolder {
  /// Names come from the model, which nobody needs to trust: none leads out of the folder.
  static func canHold(_ name: String) -> Bool {
    !name.isEmpty && !name.utf8.contains(UInt8(ascii: "/")) && !name.utf8.contains(0) && name.utf8.count <= 200
  }

  static func file(_ name: String, in folder: String) -> String { "\(folder)/\(name).npy" }

  /// Makes the folder, and those that it lies in, where they are missing. Throws `file.unwritable`.
  static func make(_ folder: String) throws(DiagnosticError) {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw DiagnosticError(id: "file.unwritable", "this folder cannot be made", at: .file(folder))
    }
  }
}
