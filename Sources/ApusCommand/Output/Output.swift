import ApusSupport
import Foundation
import Synchronization

/// What a command says to whoever asked: on stdout, in large pieces.
enum Output {
  private struct State {
    var pending: [UInt8] = []
    /// Why some of it was lost; the rest is then not written either.
    var failure: Int32?
  }

  private static let state = Mutex(State())

  static func print(_ text: String, terminator: String = "\n") {
    state.withLock { state in
      state.pending += Array((text + terminator).utf8)
      if state.pending.count >= 1 << 16 { write(&state) }
    }
  }

  /// Writes what there is; whether that worked, `flush` tells.
  static func drain() { state.withLock { write(&$0) } }

  /// Writes what is left. Throws `file.unwritable` when any of it has not reached stdout: a disk is full, say.
  static func flush() throws(DiagnosticError) {
    let failure = state.withLock { state in
      write(&state)
      return state.failure
    }
    guard let failure else { return }
    throw DiagnosticError(
      id: "file.unwritable", "it cannot be written: \(String(cString: strerror(failure)))", at: .file("<stdout>"))
  }

  private static func write(_ state: inout State) {
    if state.failure == nil { state.failure = FileWriting.write(state.pending, to: STDOUT_FILENO) }
    state.pending = []
  }
}

enum FileWriting {
  /// Returns why not all of it could be written, as `errno` says it.
  static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32? {
    bytes.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let part = UnsafeRawBufferPointer(rebasing: rest)
        let count = Foundation.write(descriptor, part.baseAddress, part.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return count < 0 ? errno : EIO }
        rest = rest.dropFirst(count)
      }
      return nil
    }
  }
}
