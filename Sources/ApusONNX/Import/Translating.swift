import ApusIR
import ApusSupport
import ApusTensor

extension ModelImport {
  /// Translates nodes in their order. One that is refused leaves its outputs poisoned, and the others go on, so that all
  /// that is wrong is found at once.
  func translate(_ nodes: [NodeProto]) {
    nodesLeft -= nodes.count
    for node in nodes {
      guard nodesLeft >= 0 else {
        poison(node.outputs, since: problemCounts)
        continue
      }
      let before = problemCounts
      let place = place(of: node)
      emitter.place = place
      guard let outputs = attempt(at: place, { try checked(try translate(node), of: node) }) else {
        poison(node.outputs, since: before, reading: node.inputs)
        continue
      }
      for (name, output) in zip(node.outputs, outputs) { bind(name, output) }
      // Outputs that a translator has none for are optional ones.
      for name in node.outputs.dropFirst(outputs.count) { bind(name, .absent) }
    }
  }

  func place(of node: NodeProto) -> Place {
    let name = node.name.isEmpty ? node.outputs.first ?? "" : node.name
    let domain = node.domain.isEmpty ? "" : node.domain + "."
    let version = version(of: node.domain).map { ", opset \($0)" } ?? ""
    return .node(file: path, description: "node \(quoted(name)) (\(domain)\(node.op)\(version))")
  }

  private func translate(_ node: NodeProto) throws -> [Imported] {
    var inputs: [Imported] = []
    for name in node.inputs {
      guard !name.isEmpty else {
        inputs.append(.absent)
        continue
      }
      guard let found = find(name) else {
        throw DiagnosticError(
          id: "onnx.name",
          "tensor \(quoted(name)): nothing before this node computes it: it is missing, or the nodes are out of order or in a cycle",
          at: emitter.place)
      }
      inputs.append(found)
    }
    for (index, name) in node.outputs.enumerated() where !name.isEmpty {
      guard find(name) == nil, !isRepeated(index, in: node.outputs) else {
        throw DiagnosticError(id: "onnx.name", "tensor \(quoted(name)): it is computed twice", at: emitter.place)
      }
    }
    let own = FunctionName(domain: node.domain, name: node.op, overload: node.overload)
    if let function = functions[own] { return try inline(function, own, node, inputs) }
    guard let version = version(of: node.domain) else {
      throw DiagnosticError(
        id: "onnx.opset", "the model does not say which version of the operators '\(node.domain)' it uses", at: emitter.place)
    }
    try check(node, version: version, inputs)
    let rule = Operators.rule(node.domain, node.op)
    guard !inputs.contains(where: \.isPoison), let rule else {
      reportObstacles(within: node)
      guard rule == nil else { throw EmissionError.silent }
      throw DiagnosticError([unknownOperator(node, at: emitter.place)])
    }
    let translation = NodeTranslation(node: node, version: version, context: self, inputs: inputs)
    if rule.folds {
      if let folded = try folded(rule, translation) { return marked(folded, of: node, inputs) }
      if let sizes = try symbolic(rule, translation) { return sizes }
    }
    return marked(try rule.translate(translation), of: node, inputs)
  }

  /// The outputs, if the model's graph states no other types for them.
  private func checked(_ outputs: [Imported], of node: NodeProto) throws -> [Imported] {
    for case .value(let value) in outputs.lazy.map(\.carried) { try checkSize(emitter.type(of: value)) }
    guard !stated.isEmpty, scopes.count == 1 else { return outputs }
    for (name, output) in zip(node.outputs, outputs) { try check(output, named: name, isStated: stated[name]) }
    return outputs
  }

  /// Refuses a tensor that memory will not hold while it is known which node makes it. Throws `dim.overflow` and `limit.memory`.
  func checkSize(_ type: TensorType) throws(DiagnosticError) {
    var bytes = type.element.byteCount
    for dim in type.dims {
      guard let size = dim.constantValue else { return }
      if size == 0 { return }
      let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
      guard !overflow else {
        throw DiagnosticError(
          id: "dim.overflow", "\(emitter.text(type)) takes more bytes than an address can count", at: emitter.place)
      }
      bytes = product
    }
    guard bytes <= options.memoryLimit else {
      throw DiagnosticError(
        id: "limit.memory", "\(emitter.text(type)) takes \(bytes) bytes: the limit is \(options.memoryLimit)", at: emitter.place)
    }
  }

  /// Whether a name stands further on as well; a long list is not compared with itself.
  private func isRepeated(_ index: Int, in names: [String]) -> Bool {
    if names.count == 1 { return false }
    if names.count <= 8 { return names[..<index].contains(names[index]) }
    guard index == 0 else { return false }
    let named = names.filter { !$0.isEmpty }
    return Set(named).count != named.count
  }

  // MARK: Folding

  /// Elements of an operand or a result that are computed while importing, at most.
  private static let foldedElements = 1 << 16

