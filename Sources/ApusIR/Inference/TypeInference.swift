import ApusTensor

/// One use of an op on its way through unification, attributes, shape rule and constraints.
struct TypeInference {
  let info: OpInfo
  let operands: [TensorType]
  /// The operands of each declared operand.
  let ranges: [Range<Int>]
  let stated: [TensorType]?
  var symbols: SymbolTable
  var attributes: [NamedAttribute] = []
  var results: [TensorType] = []
  /// In a box, so that a requirement can be checked while its message reads the rest.
  private let collected = Collected()
  var obligations: [Obligation] { collected.obligations }

  /// A variable of the declaration, what it stands for, and where it was seen first.
  struct Binding<Value> {
    var name: String
    var value: Value
    var subject: RuleSubject
  }
  var packs: [Binding<[Dim]>] = []
  var dims: [Binding<Dim>] = []
  var elements: [Binding<ElementType>] = []
  /// Tensor or register: what the patterns that leave it open agree on.
  var form: ValueForm?

  init(
    _ info: OpInfo, _ operands: [TensorType], _ ranges: [Range<Int>], stated: [TensorType]?,
    symbols: SymbolTable
  ) {
    self.info = info
    self.operands = operands
    self.ranges = ranges
    self.stated = stated
    self.symbols = symbols
  }

  mutating func run(_ given: [NamedAttribute]) throws(InferenceError) {
    for (operand, range) in zip(info.operands, ranges) {
      for index in range {
        let isRepeated = operand.arity == .zeroOrMore || operand.arity == .oneOrMore
        let (packCount, dimCount) = (packs.count, dims.count)
        try unify(operand.pattern, operands[index], .operand(index))
        // Each of several operands matches its pattern by itself; they share the element type only.
        if isRepeated {
          packs.removeLast(packs.count - packCount)
          dims.removeLast(dims.count - dimCount)
        }
      }
    }
    try checkRanks()
    attributes = try normalize(given)
    results = try resultTypes()
    try checkConstraints()
    try checkSizes()
  }

  private mutating func resultTypes() throws(InferenceError) -> [TensorType] {
    let inferred: [TensorType]
    switch info.results {
    case .patterns(let patterns):
      try checkStatedCount(patterns.count)
      var types: [TensorType] = []
      for (index, pattern) in patterns.enumerated() { types.append(try build(pattern, index)) }
      inferred = types
    case .custom(let function):
      // Another shape cannot have the operand's layout.
      inferred = try shape(function).map { TensorType($0.element, $0.dims, form: $0.form) }
    case .stated:
      guard let stated else {
        throw InferenceError("op.stated", "the result types of `\(info.name)` must be stated")
      }
      return stated
    }
    guard let stated else { return inferred }
    try checkStatedCount(inferred.count)
    for index in stated.indices { try agree(stated[index], inferred[index], index) }
    return stated
  }

  private func checkStatedCount(_ count: Int) throws(InferenceError) {
    guard let stated, stated.count != count else { return }
    throw InferenceError(
      "op.results", "`\(info.name)` has \(count) result\(count == 1 ? "" : "s"), \(stated.count) stated")
  }

  /// Compares what was inferred with what was stated. The statement wins where both may be right: it
  /// may name a symbol, or a layout.
  private func agree(_ stated: TensorType, _ inferred: TensorType, _ index: Int) throws(InferenceError) {
    if stated == inferred { return }
    let message = { (symbols: SymbolTable) in
      "the result is \(symbols.text(inferred)), \(symbols.text(stated)) is stated"
    }
    var isSame = stated.element == inferred.element && stated.form == inferred.form && stated.rank == inferred.rank
    if isSame {
      for (a, b) in zip(stated.dims, inferred.dims) {
        switch symbols.equal(a, b) {
        case .yes: continue
        case .no: isSame = false
        case .unknown:
          record(Obligation(.equal, b, a, id: "type.mismatch", message: message(symbols)))
        }
      }
    }
    if !isSame { throw InferenceError("type.mismatch", message(symbols), at: .result(index)) }
  }

  /// Sizes are not negative, and the bytes of a result can be counted in 64 bits.
  private func checkSizes() throws(InferenceError) {
    for (index, result) in results.enumerated() {
      for dim in result.dims where dim.symbolID == nil {
        let upper = dim.constantValue ?? symbols.bounds(of: dim).upper
        if let upper, upper < 0 {
          throw InferenceError(
            "dim.negative", "the result would be \(symbols.text(result)): \(symbols.text(dim)) is negative",
            at: .result(index))
        }
      }
      if operands.contains(where: { $0.dims == result.dims && $0.element.byteCount >= result.element.byteCount }) {
        continue
      }
      _ = try sized { () throws(DimOverflow) in try result.byteCount() }
    }
  }
}

private final class Collected {
  var obligations: [Obligation] = []
}

