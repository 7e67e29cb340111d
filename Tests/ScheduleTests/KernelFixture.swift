import ApusIR
import ApusInterpreter
import ApusSchedule
import ApusSupport
import ApusTarget
import ApusTensor
import Testing

/// Builds a graph function, puts its whole body into one kernel, lowers that, and compares what the
/// loops compute with what the graph computes.
struct KernelFixture {
  var function: Function
  private(set) var inputs: [ValueID] = []

  init() { function = Function(name: "f") }

  mutating func input(_ element: ElementType, _ dims: [Dim]) -> ValueID {
    let value = function.addParameter(TensorType(element, dims))
    inputs.append(value)
    return value
  }

  mutating func symbol(_ name: String, _ bounds: DimBounds = DimBounds(lower: 0, upper: 4_096)) -> Dim {
    .symbol(function.symbols.append(Symbol(name: name, bounds: bounds)))
  }

  mutating func op(
    _ code: OpCode, _ operands: [ValueID], _ attributes: [NamedAttribute] = [], as stated: TensorType? = nil
  ) throws -> ValueID {
    try function.emit(code, operands, attributes, stated: stated)
  }

  /// The function with its body in one kernel, in phase `fused`.
  func kernelized(_ results: [ValueID]) -> (host: Function, kernel: OpID) {
    var host = Function(name: "host", phase: .fused)
    host.symbols = function.symbols
    let parameters = inputs.map { host.addParameter(function.type(of: $0)) }
    let types = results.map { function.type(of: $0) }
    let kernel = host.insert(.kernel, parameters, results: types, at: .end(of: host.entry))
    let body = host.region(0, of: kernel)
    var map: [ValueID: ValueID] = [:]
    for input in inputs { map[input] = host.addParameter(function.type(of: input), to: body) }
    for op in function.ops(in: function.entry) {
      let copy = host.insert(
        function.opcode(of: op), function.operands(of: op).compactMap { map[$0] },
        attributes: function.attributes(of: op), results: function.results(of: op).map { function.type(of: $0) },
        at: .end(of: body))
      for (old, new) in zip(function.results(of: op), host.results(of: copy)) { map[old] = new }
    }
    host.insert(.yield, results.compactMap { map[$0] }, results: [], at: .end(of: body))
    host.insert(.return, host.results(of: kernel), results: [], at: .end(of: host.entry))
    host.resultTypes = types
    return (host, kernel)
  }

  /// Lowers with the machine's schedule, or `schedule`, and runs both forms.
  func check(
    _ results: [ValueID], _ tensors: [Tensor], schedule: Schedule? = nil,
    machine: Machine = Machine.preset("x86-64-v3") ?? .host(environment: [:]), tolerance: Double = 1e-5,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    var (host, kernel) = kernelized(results)
    let chosen = schedule ?? chooseSchedule(for: kernel, in: host, on: machine)
    host.setAttribute("schedule", .schedule(chosen), of: kernel)
    let expected = try Interpreter(Module(host)).run(tensors)
    let lowered = try lowerKernel(kernel, in: host, name: "k")
    let buffers = try tensors + expected.map { try Tensor.zeros($0.elementType, shape: $0.shape) }
    let actual = try Interpreter(Module(lowered.function)).runInPlace(buffers, function: "k").dropFirst(tensors.count)
    for (wanted, got) in zip(expected, actual) {
      let wide = wanted.elementType.isFloat
      for index in 0..<wanted.count {
        let (a, b) = (wanted.scalar(at: index), got.scalar(at: index))
        if wide, case .float(let x) = a, case .float(let y) = b {
          let close = x == y || x.isNaN && y.isNaN || abs(x - y) <= tolerance * max(1, abs(x))
          #expect(close, "element \(index): \(x) against \(y)", sourceLocation: sourceLocation)
        } else {
          #expect(a == b, "element \(index)", sourceLocation: sourceLocation)
        }
      }
    }
  }
}

/// Seeded values in −4 ..< 4, or small integers.
func randomTensor(_ element: ElementType, _ shape: [Int], seed: UInt64 = 1) throws -> Tensor {
  var generator = SplitMix64(seed: seed)
  var tensor = try Tensor.zeros(element, shape: shape)
  for index in 0..<tensor.count {
    let value: Scalar
    if element == .bool {
      value = .bool(Bool.random(using: &generator))
    } else if element.isFloat {
      value = .float(Double.random(in: -4..<4, using: &generator))
    } else {
      value = .signed(Int64.random(in: 0..<7, using: &generator))
    }
    tensor.setScalar(value, at: index)
  }
  return tensor
}

func ints(_ name: String, _ values: [Int]) -> NamedAttribute { NamedAttribute(name, .ints(values)) }
func dims(_ name: String, _ values: [Dim]) -> NamedAttribute { NamedAttribute(name, .dims(values)) }
func flag(_ name: String) -> NamedAttribute { NamedAttribute(name, .bool(true)) }
func int(_ name: String, _ value: Int) -> NamedAttribute { NamedAttribute(name, .int(value)) }
