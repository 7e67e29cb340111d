import ApusIR
import ApusSupport
import ApusTensor

/// The constants file of a module whose text is no file, whatever it is called.
struct MemoryConstants: ConstantLoader {
  let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The bytes that the text refers to, zeros in between.
  init(_ document: ModuleText) {
    var bytes: [UInt8] = []
    for block in document.blocks {
      bytes += [UInt8](repeating: 0, count: block.offset - bytes.count)
      block.tensor.withUnsafeBytes { bytes += $0 }
    }
    self.bytes = bytes
  }

  func load(_ file: String) throws(DiagnosticError) -> TensorStorage {
    var tensor = try Tensor.zeros(.u8, shape: [bytes.count])
    tensor.withUnsafeMutableBytes { $0.copyBytes(from: bytes) }
    return tensor.storage
  }
}
