import ApusIR
import ApusSupport
import ApusTensor

extension Frame {
  /// Takes the arguments as the function's parameters and binds the size symbols from their shapes.
  ///
  /// Throws `input.missing`, `input.extra`, `input.type` or `input.shape`.
  func bind(_ arguments: [RuntimeValue]) throws {
    let parameters = function.parameters
    if arguments.count < parameters.count {
      throw DiagnosticError(id: "input.missing", "input \(describe(arguments.count)) of @\(function.name) is missing")
    }
    if arguments.count > parameters.count {
      throw DiagnosticError(
        id: "input.extra", "@\(function.name) takes \(parameters.count) inputs, but \(arguments.count) are given")
    }
    for (index, argument) in arguments.enumerated() {
      let type = function.type(of: parameters[index])
      guard argument.element == type.element else {
        throw DiagnosticError(
          id: "input.type", "input \(describe(index)) has element type \(argument.element), expected \(type.element)")
      }
      guard argument.shape.count == type.rank else {
        throw DiagnosticError(
          id: "input.shape",
          "input \(describe(index)) has rank \(argument.shape.count), expected \(type.rank): shape \(argument.shape)")
      }
    }
    try bindSizes(arguments.map(\.shape))
    for (parameter, argument) in zip(parameters, arguments) { set(parameter, argument) }
  }

  /// Binds the symbols of the first parameters' types from shapes of the same ranks, and checks every size.
  func bindSizes(_ shapes: [[Int]]) throws {
    let types = zip(function.parameters, shapes).map { function.type(of: $0.0) }
    var origins: [SymbolID: String] = [:]
    // Bare symbols first; an expression then has at most the symbols left that it alone determines.
    for (input, type) in types.enumerated() {
      for (axis, dim) in type.dims.enumerated() {
        guard let id = dim.symbolID, value(of: id) == nil else { continue }
        bind(id, shapes[input][axis])
        origins[id] = "axis \(axis) of input \(describe(input))"
      }
    }
    var isDone = false
    while !isDone {
      isDone = true
      for (input, type) in types.enumerated() {
        for (axis, dim) in type.dims.enumerated() {
          guard let (id, value) = solve(dim, equals: shapes[input][axis]) else { continue }
          bind(id, value)
          origins[id] = "axis \(axis) of input \(describe(input))"
          isDone = false
        }
      }
    }
    for (input, type) in types.enumerated() {
      for (axis, dim) in type.dims.enumerated() {
        let actual = shapes[input][axis]
        let expected = try size(dim)
        guard actual == expected else {
          var reason = ""
          if let id = dim.symbolID, let origin = origins[id] {
            reason = ": \(function.symbols[id].name) is the size of \(origin)"
          }
          throw DiagnosticError(
            id: "input.shape", "input \(describe(input)), axis \(axis): expected \(expected), got \(actual)\(reason)")
        }
      }
    }
    for id in function.symbols.ids {
      let symbol = function.symbols[id]
      guard let value = value(of: id), !symbol.bounds.contains(value) else { continue }
      throw DiagnosticError(
        id: "input.shape",
        "\(origins[id] ?? "a size"): expected \(symbol.name) in \(text(symbol.bounds)), got \(value)")
    }
    try checkObligations()
  }

  /// Checks what inference could not decide, as far as the inputs' sizes decide it.
  private func checkObligations() throws {
    for obligation in function.obligations {
      guard let left = try? size(obligation.lhs), let right = try? size(obligation.rhs) else { continue }
      let holds =
        switch obligation.relation {
        case .equal: left == right
        case .lessOrEqual: left <= right
        }
      guard !holds else { continue }
      throw DiagnosticError(
        id: "input.shape", "the sizes of the inputs do not fit @\(function.name): \(left) against \(right)",
        notes: [Diagnostic.Note("\(obligation.id): \(obligation.message)")])
    }
  }

  /// The one unbound symbol of a dim, and its value, where the dim is linear in it and nothing else is open.
  private func solve(_ dim: Dim, equals actual: Int) -> (SymbolID, Int)? {
    guard dim.symbolID == nil else { return nil }
    var open: Set<SymbolID> = []
    dim.forEachSymbol { if value(of: $0) == nil { open.insert($0) } }
    guard open.count == 1, let id = open.first,
      let atZero = try? dim.evaluate({ self.value(of: $0) ?? 0 }),
      let atOne = try? dim.evaluate({ self.value(of: $0) ?? 1 }),
      atOne != atZero
    else { return nil }
    let (distance, overflow) = actual.subtractingReportingOverflow(atZero)
    guard !overflow, distance % (atOne - atZero) == 0 else { return nil }
    let solution = distance / (atOne - atZero)
    // Only a linear expression gives the size back; the others stay open.
    guard solution >= 0, (try? dim.evaluate { self.value(of: $0) ?? solution }) == actual else { return nil }
    return (id, solution)
  }

  private func describe(_ input: Int) -> String {
    let value = function.parameters[input]
    return function.name(of: value).map { "`\($0)`" } ?? "\(input)"
  }
}
