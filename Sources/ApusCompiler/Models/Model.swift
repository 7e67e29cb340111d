import ApusIR
import ApusInterpreter
import ApusRuntime
import ApusSupport
import ApusTensor

/// A function that is ready to run, compiled or interpreted. Any number of tasks may call one at once.
public struct Model: Sendable {
  private enum Engine: Sendable {
    case compiled(CompiledModel)
    case interpreted(Interpreter, Function)
  }

  public let name: String
  public let inputs: [TensorSignature]
  public let outputs: [TensorSignature]
  /// Bytes that one run may use for outputs and intermediate values.
  public let memoryLimit: Int
  private let engine: Engine

  public init(_ compiled: CompiledModel) {
    name = compiled.executable.description.name
    inputs = compiled.executable.inputs
    outputs = compiled.executable.outputs
    memoryLimit = compiled.memoryLimit
    engine = .compiled(compiled)
  }

  /// A function that the reference interpreter runs: slow, and right.
  ///
  /// Throws `function.unknown`, `module.empty` or `custom.unregistered`: the interpreter knows no custom ops.
  public init(interpreting module: Module, _ options: CompilerOptions = CompilerOptions()) throws(DiagnosticError) {
    let module = try module.reaching(from: options.function)
    try module.throwIfUnregistered(CustomOperations())
    let function = module.functions[0]
    name = function.name
    inputs = function.inputSignatures
    outputs = function.outputSignatures
    memoryLimit = options.memoryBytes
    engine = .interpreted(Interpreter(module, limits: Limits(memory: options.memoryBytes)), function)
  }

  /// How it was compiled; `nil` for an interpreted one.
  public var compiled: CompiledModel? {
    switch engine {
    case .compiled(let compiled): compiled
    case .interpreted: nil
    }
  }

  /// Runs on inputs by position.
  ///
  /// Throws `input.count`, `input.type`, `input.rank`, `input.shape`, `limit.memory`, `assert.failed`, `index.range`,
  /// and what custom operations throw.
  public func run(_ inputs: [Tensor]) throws -> [Tensor] {
    switch engine {
    case .compiled(let compiled):
      try checkMemory(inputs, compiled.executable)
      return try compiled.executable.run(inputs)
    case .interpreted(let interpreter, _): return try interpreter.run(inputs)
    }
  }

  /// Runs on inputs by position and writes the outputs over `results`, which have their types and shapes: repeated runs
  /// then allocate nothing for them.
  ///
  /// Throws as ``run(_:)-([Tensor])`` does, and `output.count`, `output.type`, `output.shape`, or
  /// `output.unknown-shape` when a shape depends on data.
  public func run(_ inputs: [Tensor], into results: inout [Tensor]) throws {
    switch engine {
    case .compiled(let compiled):
      try checkMemory(inputs, compiled.executable)
      try compiled.executable.run(inputs, into: &results)
    case .interpreted(let interpreter, _): results = try interpreter.run(inputs)
    }
  }

  /// Runs on inputs by name.
  ///
  /// Throws as ``run(_:)-([Tensor])`` does, and `input.missing` and `input.unknown`.
  public func run(named inputs: [String: Tensor]) throws -> [String: Tensor] {
    let results = try run(positional(inputs))
    return Dictionary(zip(outputs.map(\.name), results)) { first, _ in first }
  }

  /// Runs on inputs by position, away from the caller's actor; cancelling the task stops a compiled run.
  public func run(_ inputs: [Tensor]) async throws -> [Tensor] {
    switch engine {
    case .compiled(let compiled):
      try checkMemory(inputs, compiled.executable)
      return try await compiled.executable.run(inputs)
    case .interpreted(let interpreter, _): return try await interpret(interpreter, inputs)
    }
  }

  /// Runs on inputs by name, as the other asynchronous `run` does.
  public func run(named inputs: [String: Tensor]) async throws -> [String: Tensor] {
    let results = try await run(positional(inputs))
    return Dictionary(zip(outputs.map(\.name), results)) { first, _ in first }
  }

  /// The inputs in the order in which the function takes them.
  ///
  /// Throws `input.missing` and `input.unknown`, all of them at once.
  public func positional(_ named: [String: Tensor]) throws(DiagnosticError) -> [Tensor] {
    try inputs.positional(named, of: name)
  }
}

extension Model {
  @concurrent private func interpret(_ interpreter: Interpreter, _ inputs: [Tensor]) async throws -> [Tensor] {
    try interpreter.run(inputs)
  }

  /// Refuses a run before anything is allocated for it.
  private func checkMemory(_ inputs: [Tensor], _ executable: Executable) throws(DiagnosticError) {
    guard inputs.count == self.inputs.count,
      zip(inputs, self.inputs).allSatisfy({ $0.rank == $1.dimensions.count })
    else { return }  // the run itself says what is wrong
    let plan = try executable.description.plan(inputs.map(\.shape))
    var total = plan.arenaBytes
    for (signature, shape) in zip(outputs, plan.outputShapes) {
      guard let shape else { continue }
      let bytes = try Tensor.byteCount(of: signature.elementType, shape: shape)
      let (sum, overflow) = total.addingReportingOverflow(bytes)
      total = overflow ? .max : sum
    }
    guard total <= memoryLimit else {
      throw DiagnosticError(
        id: "limit.memory", "a run on these inputs takes \(total) bytes: the limit is \(memoryLimit)")
    }
  }
}
