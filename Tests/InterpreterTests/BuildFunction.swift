import ApusIR
import ApusInterpreter
import ApusTensor

/// A function made by `body` from its parameters, whose values `body` returns.
func function(
  _ parameters: [TensorType], name: String = "main", phase: Phase = .graph, symbols: SymbolTable = SymbolTable(),
  _ body: (inout Function, [ValueID]) throws -> [ValueID]
) throws -> Function {
  var function = Function(name: name, phase: phase)
  function.symbols = symbols
  let values = parameters.map { function.addParameter($0) }
  let results = try body(&function, values)
  function.resultTypes = results.map { function.type(of: $0) }
  function.insert(.return, results, results: [], at: .end(of: function.entry))
  return function
}

/// The result of a kernel over all inputs, whose body `body` builds.
func runKernel(
  _ types: [TensorType], _ inputs: [Tensor], schedule: Schedule? = nil,
  _ body: (inout Function, BlockID, [ValueID]) throws -> ValueID
) throws -> Tensor {
  let built = try function(types, phase: .fused) { function, values in
    let kernel = function.insert(
      .kernel, values, attributes: schedule.map { [NamedAttribute("schedule", .schedule($0))] } ?? [], results: types,
      at: .end(of: function.entry))
    let block = function.region(0, of: kernel)
    let parameters = types.map { function.addParameter($0, to: block) }
    let result = try body(&function, block, parameters)
    function.insert(.yield, [result], results: [], at: .end(of: block))
    function.setType(function.type(of: result), of: function.result(of: kernel))
    return [function.result(of: kernel)]
  }
  return try Interpreter(Module(built)).run(inputs)[0]
}
