import ApusIR
import ApusSupport
import ApusTensor

/// Turns one model into one function. Belongs to one task, and is used once.
final class ModelImport {
  let path: String
  let model: ModelProto
  let options: ImportOptions
  var emitter: Emitter
  var diagnostics = Diagnostics(limit: 1_000)
  /// Inputs whose values must be known, and what is asked of them.
  var needed: (inputs: Set<String>, shapes: Bool, problems: [Diagnostic]) = ([], false, [])
  /// Names in reach, innermost graph last. A function's body sees only its own: `isOpaque`.
  var scopes: [Scope] = []
  /// Sizes by the names that the file has for them.
  private var symbols: [String: Dim] = [:]
  /// The constants that the function's values stand for.
  var constants: [ValueID: Tensor] = [:]
  let functions: [FunctionName: FunctionProto]
  /// Functions whose bodies are being translated, outermost first.
  var calls: [FunctionName] = []
  /// Nodes of functions that may still be translated: a few functions that call each other can stand for any number.
  var inlinedNodesLeft = 200_000
  /// Nodes that may still be translated: graphs within graphs can be tried in several ways each.
  var nodesLeft: Int
  /// By function: nodes that a call stands for.
  /// nil while it is being counted.
  var expandedCounts: [FunctionName: Int?] = [:]
  /// Functions that call themselves, be it through others.
  var recursive: Set<FunctionName> = []
  /// Sizes that the model has names for, where they are settled.
  private var settledSizes: [String: Int] = [:]
  /// What the module takes for granted of sizes.
  var guards = SizeGuards()
  /// Sizes that are 1 where a comparison holds and 0 elsewhere.
  var conditions: [Dim: SizeCondition] = [:]
  /// The schemas of the operators that were met; nil for one that the opset has not.
  var schemas: [SchemaKey: OperatorSchema?] = [:]
  /// What the model's graph says of its values.
  private(set) var stated: [String: TypeProto] = [:]
  /// Why names of the model's graph are poisoned.
  var refusals: [String: String] = [:]
  let externalData: ExternalData

  struct Scope {
    var names: [String: Imported] = [:]
    var isOpaque = false
    /// Versions of operator sets that nodes of the scope refer to.
    var opsets: [String: Int]
    /// Inside a function: the attributes of its call, by name.
    var attributes: [String: AttributeProto] = [:]
  }

  struct FunctionName: Hashable {
    let domain: String
    let name: String
    let overload: String
  }

  convenience init(_ file: ONNXFile, _ options: ImportOptions) {
    var functions: [FunctionName: FunctionProto] = [:]
    for function in file.model.functions {
      functions[FunctionName(domain: function.domain, name: function.name, overload: function.overload)] = function
    }
    self.init(path: file.path, file.model, options, file.externalData, functions)
  }

  init(
    path: String, _ model: ModelProto, _ options: ImportOptions, _ externalData: ExternalData,
    _ functions: [FunctionName: FunctionProto]
  ) {
    self.path = path
    self.model = model
    self.options = options
    self.externalData = externalData
    let function = Function(name: "main")
    emitter = Emitter(function, at: .end(of: function.entry))
    emitter.checksDefinitions = false
    self.functions = functions
    nodesLeft = (1 << 20) + model.graph.nodes.count
  }

  /// Throws everything that stands in the way.
  func outcome() throws(DiagnosticError) -> ImportOutcome {
    scopes = [Scope(opsets: model.opsets)]
    checkModel()
    for value in model.graph.values + model.graph.outputs { stated[value.name] = value.type }
    bindInitializers(of: model.graph)
    for input in model.graph.inputs { bindInput(input) }
    translate(model.graph.nodes)
    if nodesLeft < 0 {
      diagnostics.error("limit.nodes", "its graphs and functions stand for too many nodes", at: .file(path))
    }
    var results: [(name: String, leaf: ValueID)] = []
    var outputs: [Structured<Int>] = []
    emitter.place = .file(path)
    for output in model.graph.outputs {
      guard let value = result(output) else { continue }
      let first = results.count
      results += value.named(output.name)
      var number = first
      outputs.append(value.map { _ in
        defer { number += 1 }
        return number
      })
    }
    if !needed.problems.isEmpty, !diagnostics.hasErrors {
      return .needs(values: needed.inputs, shapes: needed.shapes, problems: needed.problems)
    }
    for problem in needed.problems { diagnostics.add(problem) }
    try diagnostics.throwIfErrors()
    attempt(at: .file(path)) {
      writeGuards()
      emitter.place = .file(path)
      _ = try emitter.emit(.return, results.map(\.leaf))
      emitter.function.resultTypes = results.map { emitter.type(of: $0.leaf) }
      emitter.function.resultNames = results.map(\.name)
    }
    try diagnostics.throwIfErrors()
    return .module(Module(emitter.function), outputs: outputs, guards: guards)
  }

