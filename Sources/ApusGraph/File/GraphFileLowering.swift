import ApusIR
import ApusSupport

/// Lowers the graphs of a file, each after those it calls.
struct GraphFileLowering {
  private(set) var diagnostics: Diagnostics
  private let graphs: [GraphDeclaration]
  private let syntax: Syntax
  private let weights: WeightSource
  /// By name; the first of a name counts.
  private var indices: [String: Int] = [:]
  /// The graphs that each graph calls, and where.
  private var calls: [[(callee: Int, range: Range<Int>)]] = []
  private var functions: [Int: Function] = [:]
  private var callees: [String: Callee] = [:]
  private var broken: Set<String> = []

  init(_ graphs: [GraphDeclaration], _ syntax: Syntax, _ weights: WeightSource, _ diagnostics: Diagnostics) {
    self.graphs = graphs
    self.syntax = syntax
    self.weights = weights
    self.diagnostics = diagnostics
  }

  mutating func lower() {
    for (index, graph) in graphs.enumerated() {
      if let first = indices[graph.name] {
        diagnostics.error(
          "name.redefined", "two graphs are called '\(graph.name)'", at: place(graph.range),
          notes: [Diagnostic.Note("the first one", at: place(graphs[first].range))])
      } else {
        indices[graph.name] = index
      }
    }
    calls = graphs.map { calls(of: $0) }
    for index in order() { lower(index) }
  }

  /// The functions, the one that runs first in front.
  func ordered() -> [Function] {
    var called: Set<Int> = []
    for list in calls { for call in list { called.insert(call.callee) } }
    let first = graphs.indices.first { !called.contains($0) } ?? 0
    let rest = graphs.indices.filter { $0 != first }
    return ([first] + rest).compactMap { functions[$0] }
  }

  // MARK: Order

  private func calls(of graph: GraphDeclaration) -> [(callee: Int, range: Range<Int>)] {
    var found: [(callee: Int, range: Range<Int>)] = []
    for raw in graph.nodes {
      let node = syntax[NodeID(raw)]
      guard case .call(let name, _) = node.kind, let callee = indices[name] else { continue }
      found.append((callee, node.range))
    }
    return found.sorted { $0.range.lowerBound < $1.range.lowerBound }
  }

  /// Callees before callers, with a stack of its own: chains of calls may be long. Reports cycles.
  private mutating func order() -> [Int] {
    enum State { case new, open, done }
    var states = [State](repeating: .new, count: graphs.count)
    var order: [Int] = []
    for root in graphs.indices where states[root] == .new {
      var path: [(graph: Int, next: Int)] = [(root, 0)]
      states[root] = .open
      while let (graph, next) = path.last {
        guard next < calls[graph].count else {
          states[graph] = .done
          order.append(graph)
          path.removeLast()
          continue
        }
        path[path.count - 1].next += 1
        let callee = calls[graph][next].callee
        switch states[callee] {
        case .done: break
        case .new:
          states[callee] = .open
          path.append((callee, 0))
        case .open:
          let start = path.firstIndex { $0.graph == callee } ?? 0
          reportCycle(path[start...].map { ($0.graph, calls[$0.graph][$0.next - 1].range) })
        }
      }
    }
    return order
  }

  private mutating func reportCycle(_ cycle: [(graph: Int, range: Range<Int>)]) {
    guard let first = cycle.first else { return }
    for (graph, _) in cycle { broken.insert(graphs[graph].name) }
    let notes = cycle.dropFirst().prefix(8).map { Diagnostic.Note("which calls on here", at: place($0.range)) }
    diagnostics.error(
      "call.recursion", "the graph '\(graphs[first.graph].name)' reaches itself", at: place(first.range),
      notes: Array(notes))
  }

  // MARK: One graph

  private mutating func lower(_ index: Int) {
    let graph = graphs[index]
    var function = Function(name: graph.name)
    function.symbols = graph.symbols
    var emitter = Emitter(function, at: .end(of: function.entry))
    emitter.checksDefinitions = true
    function = Function(name: graph.name)
    var lowering = ExpressionLowering(syntax, emitter)
    lowering.callees = callees
    lowering.brokenCallees = broken
    let weights = weights
    lowering.loadWeight = { request throws(DiagnosticError) in
      try weights.load(WeightSource.Request(file: request.file, name: request.name, binding: request.binding))
    }
    if !graph.isBroken {
      bindParameters(graph, &lowering)
      do throws(EmissionError) { try finish(graph, &lowering) } catch { note(error, &lowering) }
    }
    for diagnostic in lowering.diagnostics.list { diagnostics.add(diagnostic) }
    guard !graph.isBroken, !lowering.diagnostics.hasErrors, !broken.contains(graph.name),
      !graph.statements.contains(where: \.isInvalid)
    else {
      broken.insert(graph.name)
      return
    }
    function = lowering.emitter.function
    // Else the table would be copied for every graph.
    lowering.callees = [:]
    callees[graph.name] = Callee(
      name: graph.name, parameterNames: graph.parameters.map(\.name), parameters: graph.parameters.map(\.type),
      results: function.resultTypes, symbols: function.symbols)
    functions[index] = function
  }

