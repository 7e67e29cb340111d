import ApusIR
import ApusSupport
import ApusTarget
import ApusTensor
internal import CLLVM

/// Generates the code of a module's functions into one LLVM module, and collects what it needs around it.
final class ModuleLowering {
  let module: Module
  let e: Emitter
  let runtime: RuntimeCalls
  let generator: CodeGenerator

  let tables: ModuleTables

  private var nameCount = 0
  private let overlaps: OverlappingParameters

  init(
    _ module: Module, _ tables: ModuleTables, _ overlaps: OverlappingParameters, for generator: CodeGenerator
  ) throws(DiagnosticError) {
    self.module = module
    self.tables = tables
    self.overlaps = overlaps
    self.generator = generator
    e = Emitter(generator.symbolPrefix, for: try TargetMachine(generator.machine, generator.effort))
    e.contractsProducts = generator.fastMath
    runtime = RuntimeCalls(e: e)
  }

  /// Generates a function as an `apus_kernel`.
  func lower(_ function: Function) {
    e.function(symbol(function.name), runtime.kernelParameters, isCold: function.isCold) { code in
      let p = code.parameters
      let (scopes, count) = scopes(of: function)
      let lowering = FunctionLowering(
        self, function, context: p[0], sizes: p[2], buffers: p[1],
        aliases: AliasScopes(e, domain: function.name, count: count), scopes: scopes)
      for (index, parameter) in function.parameters.enumerated() {
        let slot = e.offset(p[1], e.types.pointer, by: index)
        lowering.bind(parameter, e.load(e.types.pointer, slot))
      }
      e.beginBody()
      lowering.lower(function.entry)
    }
  }

  /// The compiled form of a function, defined or still to be.
  func kernel(_ name: String) -> CodeFunction {
    let symbol = symbol(name)
    return e.definedFunction(symbol, runtime.kernelParameters) ?? e.declare(symbol, runtime.kernelParameters)
  }

  func symbol(_ name: String) -> String { generator.symbolPrefix + name }

  /// A name for a function that only this module calls.
  func newName(_ stem: String) -> String {
    nameCount += 1
    return "\(generator.symbolPrefix)\(stem).\(nameCount)"
  }
}

extension Function {
  /// Whether its own code, bodies of parallel loops aside, takes no time: it launches others, or runs through once.
  fileprivate var isCold: Bool {
    var launches = false
    var repeats = false
    var blocks = [entry]
    while let block = blocks.popLast() {
      for op in ops(in: block) {
        switch opcode(of: op) {
        case .for where string("kind", of: op) == "parallel": continue
        case .for, .while, .contract: repeats = true
        case .launch, .call, .customCall: launches = true
        case _: break
        }
        blocks += regions(of: op)
      }
    }
    return launches || !repeats
  }
}

// MARK: - What stands beside the code

extension ModuleLowering {
  /// The address of a buffer's constant: small ones lie in the object, others are external symbols, so that weights
  /// are not copied.
  func constant(_ op: OpID, of function: Function) -> CodeValue {
    switch tables.constant(op, of: function) {
    case .inline(let constant): constant.tensor.withUnsafeBytes { e.constantData([UInt8]($0), alignment: 64) }
    case .external(let index): e.externalData(generator.constantSymbol(index))
    }
  }

  /// One scope for each root of memory, parameters that some caller gives the same memory sharing one.
  private func scopes(of function: Function) -> (scopes: [ValueID: AliasScope], count: Int) {
    var scopes: [ValueID: AliasScope] = [:]
    var next = 0
    let groups = overlaps.groups(of: function)
    var ofGroup: [Int: AliasScope] = [:]
    func new() -> AliasScope {
      next += 1
      return AliasScope(index: next - 1)
    }
    for (parameter, group) in zip(function.parameters, groups) {
      let scope = ofGroup[group] ?? new()
      ofGroup[group] = scope
      scopes[parameter] = scope
    }
    function.forEachOp { op in
      switch function.opcode(of: op) {
      case .scratch: scopes[function.result(of: op)] = new()
      case .constant where function.type(of: function.result(of: op)).form == .buffer:
        scopes[function.result(of: op)] = new()
      case _: break
      }
    }
    return (scopes, next)
  }
}
