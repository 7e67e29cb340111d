import ApusIR
import ApusSupport
import ApusTensor

/// One run of a module: what all its frames share.
final class Run {
  let interpreter: Interpreter
  let budget: Budget
  /// Draws the order of parallel iterations.
  var generator: SplitMix64
  let arena: BufferMemory
  /// In the epilogue of a ragged tile: the lanes that accesses touch.
  var activeLanes: Int?
  private var plans: [FunctionID: FunctionPlan] = [:]
  private var expansions: [CompositeKey: (function: Function, plan: FunctionPlan)] = [:]

  private struct CompositeKey: Hashable {
    var code: OpCode
    var operands: [TensorType]
    var attributes: [NamedAttribute]
  }

  init(_ interpreter: Interpreter) {
    self.interpreter = interpreter
    budget = Budget(interpreter.limits)
    generator = SplitMix64(seed: interpreter.parallelOrderSeed)
    arena = BufferMemory(budget: budget)
  }

  // MARK: Functions

  /// The returned values of a function. Without `sizes` its symbols are bound by the arguments' shapes.
  func call(_ id: FunctionID, _ arguments: [RuntimeValue], sizes: [Int]? = nil) throws -> [RuntimeValue] {
    let function = interpreter.module[id]
    let frame = Frame(function, plan(id), budget)
    if let sizes {
      for (symbol, value) in zip(function.symbols.ids, sizes) { frame.bind(symbol, value) }
    }
    try frame.bind(arguments)
    return try execute(function.entry, frame)
  }

  /// Runs a function of phase `loops`: the inputs are its first parameters, zeros the others.
  func runOnBuffers(_ id: FunctionID, _ inputs: [Tensor]) throws -> (results: [Tensor], buffers: [Tensor]) {
    let function = interpreter.module[id]
    let frame = Frame(function, plan(id), budget)
    var arguments: [RuntimeValue] = []
    for (parameter, input) in zip(function.parameters, inputs) {
      arguments.append(.buffer(try Buffer(input, layout: function.type(of: parameter).layout, budget)))
    }
    if inputs.count < function.parameters.count {
      try frame.bindSizes(inputs.map(\.shape))
      for parameter in function.parameters.dropFirst(inputs.count) {
        let type = frame.resolved(function.type(of: parameter))
        guard let shape = type.constantShape else {
          throw DiagnosticError(id: "input.missing", "no input binds the sizes of parameter \(arguments.count)")
        }
        arguments.append(.buffer(try Buffer(zeros: type.element, BufferForm(shape, type.layout), budget)))
      }
    }
    try frame.bind(arguments)
    let returned = try execute(function.entry, frame)
    let results = returned.isEmpty ? Array(arguments.dropFirst(inputs.count)) : returned
    return (try results.map { try $0.tensor() }, try arguments.map { try $0.tensor() })
  }

  private func plan(_ id: FunctionID) -> FunctionPlan {
    if let found = plans[id] { return found }
    let new = FunctionPlan(interpreter.module[id])
    plans[id] = new
    return new
  }

  // MARK: Blocks

  /// Runs the ops of a block; the operands of its terminator.
  func execute(_ block: BlockID, _ frame: Frame) throws -> [RuntimeValue] {
    for step in frame.plan.steps[block] ?? [] {
      if case .control(.terminator) = step.family {
        let values = step.operands.map { frame[$0] }
        for value in step.deaths { frame.drop(value) }
        return values
      }
      do {
        try execute(step, frame)
      } catch let error as DiagnosticError {
        throw error.located(at: frame.function.location(of: step.op))
      }
      for value in step.deaths { frame.drop(value) }
    }
    return []
  }

  private func execute(_ step: Step, _ frame: Frame) throws {
    switch step.family {
    case .control(let control): try execute(control, step, frame)
    case .memory(let memory): try execute(memory, step, frame)
    case .unary, .binary, .comparison, .select, .convert, .bitcast, .fma, .quantize, .dequantize, .movement,
      .indexing, .fold, .argument, .scan, .sort, .topK, .reduceWindow, .matmul, .conv, .source, .composite:
      if frame.function.phase == .loops {
        try executeOnRegisters(step, frame)
      } else {
        try executeOnTensors(step, frame)
      }
    }
  }

  private func executeOnTensors(_ step: Step, _ frame: Frame) throws {
    let operation = Operation(
      code: step.code, operands: try step.operands.map { try frame[$0].tensor() },
      attributes: try frame.resolvedAttributes(of: step.op), results: frame.resolvedTypes(step), budget: budget)
    let isDataDependent = step.code.traits.contains(.dataDependentShape)
    for (value, tensor) in zip(step.results, try evaluate(operation)) {
      try frame.define(value, .tensor(tensor)) { _ in isDataDependent }
    }
  }

  // MARK: Ops without regions

  func evaluate(_ operation: Operation) throws -> [Tensor] {
    switch OpFamily.of(operation.code) {
    case .unary(let op): return [try operation.unary(op)]
    case .binary(let op): return [try operation.binary(op)]
    case .comparison(let op): return [try operation.compare(op)]
    case .select: return [try operation.select()]
    case .convert: return [try operation.convert()]
    case .bitcast: return [try operation.bitcast()]
    case .fma: return [try operation.fma()]
    case .quantize: return [try operation.quantize()]
    case .dequantize: return [try operation.dequantize()]
    case .movement(let movement): return [try operation.move(movement)]
    case .indexing(let indexing): return [try operation.index(indexing)]
    case .fold(let fold): return [try operation.reduce(fold)]
    case .argument(let isLargest): return [try operation.argument(isLargest: isLargest)]
    case .scan: return [try operation.scan()]
    case .sort: return try operation.sort()
    case .topK: return try operation.topK()
    case .reduceWindow: return [try operation.reduceWindow()]
    case .matmul: return [try operation.matmul()]
    case .conv: return [try operation.conv()]
    case .source(let source): return [try operation.make(source)]
    case .composite: return try expand(operation)
    case .control, .memory: preconditionFailure("\(operation.code.name) is not evaluated by itself")
    }
  }

  /// Runs a composite's body.
  private func expand(_ operation: Operation) throws -> [Tensor] {
    let key = CompositeKey(
      code: operation.code,
      operands: operation.operands.map { TensorType($0.elementType, $0.shape.map { .constant($0) }) },
      attributes: operation.attributes)
    if expansions[key] == nil {
      let function = try CompositeExpansion.build(
        key.code, operandTypes: key.operands, attributes: key.attributes)
      expansions[key] = (function, FunctionPlan(function))
    }
    guard let (function, plan) = expansions[key] else { preconditionFailure("an expansion was just made") }
    let frame = Frame(function, plan, budget)
    try frame.bind(operation.operands.map { .tensor($0) })
    return try execute(function.entry, frame).map { try $0.tensor() }
  }
}

extension DiagnosticError {
  /// The same error, pointing at `location` where it points nowhere yet.
  fileprivate func located(at location: Location) -> DiagnosticError {
    guard case .place(let place) = location else { return self }
    return DiagnosticError(
      diagnostics.map { diagnostic in
        var copy = diagnostic
        if copy.place == .none { copy.place = place }
        return copy
      })
  }
}
