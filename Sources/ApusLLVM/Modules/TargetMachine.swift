import ApusSupport
import ApusTarget

internal import CLLVM

/// LLVM's code generator for one machine. Not thread-safe: each compiling thread makes its own.
final class TargetMachine {
  let machine: Machine
  let effort: CodeEffort
  /// The machine's features as LLVM writes them.
  let features: String
  private(set) var ref: LLVMTargetMachineRef?

  /// Throws `llvm.target` where this LLVM cannot generate code for the machine.
  init(_ machine: Machine, _ effort: CodeEffort = .full) throws(DiagnosticError) {
    LLVMTargets.initialize()
    self.machine = machine
    self.effort = effort
    features = machine.featureString
    var found: LLVMTargetRef?
    var message: UnsafeMutablePointer<CChar>?
    guard LLVMGetTargetFromTriple(machine.triple, &found, &message) == 0, let found else {
      throw DiagnosticError(
        .unsupported, id: "llvm.target", "LLVM has no code generator for '\(machine.triple)': \(takeString(message))")
    }
    // CPU and features are always explicit: an unset CPU silently loses the wide vectors.
    guard
      let ref = LLVMCreateTargetMachine(
        found, machine.triple, machine.cpuName, features, effort.level, LLVMRelocPIC, LLVMCodeModelDefault)
    else {
      throw DiagnosticError(
        .unsupported, id: "llvm.target", "LLVM refuses CPU '\(machine.cpuName)' for '\(machine.triple)'")
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
