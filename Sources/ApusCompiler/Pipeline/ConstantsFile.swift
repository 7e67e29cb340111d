import ApusIR
import ApusSupport
import ApusTensor

/// The file that IR text refers to for the constants that are too large for it.
public enum ConstantsFile {
  /// Writes the blocks at their offsets, zeros in between. Throws what `OutputFile` throws.
  public static func write(_ blocks: [ModuleText.Block], path: String) throws(DiagnosticError) {
    try OutputFile.write(path: path) { (file: inout OutputFile) throws(DiagnosticError) in
      for block in blocks {
        if file.offset < block.offset { try file.write([UInt8](repeating: 0, count: block.offset - file.offset)) }
        try block.tensor.withUnsafeBytes { (bytes) throws(DiagnosticError) in try file.write(bytes) }
      }
    }
  }
}
