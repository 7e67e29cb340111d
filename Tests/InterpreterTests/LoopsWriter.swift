import ApusIR
import ApusInterpreter
import ApusTensor

/// Writes a function of phase `loops`.
struct LoopsWriter {
  var function: Function
  var block: BlockID

  /// A function over buffers of these tensor types; `body` writes it.
  static func function(
    _ parameters: [TensorType], name: String = "main", symbols: SymbolTable = SymbolTable(),
    _ body: (inout LoopsWriter, [ValueID]) throws -> Void
  ) rethrows -> Function {
    var function = Function(name: name, phase: .loops)
    function.symbols = symbols
    let values = parameters.map { function.addParameter($0.with(form: .buffer)) }
    var writer = LoopsWriter(function: function, block: function.entry)
    try body(&writer, values)
    if writer.function.terminator(of: function.entry) == nil { writer.end(.return) }
    return writer.function
  }

  @discardableResult
  mutating func insert(
    _ code: OpCode, _ operands: [ValueID], _ results: [TensorType] = [],
    _ attributes: KeyValuePairs<String, Attribute> = [:]
  ) -> OpID {
    function.insert(
      code, operands, attributes: attributes.map { NamedAttribute($0.key, $0.value) }, results: results,
      at: .end(of: block))
  }

  mutating func emit(
    _ code: OpCode, _ operands: [ValueID], _ result: TensorType,
    _ attributes: KeyValuePairs<String, Attribute> = [:]
  ) -> ValueID {
    let op = insert(code, operands, [result], attributes)
    return function.result(of: op)
  }

  mutating func end(_ code: OpCode, _ values: [ValueID] = []) { insert(code, values) }

  mutating func index(_ value: Int) -> ValueID {
    emit(.constant, [], .index, ["value": .scalar(.signed(Int64(value)))])
  }

  mutating func loop(
    _ upper: ValueID, _ kind: String = "serial", step: Int = 1, _ body: (inout LoopsWriter, ValueID) -> Void
  ) {
    let lower = index(0)
    let op = insert(.for, [lower, upper], [], ["kind": .name(kind), "step": .int(step)])
    let outer = block
    block = function.region(0, of: op)
    let counter = function.addParameter(.index, to: block)
    body(&self, counter)
    end(.yield)
    block = outer
  }
}
