public import ApusSupport
public import ApusTensor
internal import ApusRuntimeABI
internal import Synchronization

/// Compiled code that is ready to run. Any number of tasks and threads may call one at once: each call has its
/// own context and arena.
public final class Executable: Sendable {
  /// What the shapes of a call's inputs decide.
  public struct CallPlan: Sendable, Hashable {
    /// Bytes that the call needs for its intermediate values.
    public var arenaBytes: Int
    /// The shape of each output, or nil where it depends on data: then the code allocates.
    public var outputShapes: [[Int]?]

    public init(arenaBytes: Int, outputShapes: [[Int]?]) {
      self.arenaBytes = arenaBytes
      self.outputShapes = outputShapes
    }
  }

  /// Everything the compiler hands over.
  public struct Description: Sendable {
    public var name: String
    public var inputs: [TensorSignature]
    public var outputs: [TensorSignature]
    /// Evaluates the symbolic dimensions for inputs that fit their signatures. Throws what is wrong with them:
    /// two inputs that disagree on a symbol, a bound that does not hold, a size that overflows.
    public var plan: @Sendable (_ inputShapes: [[Int]]) throws(DiagnosticError) -> CallPlan
    /// What failures mean, by the index that generated code records.
    public var sites: [FailureSite]
    /// Custom ops by the index that generated code uses.
    public var customOperations: [CustomOperation]

    public init(
      name: String, inputs: [TensorSignature], outputs: [TensorSignature], sites: [FailureSite] = [],
      customOperations: [CustomOperation] = [],
      plan: @escaping @Sendable (_ inputShapes: [[Int]]) throws(DiagnosticError) -> CallPlan
    ) {
      self.name = name
      self.inputs = inputs
      self.outputs = outputs
      self.sites = sites
      self.customOperations = customOperations
      self.plan = plan
    }
  }

  /// How calls use the machine.
  public struct Options: Sendable, Hashable {
    /// Bytes that one call may allocate beyond its arena.
    public var allocationLimit: Int
    /// Bytes that an arena may have.
    public var arenaLimit: Int

    public init(allocationLimit: Int = .max, arenaLimit: Int = .max) {
      self.allocationLimit = allocationLimit
      self.arenaLimit = arenaLimit
    }
  }

  public let description: Description
  public let options: Options
  public let pool: ThreadPool
  private let entry: apus_entry
  /// Keeps the code and its constants loaded.
  private let owner: any AnyObject & Sendable
  private let idle = Mutex<[CallContext]>([])
  private let outputMemory: OutputMemory

  /// Contexts beyond this many are freed after their call: each may hold a large arena.
  private static let mostIdle = 4

  /// `entry` is the address of an `apus_entry` that fits `description`; `owner` keeps it valid.
  public init(
    _ description: Description, entry: UnsafeRawPointer, owner: any AnyObject & Sendable, pool: ThreadPool,
    options: Options = Options()
  ) {
    self.description = description
    self.entry = unsafeBitCast(entry, to: apus_entry.self)
    self.owner = owner
    self.pool = pool
    self.options = options
    outputMemory = OutputMemory(mostIdle: description.outputs.count)
  }

  /// The same code, running on other threads.
  public func on(_ pool: ThreadPool) -> Executable {
    Executable(description, entry: unsafeBitCast(entry, to: UnsafeRawPointer.self), owner: owner, pool: pool, options: options)
  }

  public var inputs: [TensorSignature] { description.inputs }
  public var outputs: [TensorSignature] { description.outputs }

  /// Runs the code on inputs by position.
  ///
  /// Throws `input.count`, `input.type`, `input.rank`, `input.shape`, what the plan and the code find wrong, what a
  /// custom op throws, or `CancellationError` once `cancellation` is cancelled.
  public func run(_ inputs: [Tensor], cancellation: Cancellation? = nil) throws -> [Tensor] {
    let plan = try plan(inputs)
    var results = try zip(outputs, plan.outputShapes).map { signature, shape in
      try shape.map { try outputMemory.tensor(signature.elementType, shape: $0) }
    }
    try call(inputs, plan, &results, cancellation)
    return results.compactMap { $0 }
  }

  /// Runs the code and writes the outputs over `results`, which must have their types and shapes. A result whose
  /// memory nobody shares is written in place, so that repeated calls allocate nothing for it.
  ///
  /// Throws as `run(_:cancellation:)` does, and `output.count`, `output.type`, `output.shape`, or
  /// `output.unknown-shape` when a shape depends on data.
  public func run(_ inputs: [Tensor], into results: inout [Tensor], cancellation: Cancellation? = nil) throws {
    let plan = try plan(inputs)
    try check(results, against: plan)
    var places = results.map { Optional($0) }
    // Leaves `places` as the only owner; whatever happens, the caller gets its tensors back.
    results = []
    defer { results = places.compactMap { $0 } }
    try call(inputs, plan, &places, cancellation)
  }

  /// As `run(_:cancellation:)`, in memory that the caller makes for this call alone.
  public func run(_ inputs: [Tensor], in memory: CallMemory) throws -> [Tensor] {
    let plan = try plan(inputs)
    var results = try zip(outputs, plan.outputShapes).map { signature, shape in
      try shape.map { try memory.output(signature.elementType, $0) }
    }
    try call(inputs, plan, &results, nil, in: memory)
    return results.compactMap { $0 }
  }

