/// A rule that an op breaks together with its regions or with other functions.
struct Problem {
  var id: String
  var message: String
  /// The op to point at, if not the op itself.
  var op: OpID?
  /// Which of its operands.
  var operand: Int?
  /// A value whose definition explains it.
  var value: ValueID?
}

/// What the regions of control flow take and yield.
struct RegionRules {
  let function: Function

  init(_ function: Function) { self.function = function }

  func problems(with op: OpID) -> [Problem] {
    let code = function.opcode(of: op)
    if code == .return { return returned(op) }
    guard !code.info.regions.isEmpty, function.regionCount(of: op) == code.info.regions.count else { return [] }
    let results = function.results(of: op).map { function.type(of: $0) }
    if code == .if { return yields(op, 0, results, "if.C1") + yields(op, 1, results, "if.C1") }
    if code == .kernel { return kernel(op, results) }
    if code == .while { return loop(op, results) }
    if code == .for { return countedLoop(op, results) }
    if code == .contract { return epilogue(op) }
    return []
  }

  private func returned(_ op: OpID) -> [Problem] {
    let operands = function.operands(of: op)
    let wanted = function.resultTypes
    guard operands.count == wanted.count else {
      return [Problem(id: "return.C1", message: "\(operands.count) values for \(wanted.count) results", op: op)]
    }
    for (index, (value, type)) in zip(operands, wanted).enumerated() {
      // Sizes that only may differ are for a guard.
      if !fits(function.type(of: value), type, isLenient: true) {
        return [mismatch("return.C1", op, index, value, type)]
      }
    }
    return []
  }

  private func kernel(_ op: OpID, _ results: [TensorType]) -> [Problem] {
    let operands = function.operands(of: op)
    let parameters = function.parameters(of: function.region(0, of: op))
    guard operands.count == parameters.count else {
      return [Problem(id: "kernel.C1", message: "\(parameters.count) parameters for \(operands.count) operands")]
    }
    for (index, (value, parameter)) in zip(operands, parameters).enumerated() {
      let type = function.type(of: parameter)
      if function.type(of: value) != type { return [mismatch("kernel.C1", op, index, value, type)] }
    }
    return yields(op, 0, results, "kernel.C2")
  }

  private func loop(_ op: OpID, _ results: [TensorType]) -> [Problem] {
    let initial = function.operands(of: op)
    guard results.count == initial.count else {
      return [Problem(id: "while.C1", message: "\(results.count) results for \(initial.count) carried values")]
    }
    var carried: [TensorType] = []
    for region in 0..<2 {
      let parameters = function.parameters(of: function.region(region, of: op))
      guard parameters.count == initial.count else {
        return [Problem(id: "while.C1", message: "\(parameters.count) parameters for \(initial.count) carried values")]
      }
      for (index, (value, parameter)) in zip(initial, parameters).enumerated() {
        let type = function.type(of: parameter)
        if !fits(function.type(of: value), type) { return [mismatch("while.C2", op, index, value, type)] }
      }
      carried = parameters.map { function.type(of: $0) }
    }
    for (index, (type, result)) in zip(carried, results).enumerated() where !fits(type, result) {
      return [
        Problem(
          id: "while.C1", message: "\(text(type)) is carried, but the result is \(text(result))", operand: index)
      ]
    }
    // A size that stays the same from the start cannot change on the way.
    let wanted = zip(carried, initial).map { type, value in
      (type, zip(type.dims, function.type(of: value).dims).map { $0 != $1 })
    }
    return yields(op, 1, wanted.map(\.0), "while.C1", mayVary: wanted.map(\.1))
  }

  private func countedLoop(_ op: OpID, _ results: [TensorType]) -> [Problem] {
    let wanted = [.index] + function.operands(of: op).dropFirst(2).map { function.type(of: $0) }
    let parameters = function.parameters(of: function.region(0, of: op)).map { function.type(of: $0) }
    guard parameters == wanted else {
      let message = "the body takes \(list(parameters)), not the counter and what is carried: \(list(wanted))"
      return [Problem(id: "for.C2", message: message)]
    }
    return yields(op, 0, Array(wanted.dropFirst()), "for.C2")
  }

  private func epilogue(_ op: OpID) -> [Problem] {
    let block = function.region(0, of: op)
    let parameters = function.parameters(of: block).map { function.type(of: $0) }
    guard let end = function.terminator(of: block) else { return [] }
    // Without parameters there is no epilogue.
    if parameters.isEmpty, function.operandCount(of: end) == 0 { return [] }
    guard parameters.count == 3, parameters[0] == .index, parameters[1] == .index, parameters[2].form == .register,
      function.operandCount(of: end) == 1, function.type(of: function.operand(0, of: end)).form == .register
    else {
      let message = "the epilogue takes row, column and a register, and yields a register"
      return [Problem(id: "contract.epilogue", message: message)]
    }
    return []
  }

  // MARK: Comparing

  /// Checks what a region yields. `mayVary` tells which sizes a `?` stands for.
  private func yields(
    _ op: OpID, _ region: Int, _ wanted: [TensorType], _ id: String, mayVary: [[Bool]]? = nil
  ) -> [Problem] {
    guard let end = function.terminator(of: function.region(region, of: op)), function.opcode(of: end) == .yield
    else { return [] }
    let values = function.operands(of: end)
    guard values.count == wanted.count else {
      return [Problem(id: id, message: "\(values.count) values are yielded, not \(wanted.count)", op: end)]
    }
    for (index, (value, type)) in zip(values, wanted).enumerated() {
      if !fits(function.type(of: value), type, mayVary: mayVary?[index]) {
        return [mismatch(id, end, index, value, type)]
      }
    }
    return []
  }

  /// Whether a value of the type can stand where `wanted` is stated: a size that `wanted` gives as a
  /// symbol of its own takes any.
  private func fits(
    _ type: TensorType, _ wanted: TensorType, mayVary: [Bool]? = nil, isLenient: Bool = false
  ) -> Bool {
    if type == wanted { return true }
    guard type.element == wanted.element, type.form == wanted.form, type.rank == wanted.rank,
      type.layout == wanted.layout
    else { return false }
    for (axis, (given, stated)) in zip(type.dims, wanted.dims).enumerated() {
      switch function.symbols.equal(given, stated) {
      case .yes: continue
      case .no, .unknown:
        let isOpen = stated.symbolID.map { function.symbols[$0].origin == .value } ?? false
        if isOpen, mayVary?[axis] ?? true, function.symbols.lessOrEqual(given, upper(of: stated)) != .no { continue }
        if function.symbols.equal(given, stated) == .unknown, isLenient || isGuarded(given, stated) { continue }
        return false
      }
    }
    return true
  }

  private func upper(of dim: Dim) -> Dim {
    .constant(dim.symbolID.flatMap { function.symbols[$0].bounds.upper } ?? .max)
  }

  private func isGuarded(_ a: Dim, _ b: Dim) -> Bool {
    function.obligations.contains {
      $0.relation == .equal && (($0.lhs == a && $0.rhs == b) || ($0.lhs == b && $0.rhs == a))
    }
  }

  private func mismatch(_ id: String, _ op: OpID, _ index: Int, _ value: ValueID, _ wanted: TensorType) -> Problem {
    let message = "\(text(function.type(of: value))) stands where \(text(wanted)) is stated"
    return Problem(id: id, message: message, op: op, operand: index, value: value)
  }

  private func text(_ type: TensorType) -> String { function.symbols.text(type) }
  private func list(_ types: [TensorType]) -> String { "(" + types.map(text).joined(separator: ", ") + ")" }
}