// MARK: - What rules are written with

extension TypeInference {
  /// The type of a declared operand that is there exactly once.
  func operand(_ name: String) -> TensorType {
    guard let index = info.operands.firstIndex(where: { $0.name == name }), let first = ranges[index].first else {
      preconditionFailure("`\(info.name)` has no operand `\(name)`")
    }
    return operands[first]
  }

  /// The types of a declared operand that may be left out or repeat.
  func operandList(_ name: String) -> ArraySlice<TensorType> {
    guard let index = info.operands.firstIndex(where: { $0.name == name }) else {
      preconditionFailure("`\(info.name)` has no operand `\(name)`")
    }
    return operands[ranges[index]]
  }

  /// Where a declared operand stands.
  func subject(_ name: String) -> RuleSubject {
    guard let index = info.operands.firstIndex(where: { $0.name == name }) else { return .attribute(name) }
    return .operand(ranges[index].lowerBound)
  }

  /// A declared operand as messages call it: `lhs`, `inputs[1]`.
  func name(ofOperand index: Int) -> String {
    for (operand, range) in zip(info.operands, ranges) where range.contains(index) {
      return range.count > 1 ? "\(operand.name)[\(index - range.lowerBound)]" : operand.name
    }
    return "operand \(index)"
  }

  func record(_ obligation: Obligation) { collected.obligations.append(obligation) }

  func text(_ dim: Dim) -> String { symbols.text(dim) }
  func text(_ dims: [Dim]) -> String { "[\(dims.map { symbols.text($0) }.joined(separator: ", "))]" }

  /// A size of the result that symbols alone do not keep from being negative is guarded.
  func requireNotNegative(_ size: Dim, _ subject: RuleSubject) throws(InferenceError) {
    if size.symbolID != nil { return }
    let message = { (symbols: SymbolTable) in "a size of the result would be \(symbols.text(size))" }
    switch symbols.lessOrEqual(0, size) {
    case .yes: return
    case .no: throw InferenceError("dim.negative", message(symbols), at: subject)
    case .unknown: record(Obligation(.lessOrEqual, 0, size, id: "dim.negative", message: message(symbols)))
    }
  }

  /// Runs arithmetic on sizes; a result that does not fit is `dim.overflow`.
  func sized<Value>(_ body: () throws(DimOverflow) -> Value) throws(InferenceError) -> Value {
    do {
      return try body()
    } catch {
      throw InferenceError("dim.overflow", "a size of the result of `\(info.name)` does not fit in 64 bits")
    }
  }

  /// - Parameter constraint: one that the declaration has; the message opens with what it says.
  func violation(
    _ constraint: String, _ subject: RuleSubject = .op, related: [Int] = [], _ detail: String
  ) -> InferenceError {
    guard let rule = info.constraints.first(where: { $0.id == constraint }) else {
      preconditionFailure("`\(info.name)` has no constraint \(constraint)")
    }
    return InferenceError("\(info.name).\(constraint)", "\(rule.text): \(detail)", at: subject, related: related)
  }

  func require(
    _ condition: Bool, _ constraint: String, _ subject: RuleSubject = .op,
    _ detail: @autoclosure () -> String
  ) throws(InferenceError) {
    if !condition { throw violation(constraint, subject, detail()) }
  }

  func requireEqual(
    _ a: Dim, _ b: Dim, _ constraint: String, _ subject: RuleSubject = .op,
    _ detail: @autoclosure () -> String
  ) throws(InferenceError) {
    try require(symbols.equal(a, b), .equal, a, b, constraint, subject, detail)
  }

  func requireAtMost(
    _ a: Dim, _ b: Dim, _ constraint: String, _ subject: RuleSubject = .op,
    _ detail: @autoclosure () -> String
  ) throws(InferenceError) {
    try require(symbols.lessOrEqual(a, b), .lessOrEqual, a, b, constraint, subject, detail)
  }

  /// `divisor` is positive and divides `dividend`.
  func requireDivides(
    _ divisor: Dim, _ dividend: Dim, _ constraint: String, _ subject: RuleSubject = .op,
    _ detail: @autoclosure () -> String
  ) throws(InferenceError) {
    try requireAtMost(1, divisor, constraint, subject, detail())
    let rest = try sized { () throws(DimOverflow) in try Dim.mod(dividend, divisor) }
    try requireEqual(rest, 0, constraint, subject, detail())
  }

  private func require(
    _ answer: Trilean, _ relation: Obligation.Relation, _ a: Dim, _ b: Dim, _ constraint: String,
    _ subject: RuleSubject, _ detail: () -> String
  ) throws(InferenceError) {
    switch answer {
    case .yes: return
    case .no: throw violation(constraint, subject, detail())
    case .unknown:
      let failed = violation(constraint, subject, detail())
      record(Obligation(relation, a, b, id: failed.id, message: failed.message))
    }
  }
}
