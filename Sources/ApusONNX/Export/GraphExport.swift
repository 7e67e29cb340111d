import ApusIR
import ApusSupport
import ApusTensor

/// A value of the graph that is written: its name, and the type of its elements.
struct Exported: Sendable, Hashable {
  var name: String
  var element: ElementType
}

/// What ONNX has no way to say.
struct Inexpressible: Error {
  var id = "export.op"
  var reason: String

  init(_ reason: String, id: String = "export.op") {
    self.id = id
    self.reason = reason
  }
}

/// A graph while it is written.
final class GraphExport {
  let module: Module
  private(set) var opset = ONNXExport.opset
  /// The nodes of the graph, and of each graph within that is being written.
  var blocks: [[ModelWriter.Node]] = [[]]
  var frame: ExportFrame
  private var initializers: [[UInt8]] = []
  private var constants: [Tensor: Exported] = [:]
  private var names: Set<String> = []
  private var nameCount = 0
  private var diagnostics = Diagnostics()
  /// What operators take, once it was asked.
  var schemas: [String: OperatorSchema] = [:]

  init(_ module: Module) {
    self.module = module
    frame = ExportFrame(Function(name: ""))
  }

  func model(_ function: Function) throws(DiagnosticError) -> ONNXExport.Model {
    frame = ExportFrame(function)
    var inputs: [ModelWriter.Value] = []
    for parameter in function.parameters {
      let type = function.type(of: parameter)
      let input = Exported(name: name(function.name(of: parameter) ?? "input"), element: type.element)
      inputs.append(.tensor(input.name, type.element, sizes(of: type)))
      define(parameter, input)
    }
    let results = try written(function.entry)
    try diagnostics.throwIfErrors()
    var outputs: [ModelWriter.Value] = []
    for (index, (result, type)) in zip(results, function.resultTypes).enumerated() {
      let wanted = function.resultNames.indices.contains(index) ? function.resultNames[index] : "output\(index)"
      let output = name(wanted)
      blocks[0].append(ModelWriter.Node("Identity", [result.name], [output]))
      outputs.append(.tensor(output, type.element, sizes(of: type)))
    }
    var model = ModelWriter(opset: opset, inputs: inputs, outputs: outputs, nodes: blocks[0])
    model.graph.name = function.name
    model.graph.initializers = initializers
    return ONNXExport.Model(bytes: model.bytes, inputs: inputs.map(\.name), outputs: outputs.map(\.name))
  }

  /// What the file says of a size: names are those of the symbols that inputs bind.
  func sizes(of type: TensorType) -> [ModelWriter.Size] {
    type.dims.map { dim in
      if let size = dim.constantValue { return .fixed(size) }
      guard let id = dim.symbolID else { return .unknown }
      let symbol = frame.function.symbols[id]
      return symbol.origin == .argument && !symbol.name.isEmpty ? .named(symbol.name) : .unknown
    }
  }

  // MARK: Ops

  /// Writes the ops of a block to the innermost graph; gives what its end reads.
  func written(_ block: BlockID) throws(DiagnosticError) -> [Exported] {
    for op in frame.function.ops(in: block) {
      do {
        if frame.function.opcode(of: op).isTerminator { return try operands(of: op) }
        if try isDeferred(op) { continue }
        let results = try results(of: op)
        for (value, result) in zip(frame.function.results(of: op), results) { define(value, result) }
      } catch {
        report(error, at: op)
        // What reads its results has nothing to say about.
        for value in frame.function.results(of: op) {
          define(value, Exported(name: "?", element: frame.function.type(of: value).element))
        }
      }
    }
    return []
  }

  private func report(_ error: any Error, at op: OpID) {
    let place = frame.place ?? place(of: op)
    let code = frame.function.opcode(of: op)
    switch error {
    case let error as Inexpressible:
      let types = frame.function.operands(of: op).map { frame.function.symbols.text(frame.function.type(of: $0)) }
      diagnostics.add(
        Diagnostic(
          .unsupported, id: error.id, "\(code.name)(\(types.joined(separator: ", "))) cannot be exported: \(error.reason)", at: place))
    case let error as DiagnosticError: for diagnostic in error.diagnostics { diagnostics.add(diagnostic) }
    default:
      diagnostics.add(Diagnostic(.unsupported, id: "export.size", "the sizes of \(code.name) are too large", at: place))
    }
  }

  func place(of op: OpID) -> Place {
    if case .place(let place) = frame.function.location(of: op) { place } else { .none }
  }

  /// Leaves a broadcast to its readers, of which those that repeat by themselves need not have it written.
  private func isDeferred(_ op: OpID) throws -> Bool {
    guard frame.function.opcode(of: op) == .broadcast else { return false }
    frame.unexpanded[frame.function.result(of: op)] = unexpanded(try value(frame.function.operand(0, of: op)), op)
    return true
  }

  /// Where an op works on each element by itself, operands may be smaller than the result as long as one is not.
  func operands(of op: OpID) throws -> [Exported] {
    let operands = frame.function.operands(of: op)
    let isRepeating =
      frame.function.opcode(of: op).isElementwise && operands.contains { frame.unexpanded[$0] == nil }
    return try operands.map { id in
      if isRepeating, let small = frame.unexpanded[id] { return small }
      return try value(id)
    }
  }

