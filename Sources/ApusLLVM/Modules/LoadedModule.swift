public import ApusSupport
import ApusTensor

/// A compiled module linked into this process. Keeps its code and its constants alive.
public final class LoadedModule: Sendable {
  private let module: CompiledModule
  private let jit: JIT
  /// Held because the code reads their bytes.
  private let constants: [Tensor]

  /// Links a module. Constants are used where they lie; one whose address is no multiple of 64 is copied.
  ///
  /// A JIT takes several modules when their prefixes differ. Throws what `JIT.define`, `JIT.add` and the making of a
  /// tensor throw.
  public init(_ module: CompiledModule, into jit: JIT) throws(DiagnosticError) {
    self.module = module
    self.jit = jit
    var constants: [Tensor] = []
    for constant in module.constants {
      let tensor = try constant.value.tensor.aligned(to: 64)
      guard let address = tensor.withUnsafeBytes({ $0.baseAddress }) else { continue }
      try jit.define(constant.symbol, at: address)
      constants.append(tensor)
    }
    self.constants = constants
    for object in module.objects { try jit.add(object) }
  }

  /// The address of the `apus_entry`. Throws `llvm.jit.lookup` when the module has none.
  public func entry() throws(DiagnosticError) -> UnsafeRawPointer {
    guard let symbol = module.entry else {
      throw DiagnosticError(id: "llvm.jit.lookup", "the module was compiled without an entry")
    }
    return try jit.lookup(symbol)
  }

  /// The address of a function's `apus_kernel`. Throws `llvm.jit.lookup` for a name that the module has not.
  public func kernel(_ name: String) throws(DiagnosticError) -> UnsafeRawPointer {
    guard let symbol = module.kernels[name] else {
      throw DiagnosticError(id: "llvm.jit.lookup", "the module has no function @\(name)")
    }
    return try jit.lookup(symbol)
  }
}
