import ApusIR
import ApusSupport
import ApusTensor

/// Runs an operation that a user registered for `custom_call`. `results` are the stated result types; their sizes are
/// constants unless only the operation can tell them.
public typealias CustomOperation = @Sendable (_ operands: [Tensor], _ results: [TensorType]) throws -> [Tensor]

/// Reference semantics of every op in every phase (IR-specs/semantics.md): clear rather than fast.
public struct Interpreter: Sendable {
  public var module: Module
  public var limits: Limits
  /// What `custom_call` finds by name.
  public var customOperations: [String: CustomOperation]
  /// The iterations of a parallel loop run in an order drawn from this seed.
  public var parallelOrderSeed: UInt64

  public init(
    _ module: Module, limits: Limits = Limits(), customOperations: [String: CustomOperation] = [:],
    parallelOrderSeed: UInt64 = 0
  ) {
    self.module = module
    self.limits = limits
    self.customOperations = customOperations
    self.parallelOrderSeed = parallelOrderSeed
  }

  /// The results of a function, by default the module's first one.
  ///
  /// A function of phase `loops` takes buffers: `inputs` are the first of them, zeros with the sizes of their
  /// types the others, and the results are the contents afterwards of those others, or of what is returned.
  ///
  /// Throws `DiagnosticError`: `input.missing`, `input.extra`, `input.type` and `input.shape` for inputs that do not
  /// fit, `function.unknown`, `limit.memory`, `limit.steps`, and what the ops throw: `index.range`, `assert.failed`,
  /// `loops.bounds`, `size.bounds`, `custom.unregistered`. Errors of custom operations pass through.
  public func run(_ inputs: [Tensor], function: String? = nil) throws -> [Tensor] {
    let id = try find(function)
    let run = Run(self)
    if module[id].phase == .loops { return try run.runOnBuffers(id, inputs).results }
    return try run.call(id, inputs.map { .tensor($0) }).map { try $0.tensor() }
  }

  /// Runs a function of phase `loops` on a buffer for each of its parameters.
  /// - Returns: What the buffers hold afterwards.
  ///
  /// Throws as ``run(_:function:)`` does.
  public func runInPlace(_ buffers: [Tensor], function: String? = nil) throws -> [Tensor] {
    let id = try find(function)
    precondition(module[id].phase == .loops, "@\(module[id].name) is not in phase loops")
    return try Run(self).runOnBuffers(id, buffers).buffers
  }

  /// The results of one op without regions on constant operands.
  ///
  /// `resultTypes` are the types that inference gives; a size that depends on operand values may be symbolic.
  /// Attributes that are left out have their defaults. Throws as ``run(_:function:)`` does.
  public static func evaluate(
    _ code: OpCode, operands: [Tensor], attributes: [NamedAttribute] = [], resultTypes: [TensorType],
    limits: Limits = Limits()
  ) throws -> [Tensor] {
    let run = Run(Interpreter(Module(), limits: limits))
    return try run.evaluate(
      Operation(code: code, operands: operands, attributes: attributes, results: resultTypes, budget: run.budget))
  }

  func find(_ name: String?) throws -> FunctionID {
    guard let id = name.map({ module.find($0) }) ?? module.ids.first else {
      throw DiagnosticError(id: "function.unknown", name.map { "there is no function @\($0)" } ?? "the module is empty")
    }
    return id
  }
}
