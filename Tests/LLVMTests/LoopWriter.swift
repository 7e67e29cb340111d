import ApusIR
import ApusTensor

/// Writes a function of phase `loops`, op by op.
struct LoopWriter {
  var function: Function
  private var block: BlockID

  init(_ name: String) {
    function = Function(name: name, phase: .loops)
    block = function.entry
  }

  /// The function, ended with a `return` of those buffers.
  func finished(returning values: [ValueID] = []) -> Function {
    var copy = self
    copy.op(.return, values, [])
    return copy.function
  }

  mutating func symbol(_ name: String, upTo upper: Int = 1 << 20, origin: Symbol.Origin = .argument) -> Dim {
    .symbol(function.symbols.append(Symbol(name: name, bounds: DimBounds(lower: 0, upper: upper), origin: origin)))
  }

  mutating func buffer(_ element: ElementType, _ dims: [Dim], layout: Layout? = nil) -> ValueID {
    function.addParameter(TensorType(element, dims, form: .buffer, layout: layout))
  }

  @discardableResult
  mutating func op(_ code: OpCode, _ operands: [ValueID], _ results: [TensorType], _ attributes: [NamedAttribute] = [])
    -> OpID
  {
    function.insert(code, operands, attributes: attributes, results: results, at: .end(of: block))
  }

  mutating func value(
    _ code: OpCode, _ operands: [ValueID], _ result: TensorType, _ attributes: [NamedAttribute] = []
  ) -> ValueID {
    let made = op(code, operands, [result], attributes)
    return function.result(of: made)
  }

  mutating func index(_ value: Int) -> ValueID {
    self.value(.constant, [], .index, [NamedAttribute("value", .scalar(.signed(Int64(value))))])
  }

  mutating func constant(_ scalar: Scalar, _ type: TensorType) -> ValueID {
    value(.constant, [], type, [NamedAttribute("value", .scalar(scalar))])
  }

  mutating func size(_ dim: Dim) -> ValueID { value(.size, [], .index, [NamedAttribute("of", .dims([dim]))]) }
  mutating func add(_ a: ValueID, _ b: ValueID) -> ValueID { value(.add, [a, b], function.type(of: a)) }
  mutating func sub(_ a: ValueID, _ b: ValueID) -> ValueID { value(.sub, [a, b], function.type(of: a)) }
  mutating func mul(_ a: ValueID, _ b: ValueID) -> ValueID { value(.mul, [a, b], function.type(of: a)) }

  mutating func load(
    _ buffer: ValueID, _ indices: [ValueID], lanes: Int? = nil, count: ValueID? = nil, along: Int? = nil,
    stride: Int = 1
  ) -> ValueID {
    value(
      count == nil ? .load : .loadMasked, (count.map { [$0] } ?? []) + [buffer] + indices,
      .register(function.type(of: buffer).element, lanes: lanes), attributes(along, stride))
  }

  mutating func store(
    _ value: ValueID, _ buffer: ValueID, _ indices: [ValueID], count: ValueID? = nil, along: Int? = nil,
    stride: Int = 1
  ) {
    op(
      count == nil ? .store : .storeMasked, (count.map { [$0] } ?? []) + [value, buffer] + indices, [],
      attributes(along, stride))
  }

  private func attributes(_ along: Int?, _ stride: Int) -> [NamedAttribute] {
    (along.map { [NamedAttribute("along", .int($0))] } ?? [])
      + (stride == 1 ? [] : [NamedAttribute("stride", .int(stride))])
  }

  @discardableResult
  mutating func loop(
    _ lower: ValueID, _ upper: ValueID, step: Int = 1, kind: String = "serial", grain: Int = 1,
    carrying inits: [ValueID] = [], _ body: (inout LoopWriter, ValueID, [ValueID]) -> [ValueID]
  ) -> [ValueID] {
    let types = inits.map { function.type(of: $0) }
    let loop = op(
      .for, [lower, upper] + inits, types,
      [
        NamedAttribute("step", .int(step)), NamedAttribute("kind", .name(kind)), NamedAttribute("grain", .int(grain)),
      ])
    inRegion(0, of: loop, parameters: [.index] + types) { body(&$0, $1[0], Array($1[1...])) }
    return function.results(of: loop)
  }

  /// Writes a region; `body` returns what its terminator names.
  mutating func inRegion(
    _ index: Int, of op: OpID, parameters: [TensorType] = [], terminator: OpCode = .yield,
    _ body: (inout LoopWriter, [ValueID]) -> [ValueID]
  ) {
    let outer = block
    block = function.region(index, of: op)
    let values = parameters.map { function.addParameter($0, to: block) }
    let results = body(&self, values)
    self.op(terminator, results, [])
    block = outer
  }
}
