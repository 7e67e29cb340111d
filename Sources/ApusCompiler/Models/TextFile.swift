import ApusSupport
import ApusTensor
import Foundation

/// Files of text.
public enum TextFile {
  /// Whether writing makes a file of that name: not where a device or a pipe has it.
  public static func isReplaced(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG
  }

  /// Writes a file that appears whole or not at all; a device is written to, not replaced.
  ///
  /// Throws `file.unwritable`.
  public static func write(_ text: String, path: String) throws(DiagnosticError) {
    try OutputFile.write(path: path) { (file: inout OutputFile) throws(DiagnosticError) in try file.write(Array(text.utf8)) }
  }
}
