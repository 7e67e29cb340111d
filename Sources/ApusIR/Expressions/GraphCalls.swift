import ApusSupport
import ApusTensor

/// What a call has to know of another graph.
package struct Callee: Sendable {
  package var name: String
  package var parameterNames: [String]
  package var parameters: [TensorType]
  package var results: [TensorType]
  /// The symbols of its types.
  package var symbols: SymbolTable

  package init(
    name: String, parameterNames: [String], parameters: [TensorType], results: [TensorType], symbols: SymbolTable
  ) {
    self.name = name
    self.parameterNames = parameterNames
    self.parameters = parameters
    self.results = results
    self.symbols = symbols
  }
}

extension Emitter {
  /// A `call` of another function of the module: its symbols are bound by the arguments' sizes, what it
  /// demands of them is checked or guarded, and the result types are put in terms of this function's symbols.
  ///
  /// Reports `call.operands`, `type.mismatch` or `dim.bounds`.
  package mutating func call(_ callee: Callee, _ arguments: [CallArgument]) throws(EmissionError) -> Meaning {
    let ordered = try ordered(arguments, callee)
    var operands: [ValueID] = []
    for (argument, parameter) in zip(ordered, callee.parameters) {
      let value = try value(of: argument.meaning, as: parameter.element, at: argument.place)
      try adapt(value, to: parameter.element, at: argument.place)
      operands.append(value)
    }
    let call = place
    var bindings = SymbolBindings(callee.symbols)
    for (index, parameter) in callee.parameters.enumerated() {
      let type = type(of: operands[index])
      guard type.rank == parameter.rank else {
        throw mismatch(index, callee, type, ordered[index].place)
      }
      bindings.solve(parameter.dims, type.dims)
    }
    for (index, parameter) in callee.parameters.enumerated() {
      let type = type(of: operands[index])
      place = ordered[index].place
      for (wanted, given) in zip(parameter.dims, type.dims) {
        let demanded = try substituted(wanted, &bindings)
        if function.symbols.equal(demanded, given) == .no { throw mismatch(index, callee, type, place) }
        try require(demanded, equals: given, "'\(callee.parameterNames[index])' of \(callee.name) needs equal sizes")
      }
    }
    place = call
    try checkBounds(callee, bindings)
    var results: [TensorType] = []
    for result in callee.results {
      var dims: [Dim] = []
      for dim in result.dims { dims.append(try substituted(dim, &bindings)) }
      results.append(result.with(dims: dims))
    }
    let values = try emit(.call, operands, [NamedAttribute("callee", .function(callee.name))], stated: results)
    return .results(values.map { .value($0) })
  }

  private func ordered(_ arguments: [CallArgument], _ callee: Callee) throws(EmissionError) -> [CallArgument] {
    var slots: [CallArgument?] = Array(repeating: nil, count: callee.parameters.count)
    var next = 0
    for argument in arguments {
      if case .poison = argument.meaning { throw .silent }
      var slot = next
      if let label = argument.label {
        guard let index = callee.parameterNames.firstIndex(of: label) else {
          throw failed("call.operands", "\(callee.name) has no parameter '\(label)'", at: argument.place)
        }
        slot = index
      } else {
        next += 1
      }
      guard slot < slots.count else { throw wrongCount(arguments.count, callee) }
      guard slots[slot] == nil else {
        throw failed("call.operands", "'\(callee.parameterNames[slot])' is given twice", at: argument.place)
      }
      slots[slot] = argument
    }
    let found = slots.compactMap { $0 }
    guard found.count == slots.count else { throw wrongCount(arguments.count, callee) }
    return found
  }

  private func wrongCount(_ count: Int, _ callee: Callee) -> EmissionError {
    let list = callee.parameterNames.joined(separator: ", ")
    return failed("call.operands", "\(callee.name)(\(list)) takes \(callee.parameters.count) operands, not \(count)")
  }

  private func mismatch(_ index: Int, _ callee: Callee, _ type: TensorType, _ place: Place) -> EmissionError {
    failed(
      "type.mismatch",
      "'\(callee.parameterNames[index])' of \(callee.name) is \(callee.symbols.text(callee.parameters[index])), "
        + "not \(text(type))",
      at: place)
  }

  private mutating func checkBounds(_ callee: Callee, _ bindings: SymbolBindings) throws(EmissionError) {
    for id in callee.symbols.ids {
      guard let dim = bindings[id] else { continue }
      let symbol = callee.symbols[id]
      let range = "\(symbol.bounds.lower ?? 0)...\(symbol.bounds.upper.map(String.init) ?? "")"
      let message = "\(callee.name) takes \(symbol.name) in \(range), not \(text(dim))"
      if let lower = symbol.bounds.lower, lower > 0 {
        try require(.constant(lower), atMost: dim, message, id: "dim.bounds")
      }
      if let upper = symbol.bounds.upper {
        try require(dim, atMost: .constant(upper), message, id: "dim.bounds")
      }
    }
  }

  /// A size of the callee in terms of this function; what only its data decides gets a symbol here.
  private mutating func substituted(_ dim: Dim, _ bindings: inout SymbolBindings) throws(EmissionError) -> Dim {
    var unbound: [SymbolID] = []
    dim.forEachSymbol { if bindings[$0] == nil { unbound.append($0) } }
    for id in unbound where bindings[id] == nil {
      let symbol = Symbol(name: "", bounds: bindings.symbols[id].bounds, origin: .value)
      bindings[id] = .symbol(function.symbols.append(symbol))
    }
    do {
      return try dim.substituting { bindings[$0] ?? 0 }
    } catch {
      throw failed("dim.overflow", "a size does not fit in 64 bits, or is divided by zero")
    }
  }
}

/// What the symbols of a callee stand for in its caller.
package struct SymbolBindings {
  package let symbols: SymbolTable
  package private(set) var bound: [SymbolID: Dim] = [:]

  package init(_ symbols: SymbolTable) { self.symbols = symbols }

  package subscript(id: SymbolID) -> Dim? {
    get { bound[id] }
    set { bound[id] = newValue }
  }

  /// Binds symbols that stand alone, then those that a sum such as `2*B + 1` fixes. Whether the sizes agree
  /// is for the caller to check.
  package mutating func solve(_ wanted: [Dim], _ given: [Dim]) {
    for (wanted, given) in zip(wanted, given) {
      if let id = wanted.symbolID, bound[id] == nil { bound[id] = given }
    }
    for (wanted, given) in zip(wanted, given) {
      guard wanted.symbolID == nil, let (id, factor, rest) = wanted.asLinear, bound[id] == nil,
        let numerator = try? Dim.difference(given, .constant(rest)),
        let quotient = try? Dim.floordiv(numerator, .constant(factor))
      else { continue }
      bound[id] = quotient
    }
  }
}

extension Dim {
  /// `factor · symbol + rest` with constants, if it has that form.
  fileprivate var asLinear: (SymbolID, Int, Int)? {
    var rest = 0
    var found: (SymbolID, Int)?
    for term in terms {
      if term.factors.isEmpty {
        rest = term.coefficient
      } else if found == nil, term.factors.count == 1, case .symbol(let id) = term.factors[0], term.coefficient > 0 {
        found = (id, term.coefficient)
      } else {
        return nil
      }
    }
    return found.map { ($0.0, $0.1, rest) }
  }
}
