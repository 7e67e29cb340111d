import ApusTarget

internal import CLLVM

extension CodeEffort {
  /// LLVM's passes over a module before it generates code.
  ///
  /// Vector code needs only a tidy-up; `default<O2>` would cost about six times as much for the same code.
  var passes: String {
    switch self {
    case .quick: "function(early-cse)"
    case .full: "function(early-cse,instcombine<no-verify-fixpoint>,loop-mssa(licm),simplifycfg)"
    }
  }

  var level: LLVMCodeGenOptLevel {
    switch self {
    case .quick: LLVMCodeGenLevelNone
    case .full: LLVMCodeGenLevelDefault
    }
  }
}