  /// The outputs of a node whose operands are all known, computed now; nil where that is not to be.
  func folded(_ rule: OperatorRule, _ translation: NodeTranslation) throws -> [Imported]? {
    guard let evaluate = options.evaluate, !translation.inputs.isEmpty else { return nil }
    let limit = options.values.isEmpty ? Self.foldedElements : Self.foldedElements << 8
    var tensors: [Tensor?] = []
    for input in translation.inputs {
      let tensor = constant(of: input)
      guard tensor != nil || input.isAbsent, (tensor?.count ?? 0) <= limit else { return nil }
      tensors.append(tensor)
    }
    var limited = ImportOptions(evaluate: evaluate)
    limited.memoryLimit = options.memoryLimit
    let trial = ModelImport(path: path, model, limited, externalData, functions)
    trial.scopes = scopes
    trial.calls = calls
    trial.inlinedNodesLeft = inlinedNodesLeft
    trial.emitter.place = emitter.place
    let inputs: [Imported] = zip(tensors, translation.inputs).map { tensor, input in
      tensor.map { .constant($0).marked(input.narrowType) } ?? .absent
    }
    let outputs = try rule.translate(
      NodeTranslation(node: translation.node, version: translation.version, context: trial, inputs: inputs))
    var results: [ValueID] = []
    var folded: [Imported] = []
    for output in outputs {
      switch output.carried {
      case .value(let value):
        let size = trial.emitter.type(of: value).dims.reduce(1.0) { $0 * Double($1.constantValue ?? 0) }
        guard size <= Double(limit) || trial.emitter.type(of: value).dims.contains(where: { $0.constantValue == nil }) else { return nil }
        results.append(value)
      case .constant, .sizes, .absent: break
      case .sequence, .fractions, .narrow, .poison: return nil
      }
    }
    var computed: [Tensor] = []
    if !results.isEmpty {
      _ = try trial.emitter.emit(.return, results)
      trial.emitter.function.resultTypes = results.map { trial.emitter.type(of: $0) }
      computed = try evaluate(Module(trial.emitter.function))
    }
    var rest = computed[...]
    for output in outputs {
      switch output.carried {
      case .value: folded.append(rest.popFirst().map { .constant($0).marked(output.narrowType) } ?? .poison)
      // One of its own: what stands for it in the function of the trial means nothing outside.
      case .constant(let constant): folded.append(.constant(constant.tensor).marked(output.narrowType))
      case .sizes, .fractions, .sequence, .narrow, .absent, .poison: folded.append(output)
      }
    }
    return folded
  }

  // MARK: Functions

  /// Functions that call each other at most so deep.
  private static let maximumCalls = 64

  private func inline(
    _ function: FunctionProto, _ name: FunctionName, _ node: NodeProto, _ inputs: [Imported]
  ) throws -> [Imported] {
    guard !calls.contains(name) else {
      throw DiagnosticError(id: "onnx.recursion", "the function \(quoted(name.name)) calls itself: recursion", at: emitter.place)
    }
    guard scopes.count < Self.maximumCalls else {
      throw DiagnosticError(id: "onnx.recursion", "functions call each other more than \(Self.maximumCalls) deep", at: emitter.place)
    }
    let count = nodeCount(of: name)
    guard !recursive.contains(name) else {
      throw DiagnosticError(id: "onnx.recursion", "the function \(quoted(name.name)) calls itself: recursion", at: emitter.place)
    }
    inlinedNodesLeft -= count
    guard inlinedNodesLeft >= 0 else {
      throw DiagnosticError(id: "limit.nodes", "the functions' bodies have too many nodes in all", at: emitter.place)
    }
    inlinedNodesLeft += nodeCount(of: name) - function.nodes.count
    guard node.outputs.count <= function.outputs.count else {
      throw DiagnosticError(
        id: "onnx.result", "the function gives \(function.outputs.count) results, not \(node.outputs.count)", at: emitter.place)
    }
    guard inputs.count <= function.inputs.count else {
      throw DiagnosticError(
        id: "onnx.operand", "the function takes \(function.inputs.count) operands, not \(inputs.count)", at: emitter.place)
    }
    var scope = Scope(isOpaque: true, opsets: function.opsets.merging(model.opsets) { own, _ in own })
    for (index, name) in function.inputs.enumerated() { scope.names[name] = index < inputs.count ? inputs[index] : .absent }
    for attribute in function.defaults { scope.attributes[attribute.name] = attribute }
    let caller = NodeTranslation(node: node, version: 0, context: self, inputs: [])
    for attribute in node.attributes {
      guard let found = caller.attribute(attribute.name) else { continue }
      scope.attributes[attribute.name] = found
    }
    let place = emitter.place
    scopes.append(scope)
    calls.append(name)
    defer {
      calls.removeLast()
      scopes.removeLast()
      emitter.place = place
    }
    translate(function.nodes)
    return try function.outputs.map { name in
      guard let found = find(name) else {
        throw DiagnosticError(id: "onnx.name", "tensor \(quoted(name)): no node of the function computes it", at: place)
      }
      return found
    }
  }
}
