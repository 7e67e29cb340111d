public import ApusIR
public import ApusSupport
public import ApusTarget
import Synchronization

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

  /// Runs `body` for 0 ..< count, in any order and on any threads, and returns when all are done.
  public typealias Concurrency = (_ count: Int, _ body: @Sendable (Int) -> Void) -> Void

  public let machine: Machine
  /// Set before every symbol, so that several modules fit into one program.
  public var symbolPrefix: String
  /// Allows a product and a sum to round once instead of twice.
  public var fastMath: Bool

  public init(for machine: Machine, symbolPrefix: String = "", fastMath: Bool = false) {
    self.machine = machine
    self.symbolPrefix = symbolPrefix
    self.fastMath = fastMath
  }

  /// Compiles every function of a module, which the verifier has accepted for phase `loops`.
  ///
  /// Each becomes an `apus_kernel` (see `IR-specs/loops.md`), and the function of `entry` an `apus_entry` besides.
  /// With several parts the work is split by functions into as many objects, which `concurrently` may make at once.
  ///
  /// Throws `llvm.target` where LLVM cannot generate code for the machine and `llvm.emit` where it fails to.
  public func compile(
    _ module: Module, entry: Entry? = nil, parts: Int = 1,
    concurrently: Concurrency = { count, body in for part in 0..<count { body(part) } }
  ) throws(DiagnosticError) -> CompiledModule {
    let tables = ModuleTables(module)
    let overlaps = OverlappingParameters(module)
    let shares = Self.shares(of: module, parts)
    let results = Mutex<[Int: Result<ObjectFile, DiagnosticError>]>([:])
    concurrently(shares.count) { part in
      let result = Result { () throws(DiagnosticError) -> ObjectFile in
        let lowering = try ModuleLowering(module, tables, overlaps, for: self)
        for index in shares[part] { lowering.lower(module.functions[index]) }
        if let entry, part == 0 { lowering.lowerEntry(entry) }
        return try lowering.e.objectFile()
      }
      results.withLock { $0[part] = result }
    }
    let made = results.withLock { $0 }
    var objects: [ObjectFile] = []
    for part in shares.indices {
      guard let result = made[part] else { preconditionFailure("part \(part) of a module was not compiled") }
      objects.append(try result.get())
    }
    return CompiledModule(
      objects: objects,
      kernels: Dictionary(uniqueKeysWithValues: module.functions.map { ($0.name, symbolPrefix + $0.name) }),
      entry: entry.map { entrySymbol($0.function) },
      constants: tables.constants.enumerated().map { .init(symbol: constantSymbol($0.offset), value: $0.element) },
      sites: tables.sites, customOperations: tables.customOperations)
  }

  /// The assembly text of what `compile` gives, for people and tests.
  public func assembly(_ module: Module, entry: Entry? = nil) throws(DiagnosticError) -> String {
    try lowered(module, entry).e.assembly()
  }

  /// LLVM's own text of the module before its passes.
  public func llvmText(_ module: Module, entry: Entry? = nil) throws(DiagnosticError) -> String {
    try lowered(module, entry).e.text
  }
}

extension CodeGenerator {
  func entrySymbol(_ name: String) -> String { symbolPrefix + name + ".entry" }
  func constantSymbol(_ index: Int) -> String { "\(symbolPrefix)constant.\(index)" }

  private func lowered(_ module: Module, _ entry: Entry?) throws(DiagnosticError) -> ModuleLowering {
    let lowering = try ModuleLowering(module, ModuleTables(module), OverlappingParameters(module), for: self)
    for function in module.functions { lowering.lower(function) }
    if let entry { lowering.lowerEntry(entry) }
    return lowering
  }

  /// Deals functions out, largest first, each to the part that has least to do.
  private static func shares(of module: Module, _ parts: Int) -> [[Int]] {
    let sizes = module.functions.map { function in
      var count = 1
      function.forEachOp { _ in count += 1 }
      return count
    }
    var shares = Array(repeating: [Int](), count: max(1, min(parts, module.functions.count)))
    var loads = shares.map { _ in 0 }
    for index in sizes.indices.sorted(by: { (sizes[$1], $0) < (sizes[$0], $1) }) {
      let part = loads.indices.min { (loads[$0], $0) < (loads[$1], $1) } ?? 0
      shares[part].append(index)
      loads[part] += sizes[index]
    }
    return shares
  }
}
