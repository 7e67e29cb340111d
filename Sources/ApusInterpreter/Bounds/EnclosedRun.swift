import ApusIR
import ApusSupport
import ApusTensor

extension Interpreter {
  /// What the results of a graph may be: elements that every correct implementation computes to the bit, and bounds for
  /// the others, carried from op to op by interval arithmetic.
  ///
  /// `nil` when a size, the turns of a loop or a failure depends on values that are not certain, or sizes leave their bounds.
  /// - Parameter slack: what is granted besides to who does not keep to our semantics.
  /// Throws as ``run(_:function:)`` does.
  public func enclose(_ inputs: [Tensor], function name: String? = nil, slack: Slack? = nil) throws -> [Enclosure]? {
    let function = try module[find(name)]
    precondition(function.phase == .graph, "@\(function.name) is not in phase graph")
    do {
      return try EnclosedRun(module, limits, slack).call(function, inputs.map { Enclosure(pinned: $0) })
    } catch is Uncertain {
      return nil
    }
  }
}

/// Which way a run goes is not certain.
struct Uncertain: Error {}

/// A run of graph functions on enclosures.
struct EnclosedRun {
  private let module: Module
  private let limits: Limits
  private let slack: Slack?

  init(_ module: Module, _ limits: Limits, _ slack: Slack? = nil) {
    self.module = module
    self.limits = limits
    self.slack = slack
  }

  func call(_ function: Function, _ arguments: [Enclosure]) throws -> [Enclosure] {
    let binding = try SizeBinding(function, shapes: arguments.map(\.value.shape))
    var scope = Scope(function)
    for id in function.symbols.ids where binding.isBound(.symbol(id)) {
      scope.sizes[id] = try binding.value(of: .symbol(id))
    }
    try scope.enter(function.entry, arguments)
    return try run(function.entry, &scope)
  }

  /// The values of one running function.
  private struct Scope {
    let function: Function
    var values: [ValueID: Enclosure] = [:]
    var sizes: [SymbolID: Int] = [:]

    init(_ function: Function) { self.function = function }

    /// Throws where a run has to say that sizes are not as they are stated.
    mutating func define(_ value: ValueID, _ enclosure: Enclosure) throws {
      values[value] = enclosure
      for (dim, size) in zip(function.type(of: value).dims, enclosure.value.shape) {
        guard let id = dim.symbolID, function.symbols[id].origin == .value else { continue }
        guard function.symbols[id].bounds.contains(size) else { throw Uncertain() }
        sizes[id] = size
      }
    }

    mutating func enter(_ block: BlockID, _ arguments: [Enclosure]) throws {
      for (parameter, argument) in zip(function.parameters(of: block), arguments) { try define(parameter, argument) }
    }

    /// The dimension as a constant where its symbols have values.
    func resolved(_ dim: Dim) -> Dim {
      (try? dim.substituting { sizes[$0].map { .constant($0) } ?? .symbol($0) }) ?? dim
    }
  }

  private func run(_ block: BlockID, _ scope: inout Scope) throws -> [Enclosure] {
    let function = scope.function
    for op in function.ops(in: block) {
      let operands = function.operands(of: op).compactMap { scope.values[$0] }
      if function.opcode(of: op).traits.contains(.terminator) { return operands }
      for (value, result) in zip(function.results(of: op), try results(of: op, operands, &scope)) {
        try scope.define(value, result)
      }
    }
    return []
  }

  private func results(of op: OpID, _ operands: [Enclosure], _ scope: inout Scope) throws -> [Enclosure] {
    let function = scope.function
    let code = function.opcode(of: op)
    var attributes = function.attributes(of: op)
    for index in attributes.indices {
      if case .dims(let dims) = attributes[index].value { attributes[index].value = .dims(dims.map(scope.resolved)) }
    }
    let types = function.results(of: op).map { value in
      let type = function.type(of: value)
      return type.with(dims: type.dims.map(scope.resolved))
    }
    switch OpFamily.of(code) {
    case .control(.if): return try run(function.region(try condition(operands[0]) ? 0 : 1, of: op), &scope)
    case .control(.while):
      var carried = operands
      for _ in 0..<(limits.steps ?? .max) {
        try scope.enter(function.region(0, of: op), carried)
        guard try condition(run(function.region(0, of: op), &scope)[0]) else { return carried }
        try scope.enter(function.region(1, of: op), carried)
        carried = try run(function.region(1, of: op), &scope)
      }
      throw Uncertain()
    case .control(.call):
      guard let id = function.string("callee", of: op).flatMap({ module.find($0) }) else { throw Uncertain() }
      return try call(module[id], operands)
    case .control(.assert):
      guard try condition(operands[0]) else {
        throw DiagnosticError(id: "assert.failed", function.string("message", of: op) ?? "an assertion does not hold")
      }
      return []
    case .composite:
      let expansion = try CompositeExpansion.build(
        code, operandTypes: operands.map { TensorType($0.value.elementType, $0.value.shape.map { .constant($0) }) },
        attributes: attributes)
      return try call(expansion, operands)
    case .control, .memory: throw Uncertain()
    case .unary, .binary, .comparison, .select, .convert, .bitcast, .fma, .quantize, .dequantize, .movement, .indexing,
      .fold, .argument, .scan, .sort, .topK, .reduceWindow, .matmul, .conv, .source:
      let results = try EnclosedOp(code: code, operands: operands, attributes: attributes, types: types, limits: limits).run()
      return slack.map { slack in results.map { slack.loosened($0, code, operands) } } ?? results
    }
  }

  private func condition(_ enclosure: Enclosure) throws -> Bool {
    guard enclosure.isPinned else { throw Uncertain() }
    return enclosure.value.scalar(at: 0) == .bool(true)
  }
}
