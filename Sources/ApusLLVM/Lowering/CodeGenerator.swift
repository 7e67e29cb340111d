public import ApusIR
public import ApusSupport
public import ApusTarget

/// Turns a module of phase `loops` into machine code.
///
/// A value: one generator may compile from several threads at once.
public struct CodeGenerator: Sendable {
  /// What an `apus_entry` is made for.
  public struct Entry: Sendable, Hashable {
    public var function: String
    /// How many of the function's parameters are inputs; the others are outputs that the caller has room for.
    public var inputCount: Int

    public init(_ function: String, inputCount: Int) {
      self.function = function
      self.inputCount = inputCount
    }
  }

  public let machine: Machine
  /// Set before every symbol, so that several modules fit into one program.
  public var symbolPrefix: String

  public init(for machine: Machine, symbolPrefix: String = "") {
    self.machine = machine
    self.symbolPrefix = symbolPrefix
  }

  /// Compiles every function of a module, which the verifier has accepted for phase `loops`.
  ///
  /// Each becomes an `apus_kernel` (see `IR-specs/loops.md`, ABI), and the function of `entry` an `apus_entry`
  /// besides. Throws `llvm.target` where LLVM cannot generate code for the machine and `llvm.emit` where it fails to.
  public func compile(_ module: Module, entry: Entry? = nil) throws(DiagnosticError) -> CompiledModule {
    let lowering = try lower(module, entry)
    return CompiledModule(
      object: try lowering.e.objectFile(),
      kernels: Dictionary(uniqueKeysWithValues: module.functions.map { ($0.name, lowering.symbol($0.name)) }),
      entry: entry.map { lowering.entrySymbol($0.function) }, constants: lowering.constants, sites: lowering.sites,
      customOperations: lowering.customOperations)
  }

  /// The assembly text of what `compile` gives, for people and tests.
  public func assembly(_ module: Module, entry: Entry? = nil) throws(DiagnosticError) -> String {
    try lower(module, entry).e.assembly()
  }

  /// LLVM's own text of the module before its passes.
  public func llvmText(_ module: Module, entry: Entry? = nil) throws(DiagnosticError) -> String {
    try lower(module, entry).e.text
  }

  private func lower(_ module: Module, _ entry: Entry?) throws(DiagnosticError) -> ModuleLowering {
    let lowering = try ModuleLowering(module, for: machine, prefix: symbolPrefix)
    for function in module.functions { lowering.lower(function) }
    if let entry { lowering.lowerEntry(entry) }
    return lowering
  }
}
