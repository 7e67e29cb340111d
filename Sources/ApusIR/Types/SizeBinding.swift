import ApusSupport

/// The values that a function's symbols take from the shapes of its arguments.
public struct SizeBinding: Sendable {
  private let symbols: SymbolTable
  private var values: [SymbolID: Int] = [:]

  /// Solves the shapes of the first parameters for the symbols and checks every size, every bound and
  /// every relation the function depends on.
  ///
  /// The ranks must fit. Throws `input.shape` naming the input, its axis, what is expected and what was given.
  public init(_ function: Function, shapes: [[Int]]) throws(DiagnosticError) {
    symbols = function.symbols
    let types = zip(function.parameters, shapes).map { function.type(of: $0.0) }
    func describe(_ input: Int) -> String {
      function.name(of: function.parameters[input]).map { "`\($0)`" } ?? "\(input)"
    }
    var origins: [SymbolID: String] = [:]
    // Bare symbols first; each expression then has at most the symbols left that it alone decides.
    for isBare in [true, false] {
      var isDone = false
      while !isDone {
        isDone = true
        for (input, type) in types.enumerated() {
          for (axis, dim) in type.dims.enumerated() where (dim.symbolID != nil) == isBare {
            guard let (id, value) = solve(dim, equals: shapes[input][axis]) else { continue }
            values[id] = value
            origins[id] = "axis \(axis) of input \(describe(input))"
            isDone = false
          }
        }
      }
    }
    for (input, type) in types.enumerated() {
      for (axis, dim) in type.dims.enumerated() {
        let actual = shapes[input][axis]
        let expected = try value(of: dim)
        guard actual != expected else { continue }
        var reason = ""
        if let id = dim.symbolID, let origin = origins[id] { reason = ": \(symbols[id].name) is the size of \(origin)" }
        throw DiagnosticError(
          id: "input.shape", "input \(describe(input)), axis \(axis): expected \(expected), got \(actual)\(reason)")
      }
    }
    for (id, value) in values where !symbols[id].bounds.contains(value) {
      let bounds = symbols[id].bounds
      let range = "\(bounds.lower ?? 0)...\(bounds.upper.map(String.init) ?? "")"
      throw DiagnosticError(
        id: "input.shape", "\(origins[id] ?? "a size"): expected \(symbols[id].name) in \(range), got \(value)")
    }
    for obligation in function.obligations { try check(obligation) }
  }

  /// The value of a dimension. Throws `dim.overflow` when it does not fit in 64 bits.
  public func value(of dim: Dim) throws(DiagnosticError) -> Int {
    do {
      return try dim.evaluate { values[$0] ?? 0 }
    } catch {
      throw DiagnosticError(id: "dim.overflow", "the size \(symbols.text(dim)) does not fit in 64 bits for these inputs")
    }
  }

  /// Whether every symbol of a dimension has a value.
  public func isBound(_ dim: Dim) -> Bool {
    var isBound = true
    dim.forEachSymbol { if values[$0] == nil { isBound = false } }
    return isBound
  }

  /// Relations over sizes that only the run knows are checked there.
  private func check(_ obligation: Obligation) throws(DiagnosticError) {
    guard isBound(obligation.lhs), isBound(obligation.rhs) else { return }
    let (a, b) = (try value(of: obligation.lhs), try value(of: obligation.rhs))
    let holds =
      switch obligation.relation {
      case .equal: a == b
      case .lessOrEqual: a <= b
      }
    if !holds {
      throw DiagnosticError(id: "input.shape", "\(obligation.message) (\(obligation.id)): \(a) and \(b) for these inputs")
    }
  }

  /// The one open symbol of a dimension and its value, where the size decides it.
  private func solve(_ dim: Dim, equals actual: Int) -> (SymbolID, Int)? {
    var open: Set<SymbolID> = []
    dim.forEachSymbol { if values[$0] == nil { open.insert($0) } }
    guard open.count == 1, let id = open.first else { return nil }
    if dim.symbolID != nil { return (id, actual) }
    guard let atZero = try? dim.evaluate({ values[$0] ?? 0 }), let atOne = try? dim.evaluate({ values[$0] ?? 1 }),
      atOne != atZero
    else { return nil }
    let (distance, overflow) = actual.subtractingReportingOverflow(atZero)
    guard !overflow, distance % (atOne - atZero) == 0 else { return nil }
    let solution = distance / (atOne - atZero)
    // Only a linear expression gives the size back; others stay open.
    guard solution >= 0, (try? dim.evaluate { values[$0] ?? solution }) == actual else { return nil }
    return (id, solution)
  }
}