  /// Runs `body`, and takes down what it throws.
  @discardableResult
  func attempt<Result>(at place: Place, _ body: () throws -> Result) -> Result? {
    do {
      return try body()
    } catch let error as DiagnosticError {
      for diagnostic in error.diagnostics { diagnostics.add(diagnostic.placed(at: place)) }
    } catch let error as EmissionError {
      switch error {
      case .failed(let found): for diagnostic in found { diagnostics.add(diagnostic.placed(at: place)) }
      case .silent: break
      case .retype: diagnostics.error("onnx.type", "the types of a loop's values do not agree", at: place)
      }
    } catch let error as NeedsValues {
      let problem = Diagnostic(.unsupported, id: "onnx.dynamic", error.problem, at: place)
      // What is known already, or depends on no input at all, will not be known another time.
      let isNew = !error.inputs.isEmpty && error.inputs.isDisjoint(with: options.values.keys)
      if !isNew, !error.shapes || !options.shapes.isEmpty {
        diagnostics.add(problem)
      } else {
        needed.inputs.formUnion(error.inputs)
        needed.shapes = needed.shapes || error.shapes
        needed.problems.append(problem)
      }
    } catch {
      diagnostics.error("onnx.internal", "\(error)", at: place)
    }
    return nil
  }

  // MARK: Names

  func find(_ name: String) -> Imported? {
    for scope in scopes.reversed() {
      if let found = scope.names[name] { return found }
      if scope.isOpaque { return nil }
    }
    return nil
  }

  func bind(_ name: String, _ imported: Imported) {
    guard !name.isEmpty else { return }
    scopes[scopes.count - 1].names[name] = imported
    if case .value(let value) = imported.carried, scopes.count == 1, emitter.function.name(of: value) == nil {
      emitter.function.setName(name, of: value)
    }
  }

  func version(of domain: String) -> Int? { scopes[scopes.count - 1].opsets[domain] }

  // MARK: Inputs and outputs

  func bindInitializers(of graph: GraphProto) {
    for proto in graph.initializers {
      let before = problemCounts
      let tensor = attempt(at: proto.place) { try externalData.tensor(proto) }
      if let tensor { bind(proto.name, .constant(tensor).marked(proto.narrowType)) } else { poison([proto.name], since: before) }
    }
    for sparse in graph.sparseInitializers {
      let name = sparse.values?.name ?? ""
      let before = problemCounts
      let tensor = attempt(at: .node(file: path, description: "tensor \(quoted(name))")) { try sparse.tensor(externalData) }
      if let tensor {
        bind(name, .constant(tensor).marked(sparse.values?.narrowType))
      } else {
        poison([name], since: before)
      }
    }
  }

  private func bindInput(_ input: ValueProto) {
    if scopes[0].names[input.name] != nil, !options.given.contains(input.name) { return }
    let place = Place.node(file: path, description: "tensor \(quoted(input.name))")
    let before = problemCounts
    let bound = attempt(at: place) { () throws -> Imported in
      switch input.type {
      case .sequence, .optional:
        guard let form = options.forms[input.name] else {
          throw NeedsValues(inputs: [input.name], problem: "what this input holds is not known before the model runs")
        }
        return try parameters(form, input.name, at: place).marked(input.type?.narrowType)
      case .tensor, .map, .sparseTensor, .opaque, nil:
        return try parameter(try type(of: input, at: place), input.name, at: place).marked(input.type?.narrowType)
      }
    }
    guard let bound else { return poison([input.name], since: before) }
    scopes[0].names[input.name] = bound
  }

  private func parameters(_ form: Structured<TensorForm>, _ name: String, at place: Place) throws -> Imported {
    switch form {
    case .absent: return .absent
    case .tensor(let form):
      return try parameter(TensorType(form.elementType, form.shape.map { .constant($0) }), name, at: place)
    case .sequence(let entries):
      return .sequence(try entries.enumerated().map { try parameters($1, "\(name).\($0)", at: place) })
    }
  }

