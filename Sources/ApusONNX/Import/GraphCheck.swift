import ApusIR
import ApusSupport
import ApusTensor

extension ModelImport {
  /// What ONNX asks of the model's own graph before any node of it is looked at.
  func checkModel() {
    let graph = model.graph
    if graph.outputs.isEmpty { diagnostics.error("onnx.graph", "the graph has no outputs", at: .file(path)) }
    checkNames(of: graph)
    var outputs: Set<String> = []
    for output in graph.outputs where !outputs.insert(output.name).inserted {
      diagnostics.error("onnx.name", "two outputs of the graph have this name", at: place(ofTensor: output.name))
    }
    checkInitializers(of: graph)
    var seen: Set<FunctionName> = []
    for function in model.functions {
      let name = FunctionName(domain: function.domain, name: function.name, overload: function.overload)
      if seen.insert(name).inserted { continue }
      let place = Place.node(file: path, description: "function \(quoted(function.name)) (\(function.domain))")
      diagnostics.error("onnx.function", "the model has two functions of this name", at: place)
    }
  }

  /// Inputs and initializers of a graph, of which no two share a name.
  func checkNames(of graph: GraphProto) {
    func check(_ names: some Sequence<String>, _ what: String) {
      var seen: Set<String> = []
      for name in names where name.isEmpty || !seen.insert(name).inserted {
        let message = name.isEmpty ? "\(what) of the graph has no name" : "two of the graph's have this name: \(what)"
        diagnostics.error("onnx.name", message, at: place(ofTensor: name))
      }
    }
    check(graph.inputs.lazy.map(\.name), "an input")
    check(graph.initializers.map(\.name) + graph.sparseInitializers.map { $0.values?.name ?? "" }, "an initializer")
    for output in graph.outputs where output.name.isEmpty {
      diagnostics.error("onnx.name", "an output of the graph has no name", at: .file(path))
    }
  }

  /// Initializers that are the defaults of inputs have the type of the input.
  private func checkInitializers(of graph: GraphProto) {
    var inputs: [String: TypeProto] = [:]
    for input in graph.inputs { inputs[input.name] = input.type }
    for tensor in graph.initializers {
      guard case .tensor(let dataType, let shape)? = inputs[tensor.name] else { continue }
      let place = place(ofTensor: tensor.name)
      if dataType != tensor.dataType {
        let names = (ElementType.onnxName(tensor.dataType), ElementType.onnxName(dataType))
        diagnostics.error("onnx.type", "the initializer is of type \(names.0), and the input of the name of \(names.1)", at: place)
      }
      guard let shape else { continue }
      let fits = shape.count == tensor.dims.count && zip(shape, tensor.dims).allSatisfy { dim, size in
        if case .value(let stated) = dim { stated == size } else { true }
      }
      if !fits { diagnostics.error("onnx.dims", "the initializer's sizes \(tensor.dims) are not the input's", at: place) }
    }
  }

  /// Refuses a result whose element type the graph states to be another. Throws `onnx.type`.
  func check(_ output: Imported, named name: String, isStated stated: TypeProto?) throws(DiagnosticError) {
    guard let stated, let found = storedType(of: output) else { return }
    guard case .tensor(let dataType, _) = stated else {
      if case .opaque = stated { return }
      throw DiagnosticError(id: "onnx.type", "tensor \(quoted(name)): the graph states that it is no tensor", at: emitter.place)
    }
    guard dataType != 0, StoredType(onnx: dataType) != found else { return }
    throw DiagnosticError(
      id: "onnx.type", "tensor \(quoted(name)): it is of type \(found.name), and the graph states \(ElementType.onnxName(dataType))",
      at: emitter.place)
  }

  /// Nodes that a call of a function stands for once all calls within are written out. Too many, and calls of itself, are
  /// a number beyond any limit.
  func nodeCount(of name: FunctionName) -> Int {
    let tooMany = 1 << 40
    if let known = expandedCounts[name] {
      if known == nil { recursive.insert(name) }
      return known ?? tooMany
    }
    guard let function = functions[name] else { return 0 }
    expandedCounts[name] = .some(nil)
    let count = nodeCount(of: function.nodes, tooMany)
    expandedCounts[name] = count
    return count
  }

  private func nodeCount(of nodes: [NodeProto], _ tooMany: Int) -> Int {
    var count = nodes.count
    for node in nodes {
      count += nodeCount(of: FunctionName(domain: node.domain, name: node.op, overload: node.overload))
      for attribute in node.attributes {
        if let graph = attribute.graph { count += nodeCount(of: graph.nodes, tooMany) }
        for graph in attribute.graphs { count += nodeCount(of: graph.nodes, tooMany) }
      }
      count = min(count, tooMany)
    }
    return count
  }

  func place(ofTensor name: String) -> Place { .node(file: path, description: "tensor \(quoted(name))") }
}