  /// Runs the code on inputs by name and returns the outputs by name.
  ///
  /// Throws as `run(_:cancellation:)` does, and `input.missing` and `input.unknown`.
  public func run(named inputs: [String: Tensor], cancellation: Cancellation? = nil) throws -> [String: Tensor] {
    let results = try run(self.inputs.positional(inputs, of: description.name), cancellation: cancellation)
    return Dictionary(zip(outputs.map(\.name), results)) { first, _ in first }
  }

  /// As `run(_:cancellation:)`, away from the caller's actor; cancelling the task stops the call.
  public func run(_ inputs: [Tensor]) async throws -> [Tensor] {
    let cancellation = Cancellation()
    return try await withTaskCancellationHandler {
      try await runInBackground(inputs, cancellation)
    } onCancel: {
      cancellation.cancel()
    }
  }

  /// As `run(named:cancellation:)`, away from the caller's actor; cancelling the task stops the call.
  public func run(named inputs: [String: Tensor]) async throws -> [String: Tensor] {
    let results = try await run(self.inputs.positional(inputs, of: description.name))
    return Dictionary(zip(outputs.map(\.name), results)) { first, _ in first }
  }
}

extension Executable {
  @concurrent private func runInBackground(_ inputs: [Tensor], _ cancellation: Cancellation) async throws -> [Tensor] {
    try run(inputs, cancellation: cancellation)
  }

  private func plan(_ tensors: [Tensor]) throws(DiagnosticError) -> CallPlan {
    guard tensors.count == inputs.count else {
      throw DiagnosticError(
        id: "input.count", "'\(description.name)' takes \(inputs.count) inputs, but \(tensors.count) are given")
    }
    let diagnostics = zip(inputs, tensors).compactMap { $0.mismatch($1) }
    guard diagnostics.isEmpty else { throw DiagnosticError(diagnostics) }
    let plan = try description.plan(tensors.map(\.shape))
    precondition(plan.outputShapes.count == outputs.count, "a plan states the shape of every output")
    guard plan.arenaBytes <= options.arenaLimit else {
      throw DiagnosticError(
        id: "run.memory",
        "\(plan.arenaBytes) bytes are needed for intermediate values: the limit is \(options.arenaLimit)")
    }
    return plan
  }

  private func check(_ results: [Tensor], against plan: CallPlan) throws(DiagnosticError) {
    guard results.count == outputs.count else {
      throw DiagnosticError(
        id: "output.count",
        "'\(description.name)' has \(outputs.count) outputs, but room for \(results.count) is given")
    }
    for (index, result) in results.enumerated() {
      let signature = outputs[index]
      guard let shape = plan.outputShapes[index] else {
        throw DiagnosticError(
          id: "output.unknown-shape", "the shape of output '\(signature.name)' depends on data",
          hint: "call without room for the outputs")
      }
      guard result.elementType == signature.elementType else {
        throw DiagnosticError(
          id: "output.type",
          "output '\(signature.name)' is \(signature.elementType), but room for \(result.elementType) is given")
      }
      guard result.shape == shape else {
        throw DiagnosticError(
          id: "output.shape",
          "output '\(signature.name)' has shape \(shape), but room for \(result.shape) is given")
      }
    }
  }

  /// Calls the code. Each of `results` is the room for an output, or nil where the code allocates it; without
  /// `memory` the call has its own.
  private func call(
    _ tensors: [Tensor], _ plan: CallPlan, _ results: inout [Tensor?], _ cancellation: Cancellation?,
    in memory: CallMemory? = nil
  ) throws {
    let call = idle.withLock { $0.popLast() }
      ?? CallContext(inputs: inputs, outputs: outputs, customOperations: description.customOperations)
    try call.begin(pool: pool, memory: memory, arenaBytes: plan.arenaBytes, allocationLimit: options.allocationLimit)
    defer {
      call.end()
      idle.withLock { if $0.count < Self.mostIdle { $0.append(call) } }
    }
    cancellation?.attach(call)
    defer { cancellation?.detach(call) }
    if cancellation?.isCancelled == true { throw CancellationError() }

    // The tensors' memory stays in place while they are held: nobody else can write what two refer to.
    // Code may assume the alignment of one element.
    let held = try tensors.map { try $0.aligned(to: $0.elementType.byteCount) }
    for (index, tensor) in held.enumerated() { call.setInput(index, tensor) }
    for index in results.indices { call.setOutput(index, &results[index], plan.outputShapes[index]) }
    _ = withExtendedLifetime((held, owner)) { apus_invoke(entry, call.pointer, call.inputs, call.outputs) }
    memory?.finished()
    if let error = call.status.error(sites: description.sites, customError: call.customError) { throw error }
    // Loops that see the flag leave without a word, and what they leave behind is no result.
    if cancellation?.isCancelled == true { throw CancellationError() }
    for index in results.indices where results[index] == nil {
      results[index] = try call.takeOutput(index, outputs[index])
    }
  }
}
