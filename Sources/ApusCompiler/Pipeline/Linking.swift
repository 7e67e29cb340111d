import ApusIR
import ApusLLVM
import ApusRuntime
import ApusSupport
import ApusTarget
import ApusTensor
import Synchronization

/// Code linked into this process, and the constants it reads.
private final class LinkedCode: Sendable {
  let code: LoadedObject
  let constants: [Tensor]
  let jit: JIT

  init(jit: JIT, code: LoadedObject, constants: [Tensor]) {
    self.jit = jit
    self.code = code
    self.constants = constants
  }
}

extension LoopsModule {
  /// Compiles and links the module for `machine`, which must be this one.
  ///
  /// Throws `DiagnosticError`, among others `custom.unregistered` for operations that are not in `operations`.
  public func link(
    on machine: Machine, effort: CodeEffort = .full, pool: ThreadPool, operations: CustomOperations = CustomOperations(),
    options: Executable.Options = Executable.Options(), timing: inout Timing
  ) throws -> Executable {
    let compiled = try timing.measure("codegen") {
      try CodeGenerator(for: machine, effort: effort).compile(module, entry: .init(host, inputCount: inputCount)) { count, body in
        pool.parallelFor(count: count) { $0.forEach(body) }
      }
    }
    // What small models need of the code generator comes back at a cost that is felt beside theirs. Linking needs other parts of it.
    let leavesMemory = timing.entries.last.map { $0.phase == "codegen" && $0.duration > .milliseconds(50) } ?? false
    if leavesMemory { LibraryPages.leaveMemory() }
    let executable = try timing.measure("link") {
      try link(compiled, on: machine, pool: pool, operations: operations, options: options)
    }
    if leavesMemory { LibraryPages.leaveMemory() }
    return executable
  }

  private func link(
    _ compiled: CompiledModule, on machine: Machine, pool: ThreadPool, operations: CustomOperations,
    options: Executable.Options
  ) throws -> Executable {
    let jit = try JIT(for: machine)
    var constants: [Tensor] = []
    for constant in compiled.constants {
      let tensor = try constant.value.tensor.aligned(to: 64)
      constants.append(tensor)
      // The storage lives as long as `LinkedCode` holds the tensor, and is never written.
      let address = tensor.withUnsafeBytes { $0.baseAddress }
      guard let address else { preconditionFailure("a constant that is no part of the code has bytes") }
      try jit.define(constant.symbol, at: address)
    }
    let code = try jit.addRemovable(compiled.objects)
    guard let entry = compiled.entry else { preconditionFailure("an entry was asked for") }
    let function = module.functions[0]
    let address = try code.lookup(entry)
    return Executable(
      description(of: function, sites: compiled.sites.map(\.failure), operations: try operations.resolve(compiled.customOperations)),
      entry: address, owner: LinkedCode(jit: jit, code: code, constants: constants), pool: pool, options: options)
  }

  private func description(of host: Function, sites: [FailureSite], operations: [CustomOperation])
    -> Executable.Description
  {
    let inputs = Array(host.inputSignatures.prefix(inputCount))
    let outputs = host.outputSignatures
    let results = host.resultTypes
    let arena = plan.peak
    let last = LastCallPlan()
    return Executable.Description(
      name: host.name, inputs: inputs, outputs: outputs, sites: sites, customOperations: operations
    ) { shapes throws(DiagnosticError) in
      if let known = last.plan(for: shapes) { return known }
      let binding = try SizeBinding(host, shapes: shapes)
      var outputShapes: [[Int]?] = []
      for type in results {
        guard type.dims.allSatisfy(binding.isBound) else {
          outputShapes.append(nil)
          continue
        }
        var shape: [Int] = []
        for dim in type.dims { shape.append(try binding.value(of: dim)) }
        outputShapes.append(shape)
      }
      let plan = Executable.CallPlan(arenaBytes: try binding.value(of: arena), outputShapes: outputShapes)
      last.set(plan, for: shapes)
      return plan
    }
  }
}

/// What the last call was planned as: the expression of an arena of open sizes may be long, and most calls have the shapes of
/// the one before.
private final class LastCallPlan: Sendable {
  private let last = Mutex<(shapes: [[Int]], plan: Executable.CallPlan)?>(nil)

  func plan(for shapes: [[Int]]) -> Executable.CallPlan? {
    last.withLock { $0.flatMap { $0.shapes == shapes ? $0.plan : nil } }
  }

  func set(_ plan: Executable.CallPlan, for shapes: [[Int]]) { last.withLock { $0 = (shapes, plan) } }
}

extension CompiledModule.Site {
  var failure: FailureSite {
    let place = locations.first ?? .none
    switch reason {
    case .assertion(let message): return FailureSite(id: "assert.failed", message, at: place)
    case .indexRange: return FailureSite(id: "index.range", "index {a} is outside 0 ..< {b}", at: place)
    case .sizeBounds:
      return FailureSite(id: "size.bounds", "axis {b} is {a}, which is outside the bounds of its size", at: place)
    }
  }
}
