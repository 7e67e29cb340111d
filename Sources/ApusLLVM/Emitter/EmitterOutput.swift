import ApusSupport
internal import CLLVM

extension Emitter {
  /// Checks the module, tidies it up and generates the object. To be called once, at the end.
  func objectFile() throws(DiagnosticError) -> ObjectFile {
    finish()
    return ObjectFile(bytes: try emit(module, LLVMObjectFile))
  }

  /// The assembly text that `objectFile` would hold.
  func assembly() throws(DiagnosticError) -> String {
    finish()
    // Code generation rewrites the module it is given.
    let copy = LLVMCloneModule(module)
    defer { LLVMDisposeModule(copy) }
    return String(decoding: try emit(copy, LLVMAssemblyFile), as: UTF8.self)
  }

  /// The module as LLVM assembly language, as it stands.
  var text: String { takeString(LLVMPrintModuleToString(module)) }

  /// A module that LLVM refuses is a bug of whoever emitted it, never the user's.
  func verify() {
    var message: UnsafeMutablePointer<CChar>?
    let failed = LLVMVerifyModule(module, LLVMReturnStatusAction, &message) != 0
    let explanation = takeString(message)
    precondition(!failed, "generated code is malformed: \(explanation)")
  }

  /// Verifies, then runs the short list of passes.
  func finish() {
    verify()
    let options = LLVMCreatePassBuilderOptions()
    defer { LLVMDisposePassBuilderOptions(options) }
    guard let error = LLVMRunPasses(module, generator.effort.passes, generator.ref, options) else { return }
    let text = LLVMGetErrorMessage(error)
    preconditionFailure("LLVM's passes failed: \(text.map { String(cString: $0) } ?? "")")
  }

  private func emit(_ module: LLVMModuleRef?, _ kind: LLVMCodeGenFileType) throws(DiagnosticError) -> [UInt8] {
    var buffer: LLVMMemoryBufferRef?
    var message: UnsafeMutablePointer<CChar>?
    guard LLVMTargetMachineEmitToMemoryBuffer(generator.ref, module, kind, &message, &buffer) == 0, let buffer else {
      throw DiagnosticError(id: "llvm.emit", "LLVM could not generate code: \(takeString(message))")
    }
    defer { LLVMDisposeMemoryBuffer(buffer) }
    return [UInt8](UnsafeRawBufferPointer(start: LLVMGetBufferStart(buffer), count: LLVMGetBufferSize(buffer)))
  }
}
