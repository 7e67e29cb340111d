import ApusIR
import ApusInterpreter
import ApusONNX
import ApusRuntime
import ApusSupport
import ApusTensor

/// A function that is ready to run, compiled or interpreted. Any number of tasks may call one at once.
///
/// One from an ONNX file is compiled for the inputs of a run where it must be: see ``ImportedModel``.
public struct Model: Sendable {
  private enum Engine: Sendable {
    case compiled(CompiledModel)
    case interpreted(Interpreter, Function)
    case imported(ImportedModel)
  }

  public let name: String
  /// What must be given. An imported model's inputs that have defaults are not among them, and may be given by name.
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

  /// A model from an ONNX file, compiled now if it is the same for all inputs, and on its runs otherwise.
  ///
  /// Throws what stands in the way whatever the inputs are, and `onnx.value` (unsupported) for inputs and outputs that are
  /// no tensors.
  public init(_ imported: ImportedModel) throws {
    let required = imported.inputs.filter(\.isRequired)
    for signature in required + imported.outputs { try signature.throwUnlessTensor(in: imported.file.path) }
    let variant = try imported.prepare()
    name = variant?.model.name ?? "main"
    inputs = variant?.model.inputs ?? required.compactMap(\.tensorSignature)
    outputs = variant?.model.outputs ?? imported.outputs.compactMap(\.tensorSignature)
    memoryLimit = imported.options.memoryBytes
    engine = .imported(imported)
  }

  /// How it was compiled; `nil` for an interpreted one, and for one that is compiled for the inputs of a run.
  public var compiled: CompiledModel? {
    switch engine {
    case .compiled(let compiled): compiled
    case .interpreted, .imported: nil
    }
  }

  /// The model that runs on these inputs: this one, or what an imported model is compiled to for them.
  ///
  /// Throws `input.missing`, `input.unknown` and `input.type`, and what stands in the way of compiling it.
  public func specialized(for inputs: [String: Tensor]) throws -> Model {
    switch engine {
    case .compiled, .interpreted: self
    case .imported(let imported): try imported.variant(for: inputs.mapValues { .tensor($0) }).model
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
    case .imported: return try specialized(for: named(inputs)).run(inputs)
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
    case .imported: try specialized(for: named(inputs)).run(inputs, into: &results)
    }
  }

  /// Runs on inputs by name.
  ///
  /// Throws as ``run(_:)-([Tensor])`` does, and `input.missing` and `input.unknown`.
  public func run(named inputs: [String: Tensor]) throws -> [String: Tensor] {
    if case .imported(let imported) = engine {
      return Dictionary(try imported.run(inputs).map { ($0.name, $0.tensor) }) { first, _ in first }
    }
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
    case .imported: return try await specializedAway(for: named(inputs)).run(inputs)
    }
  }

  /// Runs on inputs by name, as the other asynchronous `run` does.
  public func run(named inputs: [String: Tensor]) async throws -> [String: Tensor] {
    if case .imported = engine {
      let model = try await specializedAway(for: inputs)
      return try await model.run(named: inputs.filter { name, _ in model.inputs.contains { $0.name == name } })
    }
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
  /// Compiles, if need be, away from the caller's actor.
  @concurrent private func specializedAway(for inputs: [String: Tensor]) async throws -> Model {
    try specialized(for: inputs)
  }

  /// Inputs by position as inputs by name. Throws `input.count`.
  private func named(_ inputs: [Tensor]) throws(DiagnosticError) -> [String: Tensor] {
    guard inputs.count == self.inputs.count else {
      throw DiagnosticError(
        id: "input.count", "'\(name)' takes \(self.inputs.count) inputs, but \(inputs.count) are given")
    }
    return Dictionary(zip(self.inputs.map(\.name), inputs)) { first, _ in first }
  }

  @concurrent private func interpret(_ interpreter: Interpreter, _ inputs: [Tensor]) async throws -> [Tensor] {
    try interpreter.run(inputs)
  }

  /// Refuses a run before anything is allocated for it.
  private func checkMemory(_ inputs: [Tensor], _ executable: Executable) throws(DiagnosticError) {
    // Where there is no plan for the inputs, the run itself says what is wrong.
    guard let total = try memoryNeed(inputs.map(\.shape), executable), total > memoryLimit else { return }
    throw DiagnosticError(
      id: "limit.memory", "a run on these inputs takes \(total) bytes: the limit is \(memoryLimit)")
  }

  /// The bytes of outputs and intermediate values of a run, those left out that data give a size; nil where the inputs are wrong.
  private func memoryNeed(_ shapes: [[Int]], _ executable: Executable) throws(DiagnosticError) -> Int? {
    guard shapes.count == inputs.count, zip(shapes, inputs).allSatisfy({ $0.count == $1.dimensions.count }) else { return nil }
    let plan = try executable.description.plan(shapes)
    var total = plan.arenaBytes
    for (signature, shape) in zip(outputs, plan.outputShapes) {
      guard let shape else { continue }
      let bytes = try Tensor.byteCount(of: signature.elementType, shape: shape)
      let (sum, overflow) = total.addingReportingOverflow(bytes)
      total = overflow ? .max : sum
    }
    return total
  }

  /// The bytes of outputs and intermediate values of a run on these inputs; nil where that is not known before.
  func memoryNeed(of inputs: [Tensor]) -> Int? {
    guard let executable = compiled?.executable else { return nil }
    return (try? memoryNeed(inputs.map(\.shape), executable)) ?? nil
  }
}

extension ONNXFile.Signature {
  /// Nil for what is no tensor, and where the file leaves the type open.
  var tensorSignature: TensorSignature? {
    guard case .tensor(let type?) = kind else { return nil }
    let dimensions = type.sizes?.map { size -> TensorSignature.Dimension in
      switch size {
      case .fixed(let extent): .fixed(extent)
      case .open(let name): .symbolic(name)
      }
    }
    return TensorSignature(name, type.element, dimensions ?? [.symbolic("...")])
  }

  /// Throws `onnx.value` for what is no tensor.
  fileprivate func throwUnlessTensor(in file: String) throws(DiagnosticError) {
    if case .tensor = kind { return }
    throw DiagnosticError(
      .unsupported, id: "onnx.value", "tensor '\(name)': what is no tensor cannot be passed to a Model", at: .file(file),
      hint: "ImportedModel runs models with sequences and optionals")
  }
}