  private func note(_ error: EmissionError, _ lowering: inout ExpressionLowering) {
    switch error {
    case .failed(let found): for diagnostic in found { lowering.diagnostics.add(diagnostic) }
    case .silent: break
    case .retype: preconditionFailure("a literal outside a loop has one type")
    }
  }

  private func bindParameters(_ graph: GraphDeclaration, _ lowering: inout ExpressionLowering) {
    for id in graph.symbols.ids { lowering.bind(graph.symbols[id].name, .size(.symbol(id))) }
    var known: [String: Range<Int>] = [:]
    for parameter in graph.parameters {
      let place = place(parameter.range)
      if let first = known.updateValue(parameter.range, forKey: parameter.name) {
        lowering.diagnostics.error(
          "name.redefined", "two parameters are called '\(parameter.name)'", at: place,
          notes: [Diagnostic.Note("the first one", at: self.place(first))])
      } else if graph.symbols.find(parameter.name) != nil {
        lowering.diagnostics.error(
          "name.redefined", "'\(parameter.name)' is a size already", at: place)
      }
      lowering.emitter.place = place
      let entry = lowering.emitter.function.entry
      let value = lowering.emitter.function.addParameter(parameter.type, to: entry, name: parameter.name)
      lowering.emitter.origins[value] = place
      do throws(EmissionError) {
        try lowering.emitter.check(parameter.type)
        try lowering.emitter.checkLargest(parameter.type)
      } catch { note(error, &lowering) }
      lowering.bind(parameter.name, .value(value))
    }
  }

  /// Lowers the statements, checks the results against the header and ends the function.
  private func finish(_ graph: GraphDeclaration, _ lowering: inout ExpressionLowering) throws(EmissionError) {
    let returned = try lowering.lower(graph.statements)
    guard let returned else {
      // A statement that was wrong may have been the return.
      if !graph.statements.contains(where: { $0.isInvalid || $0.isResult }) {
        throw .failed([
          Diagnostic(id: "parse.expected", "the graph ends without 'return'", at: place(graph.end..<graph.end + 1))
        ])
      }
      return
    }
    lowering.emitter.place = place(returned.range)
    if let declared = graph.results, declared.count != returned.meanings.count {
      throw .failed([
        Diagnostic(
          id: "graph.results", "\(returned.meanings.count) values are returned, the header says \(declared.count)",
          at: place(returned.range))
      ])
    }
    var values: [ValueID] = []
    for (index, meaning) in returned.meanings.enumerated() {
      let node = returned.nodes.count == returned.meanings.count ? returned.nodes[index] : returned.nodes[0]
      let place = place(syntax[node].range)
      values.append(try result(meaning, graph.results?[index], at: place, &lowering))
    }
    lowering.emitter.place = place(returned.range)
    _ = try lowering.emitter.emit(.return, values)
    lowering.emitter.function.resultTypes = values.map { lowering.emitter.type(of: $0) }
    lowering.emitter.function.resultNames = resultNames(graph, returned)
  }

  private func result(
    _ meaning: Meaning, _ declared: GraphDeclaration.Result?, at place: Place, _ lowering: inout ExpressionLowering
  ) throws(EmissionError) -> ValueID {
    lowering.emitter.place = place
    guard let declared else { return try lowering.emitter.value(of: meaning, at: place) }
    let value = try lowering.emitter.value(of: meaning, as: declared.type.element, at: place)
    let type = lowering.emitter.type(of: value)
    let symbols = lowering.emitter.function.symbols
    let differ = zip(type.dims, declared.type.dims).contains { symbols.equal($0, $1) == .no }
    guard type.element == declared.type.element, type.rank == declared.type.rank, !differ else {
      throw .failed([
        Diagnostic(
          id: "type.mismatch", "this is \(symbols.text(type)), the header says \(symbols.text(declared.type))",
          at: place, notes: [Diagnostic.Note("declared here", at: self.place(declared.range))])
      ])
    }
    for (a, b) in zip(type.dims, declared.type.dims) { try lowering.emitter.require(a, equals: b) }
    // The header's type wins: it may say more about the sizes.
    return lowering.emitter.reshape(value, to: declared.type.dims)
  }

  /// Names from the header, else from the names that are returned; none if nothing has a name.
  private func resultNames(_ graph: GraphDeclaration, _ returned: ExpressionLowering.Returned) -> [String] {
    var names: [String?] = returned.meanings.indices.map { graph.results?[$0].name }
    if returned.nodes.count == names.count {
      for (index, node) in returned.nodes.enumerated() where names[index] == nil {
        if case .name(let name) = syntax[node].kind { names[index] = name }
      }
    }
    var seen: Set<String> = []
    for index in names.indices {
      if let name = names[index], !seen.insert(name).inserted { names[index] = nil }
    }
    guard names.contains(where: { $0 != nil }) else { return [] }
    return names.enumerated().map { index, name in
      if let name { return name }
      var number = index
      while !seen.insert("result\(number)").inserted { number += 1 }
      return "result\(number)"
    }
  }

  private func place(_ range: Range<Int>) -> Place { .text(syntax.source, range) }
}

extension Syntax.Statement {
  fileprivate var isResult: Bool {
    if case .result = kind { true } else { false }
  }

  fileprivate var isInvalid: Bool {
    if case .invalid = kind { true } else { false }
  }
}
