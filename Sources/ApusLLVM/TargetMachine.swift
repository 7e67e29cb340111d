import ApusSupport
internal import CLLVM

/// LLVM's code generator for one target. Not thread-safe: each compiling thread makes its own.
final class TargetMachine {
  let target: CodeTarget
  private(set) var ref: LLVMTargetMachineRef?

  /// Throws `llvm.target` where this LLVM cannot generate code for the triple.
  init(_ target: CodeTarget) throws(DiagnosticError) {
    LLVMTargets.initialize()
    self.target = target
    var found: LLVMTargetRef?
    var message: UnsafeMutablePointer<CChar>?
    guard LLVMGetTargetFromTriple(target.triple, &found, &message) == 0, let found else {
      throw DiagnosticError(
        .unsupported, id: "llvm.target", "LLVM has no code generator for '\(target.triple)': \(takeString(message))")
    }
    guard
      let ref = LLVMCreateTargetMachine(
        found, target.triple, target.cpu, target.features, LLVMCodeGenLevelDefault, LLVMRelocPIC,
        LLVMCodeModelDefault)
    else {
      throw DiagnosticError(
        .unsupported, id: "llvm.target", "LLVM refuses CPU '\(target.cpu)' for '\(target.triple)'")
    }
    self.ref = ref
  }

  deinit { if let ref { LLVMDisposeTargetMachine(ref) } }

  /// Gives the machine away as the description from which a JIT makes its own; `self` is of no use afterwards.
  func releasedToTargetMachineBuilder() -> LLVMOrcJITTargetMachineBuilderRef? {
    defer { ref = nil }
    return LLVMOrcJITTargetMachineBuilderCreateFromTargetMachine(ref)
  }
}

/// The code generators Apus offers, registered once a process.
enum LLVMTargets {
  static func initialize() { _ = registered }

  private static let registered: Void = {
    LLVMInitializeX86TargetInfo()
    LLVMInitializeX86Target()
    LLVMInitializeX86TargetMC()
    LLVMInitializeX86AsmPrinter()
    LLVMInitializeAArch64TargetInfo()
    LLVMInitializeAArch64Target()
    LLVMInitializeAArch64TargetMC()
    LLVMInitializeAArch64AsmPrinter()
  }()
}
