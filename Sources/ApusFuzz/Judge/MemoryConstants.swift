import ApusIR
import ApusSupport
import ApusTensor

/// The constants file of a module that was printed and never written.
struct MemoryConstants: ConstantLoader {
  private let storage: TensorStorage?

  init(_ document: ModuleText) {
    guard let last = document.blocks.last,
      var bytes = try? Tensor.zeros(.u8, shape: [last.offset + last.tensor.byteCount])
    else {
      storage = nil
      return
    }
    bytes.withUnsafeMutableBytes { target in
      for block in document.blocks {
        block.tensor.withUnsafeBytes {
          UnsafeMutableRawBufferPointer(rebasing: target[block.offset...]).copyMemory(from: $0)
        }
      }
    }
    storage = bytes.storage
  }

  func load(_ file: String) throws(DiagnosticError) -> TensorStorage {
    guard let storage else { throw DiagnosticError(id: "file.missing", "there are no constants") }
    return storage
  }
}
