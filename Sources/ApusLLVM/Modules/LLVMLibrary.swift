import ApusSupport
internal import CLLVM

/// LLVM's version, part of every artefact's cache key.
public func llvmVersion() -> String {
  var major: UInt32 = 0
  var minor: UInt32 = 0
  var patch: UInt32 = 0
  LLVMGetVersion(&major, &minor, &patch)
  return "\(major).\(minor).\(patch)"
}

/// The code generators Apus offers, registered once a process.
enum LLVMTargets {
  static func initialize() { _ = registered }

  private static let registered: Void = {
    // What linking has read is of no more use.
    LibraryPages.leaveMemory()
    setOptions()
    LLVMInitializeX86TargetInfo()
    LLVMInitializeX86Target()
    LLVMInitializeX86TargetMC()
    LLVMInitializeX86AsmPrinter()
    LLVMInitializeAArch64TargetInfo()
    LLVMInitializeAArch64Target()
    LLVMInitializeAArch64TargetMC()
    LLVMInitializeAArch64AsmPrinter()
  }()

  /// Switches off what LLVM's C interface offers no other switch for.
  ///
  /// Loop strength reduction takes as long as all the rest of code generation when loops hold many addresses, as unrolled
  /// ones do, and gains nothing where addresses are a base, a counter and a displacement already.
  /// An LLVM that does not know an option ignores it.
  private static func setOptions() {
    let options: [StaticString] = ["apus", "-disable-lsr"]
    let arguments: [UnsafePointer<CChar>?] = options.map {
      UnsafeRawPointer($0.utf8Start).assumingMemoryBound(to: CChar.self)
    }
    LLVMParseCommandLineOptions(Int32(arguments.count), arguments, "")
  }
}

/// Copies a message that LLVM allocated, then frees it.
func takeString(_ message: UnsafeMutablePointer<CChar>?) -> String {
  guard let message else { return "" }
  defer { LLVMDisposeMessage(message) }
  return String(cString: message)
}

/// Turns LLVM's error, if there is one, into a diagnostic.
func throwIfFailed(_ error: LLVMErrorRef?, id: String) throws(DiagnosticError) {
  guard let error, let text = LLVMGetErrorMessage(error) else { return }
  defer { LLVMDisposeErrorMessage(text) }
  throw DiagnosticError(id: id, String(cString: text))
}
