import ApusSupport

extension OpCode {
  /// The attribute that names another function, if the op runs one.
  var calleeAttribute: String? { Self.calleeAttributes[Int(rawValue)] }
  var callsFunctions: Bool { calleeAttribute != nil }

  private static let calleeAttributes = OpInfo.all.map { info in
    info.attributes.first { $0.kind == .function }?.name
  }
}

/// What a call asks of the function it runs.
struct CallRules {
  let function: Function
  let module: Module?

  init(_ function: Function, _ module: Module?) {
    self.function = function
    self.module = module
  }

  func problems(with op: OpID) -> [Problem] {
    guard let module, let attribute = function.opcode(of: op).calleeAttribute,
      let name = function.string(attribute, of: op)
    else { return [] }
    guard let id = module.find(name) else {
      let code = function.opcode(of: op)
      let rule = code == .launch ? "launch.callee" : "\(code.name).C1"
      return [Problem(id: rule, message: "the module has no function @\(NameText.name(name))")]
    }
    let callee = module[id]
    return function.opcode(of: op) == .launch ? launch(op, callee) : call(op, callee)
  }

  private func call(_ op: OpID, _ callee: Function) -> [Problem] {
    let operands = function.operands(of: op)
    let parameters = callee.parameters.map { callee.type(of: $0) }
    guard operands.count == parameters.count else {
      return [
        Problem(
          id: "call.C2", message: "@\(callee.name) takes \(parameters.count) arguments, not \(operands.count)")
      ]
    }
    var bound: [SymbolID: Dim] = [:]
    for (index, (value, wanted)) in zip(operands, parameters).enumerated() {
      if !fits(function.type(of: value), wanted, callee, &bound) {
        return [mismatch(op, index, value, callee.symbols.text(wanted), callee)]
      }
    }
    let results = function.results(of: op).map { function.type(of: $0) }
    guard results.count == callee.resultTypes.count else {
      return [
        Problem(
          id: "call.C2", message: "@\(callee.name) has \(callee.resultTypes.count) results, not \(results.count)")
      ]
    }
    for (type, wanted) in zip(results, callee.resultTypes) where !fits(type, wanted, callee, &bound) {
      let message = "@\(callee.name) returns \(callee.symbols.text(wanted)), not \(function.symbols.text(type))"
      return [Problem(id: "call.C2", message: message)]
    }
    return []
  }

  /// A kernel's symbols take the values of `sizes` in their order.
  private func launch(_ op: OpID, _ callee: Function) -> [Problem] {
    let arguments = callee.symbols.ids.filter { callee.symbols[$0].origin == .argument }
    let sizes = function.dims("sizes", of: op) ?? []
    guard sizes.count == arguments.count else {
      let message = "@\(callee.name) has \(arguments.count) symbols, but \(sizes.count) sizes are given"
      return [Problem(id: "launch.sizes", message: message)]
    }
    let buffers = function.operands(of: op)
    guard buffers.count == callee.parameters.count else {
      let message = "@\(callee.name) takes \(callee.parameters.count) buffers, not \(buffers.count)"
      return [Problem(id: "launch.buffers", message: message)]
    }
    var bound = Dictionary(uniqueKeysWithValues: zip(arguments, sizes))
    for (index, (value, parameter)) in zip(buffers, callee.parameters).enumerated() {
      let wanted = callee.type(of: parameter)
      if !fits(function.type(of: value), wanted, callee, &bound) {
        var problem = mismatch(op, index, value, callee.symbols.text(wanted), callee)
        problem.id = "launch.buffers"
        return [problem]
      }
    }
    return []
  }

  /// Whether the caller's type can be the callee's for some values of the callee's symbols; the
  /// symbols met for the first time are bound.
  private func fits(
    _ type: TensorType, _ wanted: TensorType, _ callee: Function, _ bound: inout [SymbolID: Dim]
  ) -> Bool {
    guard type.element == wanted.element, type.form == wanted.form, type.rank == wanted.rank,
      type.layout == wanted.layout
    else { return false }
    for (given, stated) in zip(type.dims, wanted.dims) {
      if let id = stated.symbolID, bound[id] == nil {
        bound[id] = given
        let (have, need) = (function.symbols.bounds(of: given), callee.symbols[id].bounds)
        if let lower = have.lower, let upper = need.upper, lower > upper { return false }
        if let upper = have.upper, let lower = need.lower, upper < lower { return false }
        continue
      }
      var isBound = true
      stated.forEachSymbol { if bound[$0] == nil { isBound = false } }
      guard isBound, let size = try? stated.substituting({ bound[$0] ?? 0 }) else { continue }
      if function.symbols.equal(given, size) == .no { return false }
    }
    return true
  }

  private func mismatch(
    _ op: OpID, _ index: Int, _ value: ValueID, _ wanted: String, _ callee: Function
  ) -> Problem {
    let message = "@\(callee.name) takes \(wanted) here, not \(function.symbols.text(function.type(of: value)))"
    return Problem(id: "call.C2", message: message, op: op, operand: index, value: value)
  }
}

/// Which functions of a module run which.
struct CallGraph {
  private struct Edge {
    var callee: FunctionID
    var op: OpID
  }

  private let module: Module
  private var edges: [[Edge]] = []

  init(_ module: Module) {
    self.module = module
    for function in module.functions {
      var found: [Edge] = []
      function.forEachOp { op in
        guard let attribute = function.opcode(of: op).calleeAttribute,
          let name = function.string(attribute, of: op), let id = module.find(name)
        else { return }
        found.append(Edge(callee: id, op: op))
      }
      edges.append(found)
    }
  }

  /// Reports every call that closes a cycle.
  func reportRecursion(to diagnostics: inout Diagnostics) {
    enum State { case new, open, done }
    var states = [State](repeating: .new, count: edges.count)
    for root in edges.indices where states[root] == .new {
      var stack = [(function: root, next: 0)]
      states[root] = .open
      while let top = stack.last {
        guard top.next < edges[top.function].count else {
          states[top.function] = .done
          stack.removeLast()
          continue
        }
        stack[stack.count - 1].next += 1
        let edge = edges[top.function][top.next]
        switch states[edge.callee.index] {
        case .done: continue
        case .new:
          states[edge.callee.index] = .open
          stack.append((edge.callee.index, 0))
        case .open:
          let caller = module.functions[top.function]
          let place = OpPlaces(caller.location(of: edge.op), caller.opcode(of: edge.op), caller).opcode
          diagnostics.error(
            "call.C3", "@\(module.functions[edge.callee.index].name) reaches itself through this call", at: place)
        }
      }
    }
  }
}
