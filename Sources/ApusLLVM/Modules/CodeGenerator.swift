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
  public var effort: CodeEffort

  public init(for machine: Machine, symbolPrefix: String = "", fastMath: Bool = false, effort: CodeEffort = .full) {
    self.machine = machine
    self.symbolPrefix = symbolPrefix
    self.fastMath = fastMath
    self.effort = effort
  }

  /// Compiles every function of a module, which the verifier has accepted for phase `loops`.
  ///
  /// Each becomes an `apus_kernel` (see `IR-specs/loops.md`), and the function of `entry` an `apus_entry` besides.
  /// The work is split by functions into as many objects as there are parts, which `concurrently` may make at once. Unless
  /// told, the module alone decides how many: what comes out does not depend on who shares the work.
  ///
  /// Throws `llvm.target` where LLVM cannot generate code for the machine and `llvm.emit` where it fails to.
  public func compile(
    _ module: Module, entry: Entry? = nil, parts: Int? = nil,
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

  /// Cuts the list of functions into parts of about equal work.
  ///
  /// Products of one shape stand side by side in that list, because each part has a copy of the inner loop they share.
  private static func shares(of module: Module, _ parts: Int?) -> [[Int]] {
    let works = module.functions.map { Work($0) }
    let order = works.indices.sorted { a, b in
      works[a].block == works[b].block ? a < b : works[a].block.lexicographicallyPrecedes(works[b].block)
    }
    let sizes = order.indices.map { position in
      let work = works[order[position]]
      let hasTile = work.block.isEmpty || position > 0 && works[order[position - 1]].block == work.block
      return hasTile ? work.size : work.size + Work.tile
    }
    let total = sizes.reduce(0, +)
    let wanted = parts ?? min(total / Work.part, Work.mostParts)
    let count = max(1, min(wanted, module.functions.count))
    var shares: [[Int]] = [[]]
    var done = 0
    for (position, index) in order.enumerated() {
      let unopened = count - shares.count
      // A part ends where that leaves it nearer to its share than one function more would.
      let isFull = (2 * done + sizes[position]) * count >= 2 * total * shares.count || order.count - position <= unopened
      if unopened > 0, isFull, !(shares[shares.count - 1].isEmpty) { shares.append([]) }
      shares[shares.count - 1].append(index)
      done += sizes[position]
    }
    return shares
  }
}

/// What a function takes to compile, in ops; 60 to 120 µs each.
private struct Work {
  var size = 1
  /// The register block of its last product; empty without one.
  var block: [Int] = []

  /// What is worth a part of its own: about 20 ms. A part takes a third of a millisecond to set up.
  static let part = 300
  static let mostParts = 16
  /// What the inner loop of products of one block takes, once in a part.
  static let tile = 75
  /// What the code around it takes.
  private static let contraction = 20

  init(_ function: Function) {
    var (size, block) = (1, [Int]())
    function.forEachOp { op in
      size += 1
      guard function.opcode(of: op) == .contract else { return }
      size += Self.contraction
      block = function.ints("block", of: op) ?? []
    }
    self.size = size
    self.block = block
  }
}