  func value(_ id: ValueID) throws -> Exported {
    if let found = frame.values[id] { return found }
    guard let small = frame.unexpanded[id] else { preconditionFailure("a value is read before it is written") }
    let whole = try expand(small, to: frame.function.type(of: id).dims)
    frame.values[id] = whole
    return whole
  }

  /// Says what a value is called, and that the symbols of its sizes can be read off it.
  func define(_ value: ValueID, _ exported: Exported) {
    frame.values[value] = exported
    for (axis, dim) in frame.function.type(of: value).dims.enumerated() {
      guard let id = dim.symbolID else { continue }
      let isOwn = frame.function.symbols[id].origin == .value
      guard isOwn || frame.sources[id] == nil else { continue }
      frame.sources[id] = (exported, axis)
      frame.sizes[id] = nil
    }
  }

  // MARK: Nodes

  /// A name that nothing has yet.
  func name(_ wanted: String) -> String {
    var name = wanted
    while !names.insert(name).inserted {
      nameCount += 1
      name = "\(wanted)_\(nameCount)"
    }
    return name
  }

  func require(opset: Int) { self.opset = max(self.opset, opset) }

  /// Writes a node with one result.
  func node(_ op: String, _ inputs: [Exported?], _ type: ElementType) -> Exported { nodes(op, inputs, [:], [type])[0] }

  func node(
    _ op: String, _ inputs: [Exported?], _ attributes: KeyValuePairs<String, ModelWriter.Attribute>, _ type: ElementType
  ) -> Exported {
    nodes(op, inputs, attributes, [type])[0]
  }

  func nodes(
    _ op: String, _ inputs: [Exported?], _ attributes: KeyValuePairs<String, ModelWriter.Attribute>, _ types: [ElementType]
  ) -> [Exported] {
    nodes(op, inputs, attributes: attributes.map { ($0.key, $0.value) }, types)
  }

  func nodes(
    _ op: String, _ inputs: [Exported?], attributes: [(name: String, value: ModelWriter.Attribute)], _ types: [ElementType]
  ) -> [Exported] {
    nameCount += 1
    let results = types.enumerated().map { index, type in
      Exported(name: name("\(op)_\(nameCount)\(index == 0 ? "" : ".\(index)")"), element: type)
    }
    var node = ModelWriter.Node(op, inputs.map { $0?.name ?? "" }, results.map(\.name), name: "node_\(nameCount)")
    node.attributes = attributes
    blocks[blocks.count - 1].append(node)
    return results
  }

  /// Writes a graph within a node: `body` gives what it yields.
  func graph(
    _ label: String, inputs: [ModelWriter.Value] = [], _ body: () throws -> [Exported]
  ) throws -> ModelWriter.Graph {
    let outer = frame
    blocks.append([])
    defer {
      blocks.removeLast()
      // What was written within is not seen outside.
      frame = outer
    }
    // Results of a graph are its own.
    let outputs = try body().map { node("Identity", [$0], $0.element) }
    var graph = ModelWriter.Graph(
      inputs: inputs, outputs: outputs.map { .tensor($0.name, $0.element, nil) }, nodes: blocks[blocks.count - 1])
    graph.name = name(label)
    return graph
  }

  // MARK: Constants

  func constant(_ tensor: Tensor) -> Exported {
    if let known = constants[tensor] { return known }
    let constant = Exported(name: name("constant"), element: tensor.elementType)
    initializers.append(TensorProto.encoded(tensor, name: constant.name))
    constants[tensor] = constant
    return constant
  }

  func scalar(_ value: Scalar, _ element: ElementType) -> Exported {
    var tensor = Tensor([UInt8](repeating: 0, count: element.byteCount))
    tensor.withUnsafeMutableBytes { value.store(to: UnsafeMutableRawBufferPointer($0), at: 0, as: element) }
    guard let typed = try? Tensor(element, shape: [], storage: tensor.storage) else {
      preconditionFailure("a scalar has the bytes of one element")
    }
    return constant(typed)
  }

  func integer(_ value: Int, _ element: ElementType = .s64) -> Exported { scalar(.signed(Int64(value)), element) }
  func number(_ value: Double, _ element: ElementType) -> Exported { scalar(.float(value), element) }
  func integers(_ values: [Int]) -> Exported { constant(Tensor(values.map { Int64($0) }, shape: [values.count])) }
}

/// The function that is being written, and what its values and sizes are called.
struct ExportFrame {
  let function: Function
  /// Where the op came from whose body the function is.
  var place: Place?
  var values: [ValueID: Exported] = [:]
  /// Broadcasts that lack only that axes of 1 are repeated.
  var unexpanded: [ValueID: Exported] = [:]
  /// A value along whose axis the size of a symbol lies.
  var sources: [SymbolID: (value: Exported, axis: Int)] = [:]
  /// Sizes that were written: vectors of one.
  var sizes: [SymbolID: Exported] = [:]

  init(_ function: Function) { self.function = function }
}