  private func parameter(_ type: TensorType, _ name: String, at place: Place) throws -> Imported {
    emitter.place = place
    try emitter.check(type)
    let value = emitter.function.addParameter(type, to: emitter.function.entry, name: name)
    emitter.origins[value] = place
    for (axis, dim) in type.dims.enumerated() {
      if let symbol = dim.symbolID { guards.bind(symbol, name, axis: axis) }
    }
    return options.values[name].map { .constant($0) } ?? .value(value)
  }

  /// The declared type of an input, with the sizes that the options settle. What the file calls by one name is one size.
  private func type(of input: ValueProto, at place: Place) throws -> TensorType {
    guard case .tensor(let dataType, let shape)? = input.type else {
      throw DiagnosticError(
        input.type == nil ? .error : .unsupported, id: "onnx.input",
        input.type == nil ? "the input has no type" : "only tensors can be inputs", at: place)
    }
    guard let element = StoredType(onnx: dataType)?.carrier else {
      throw DiagnosticError(
        .unsupported, id: "onnx.type", "elements of type \(ElementType.onnxName(dataType)) are not supported", at: place)
    }
    let settled = options.shapes[input.name] ?? options.values[input.name]?.shape
    guard let shape else {
      guard let settled else {
        throw NeedsValues(inputs: [], shapes: true, problem: "the model does not state the rank of this input")
      }
      return TensorType(element, settled.map { .constant($0) })
    }
    guard settled == nil || settled?.count == shape.count else {
      throw DiagnosticError(
        id: "input.rank", "the input has \(shape.count) axes, and \(settled?.count ?? 0) sizes are given", at: place)
    }
    var dims: [Dim] = []
    for (axis, dim) in shape.enumerated() {
      switch dim {
      case .value(let size) where size >= 0: dims.append(.constant(Int(size)))
      case .value, .unknown: dims.append(settled.map { .constant($0[axis]) } ?? symbol("\(input.name)_\(axis)", isShared: false))
      case .name(let name):
        // Some exporters call every size that they do not know "?".
        let isName = name.unicodeScalars.contains { $0.properties.isAlphabetic }
        if isName, let size = settled?[axis] { try settle(name, size, axis, at: place) }
        dims.append(settled.map { .constant($0[axis]) } ?? symbol(isName ? name : "\(input.name)_\(axis)", isShared: isName))
      }
    }
    return TensorType(element, dims)
  }

  /// The symbol of that name in the file, or a new one, under a name that texts can have.
  /// Throws `input.shape` where another axis of this name has another size.
  private func settle(_ name: String, _ size: Int, _ axis: Int, at place: Place) throws(DiagnosticError) {
    guard let other = settledSizes.updateValue(size, forKey: name), other != size else { return }
    throw DiagnosticError(
      id: "input.shape", "axis \(axis) has the size \(size), and \(quoted(name)) is \(other) elsewhere", at: place)
  }

  private func symbol(_ name: String, isShared: Bool) -> Dim {
    if isShared, let known = symbols[name] { return known }
    var text = String(name.unicodeScalars.map { scalar in
      scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)) ? Character(scalar) : "_"
    })
    if text.isEmpty || text.first.map({ $0.isNumber }) == true { text = "d_" + text }
    let stem = text
    var count = 1
    while emitter.function.symbols.find(text) != nil {
      count += 1
      text = "\(stem)_\(count)"
    }
    let symbol = Dim.symbol(emitter.function.symbols.intern(text))
    if isShared { symbols[name] = symbol }
    return symbol
  }

  private func result(_ output: ValueProto) -> Structured<ValueID>? {
    let place = Place.node(file: path, description: "tensor \(quoted(output.name))")
    return attempt(at: place) { () throws -> Structured<ValueID>? in
      guard let found = find(output.name) else {
        throw DiagnosticError(id: "onnx.name", "no node computes this output", at: place)
      }
      return try structured(found)
    } ?? nil
  }

  /// Nil for what is poisoned.
  private func structured(_ imported: Imported) throws -> Structured<ValueID>? {
    switch imported {
    case .poison: return nil
    case .absent: return .absent
    case .sequence(let entries):
      let parts = try entries.compactMap { try structured($0) }
      return parts.count == entries.count ? .sequence(parts) : nil
    case .value, .constant, .sizes, .fractions, .narrow: return .tensor(try value(of: imported))
    }
  }
}

extension Diagnostic {
  /// A problem that was found where no place is known is one of the node's.
  fileprivate func placed(at place: Place) -> Diagnostic {
    guard self.place == .none else { return self }
    var copy = self
    copy.place = place
    return copy
  }
}
