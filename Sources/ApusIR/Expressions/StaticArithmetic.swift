import ApusSupport

/// Arithmetic that is done while compiling: on sizes, numbers, bools, names, and lists of them.
///
/// Integers divide rounding down, as sizes do. A result that depends on the values of symbols is
/// `nil`: it has to be computed by ops.
struct StaticArithmetic {
  /// Most terms and factors of a symbolic size: they grow with every product.
  static let maximumComplexity = 512

  let symbols: SymbolTable
  let place: Place

  func negated(_ operand: Meaning) throws(EmissionError) -> Meaning? {
    switch operand {
    case .size(let dim): return .size(try compute(0, dim, Dim.difference))
    case .wide(let magnitude):
      guard let value = Int(magnitude: magnitude, isNegative: true) else { throw overflow() }
      return .integer(value)
    case .number(let value): return .number(-value)
    case .list(let list): return try map(list, negated)
    case .value, .bool, .name, .string, .elementType, .absent, .several, .poison:
      throw failed("- takes a number, not \(operand.kindName)")
    }
  }

  func inverted(_ operand: Meaning) throws(EmissionError) -> Meaning? {
    switch operand {
    case .bool(let value): return .bool(!value)
    case .list(let list): return try map(list, inverted)
    case .value, .size, .wide, .number, .name, .string, .elementType, .absent, .several, .poison:
      throw failed("! takes a bool, not \(operand.kindName)")
    }
  }

  func binary(_ operation: BinaryOperator, _ left: Meaning, _ right: Meaning) throws(EmissionError) -> Meaning? {
    if operation == .concatenate { return try concatenated(left, right) }
    switch (left, right) {
    case (.list(let a), .list(let b)):
      guard a.count == b.count else {
        throw failed("'\(operation.rawValue)' takes lists of one length, not \(a.count) and \(b.count)", "list.length")
      }
      var elements: [Meaning] = []
      for (x, y) in zip(a.elements, b.elements) {
        guard let element = try binary(operation, x, y) else { return nil }
        elements.append(element)
      }
      return .list(StaticList(elements))
    case (.list(let list), let other):
      return try map(list) { element throws(EmissionError) in try binary(operation, element, other) }
    case (let other, .list(let list)):
      return try map(list) { element throws(EmissionError) in try binary(operation, other, element) }
    case (.size(let a), .size(let b)): return try sizes(operation, a, b)
    case (.number(let a), .number(let b)): return try numbers(operation, a, b)
    case (.number(let a), .size(.constant(let b))): return try numbers(operation, a, Double(b))
    case (.size(.constant(let a)), .number(let b)): return try numbers(operation, Double(a), b)
    case (.number(let a), .wide(let b)): return try numbers(operation, a, Double(b))
    case (.wide(let a), .number(let b)): return try numbers(operation, Double(a), b)
    case (.size, .number), (.number, .size): return nil
    case (.wide, .size), (.size, .wide), (.wide, .wide): throw overflow()
    case (.bool(let a), .bool(let b)): return .bool(try bools(operation, a, b))
    default: return .bool(try identities(operation, left, right))
    }
  }

  /// `min`, `max`, `mod` or `floordiv` of two integers, or `min` and `max` of numbers.
  func function(_ name: String, _ left: Meaning, _ right: Meaning) throws(EmissionError) -> Meaning? {
    switch (left, right) {
    case (.list(let list), let other):
      if case .list(let others) = other {
        guard list.count == others.count else {
          throw failed("\(name) takes lists of one length, not \(list.count) and \(others.count)", "list.length")
        }
        var elements: [Meaning] = []
        for (x, y) in zip(list.elements, others.elements) {
          guard let element = try function(name, x, y) else { return nil }
          elements.append(element)
        }
        return .list(StaticList(elements))
      }
      return try map(list) { element throws(EmissionError) in try function(name, element, other) }
    case (let other, .list(let list)):
      return try map(list) { element throws(EmissionError) in try function(name, other, element) }
    case (.size(let a), .size(let b)):
      switch name {
      case "min": return .size(try compute(a, b, Dim.minimum))
      case "max": return .size(try compute(a, b, Dim.maximum))
      case "mod": return .size(try divided(a, b, Dim.mod))
      case "floordiv": return .size(try divided(a, b, Dim.floordiv))
      default: return nil
      }
    case (.number, .number), (.number, .size(.constant)), (.size(.constant), .number):
      guard name == "min" || name == "max", let a = left.asDouble, let b = right.asDouble else { return nil }
      if a.isNaN || b.isNaN { return .number(.nan) }
      return .number(name == "min" ? Swift.min(a, b) : Swift.max(a, b))
    default: return nil
    }
  }

  func product(_ dims: [Dim]) throws(EmissionError) -> Dim {
    var result: Dim = 1
    for dim in dims { result = try compute(result, dim, Dim.product) }
    return result
  }

  func sum(_ a: Dim, _ b: Dim) throws(EmissionError) -> Dim { try compute(a, b, Dim.sum) }

  private func concatenated(_ left: Meaning, _ right: Meaning) throws(EmissionError) -> Meaning {
    guard case .list(let a) = left, case .list(let b) = right else {
      throw failed("'++' joins two lists, not \(left.kindName) and \(right.kindName)")
    }
    return .list(StaticList(a.elements + b.elements))
  }

  private func map(
    _ list: StaticList, _ transform: (Meaning) throws(EmissionError) -> Meaning?
  ) throws(EmissionError) -> Meaning? {
    var elements: [Meaning] = []
    for element in list.elements {
      guard let result = try transform(element) else { return nil }
      elements.append(result)
    }
    return .list(StaticList(elements))
  }

  private func sizes(_ operation: BinaryOperator, _ a: Dim, _ b: Dim) throws(EmissionError) -> Meaning? {
    switch operation {
    case .add: return .size(try compute(a, b, Dim.sum))
    case .subtract: return .size(try compute(a, b, Dim.difference))
    case .multiply: return .size(try compute(a, b, Dim.product))
    case .divide: return .size(try divided(a, b, Dim.floordiv))
    case .remainder: return .size(try divided(a, b, Dim.mod))
    case .equal: return answer(symbols.equal(a, b))
    case .notEqual: return answer(symbols.equal(a, b), isNegated: true)
    case .lessEqual: return answer(symbols.lessOrEqual(a, b))
    case .greaterEqual: return answer(symbols.lessOrEqual(b, a))
    case .less: return answer(symbols.lessOrEqual(b, a), isNegated: true)
    case .greater: return answer(symbols.lessOrEqual(a, b), isNegated: true)
    case .and, .or, .matmul, .concatenate: throw unfit(operation, .size(a), .size(b))
    }
  }

  private func answer(_ trilean: Trilean, isNegated: Bool = false) -> Meaning? {
    switch trilean {
    case .yes: .bool(!isNegated)
    case .no: .bool(isNegated)
    case .unknown: nil
    }
  }

  private func numbers(_ operation: BinaryOperator, _ a: Double, _ b: Double) throws(EmissionError) -> Meaning {
    switch operation {
    case .add: return .number(a + b)
    case .subtract: return .number(a - b)
    case .multiply: return .number(a * b)
    case .divide: return .number(a / b)
    case .remainder: return .number(a.truncatingRemainder(dividingBy: b))
    case .equal: return .bool(a == b)
    case .notEqual: return .bool(a != b)
    case .less: return .bool(a < b)
    case .lessEqual: return .bool(a <= b)
    case .greater: return .bool(a > b)
    case .greaterEqual: return .bool(a >= b)
    case .and, .or, .matmul, .concatenate: throw unfit(operation, .number(a), .number(b))
    }
  }

  private func bools(_ operation: BinaryOperator, _ a: Bool, _ b: Bool) throws(EmissionError) -> Bool {
    switch operation {
    case .and: return a && b
    case .or: return a || b
    case .equal: return a == b
    case .notEqual: return a != b
    case .less, .lessEqual, .greater, .greaterEqual, .add, .subtract, .concatenate, .multiply, .divide, .remainder,
      .matmul:
      throw unfit(operation, .bool(a), .bool(b))
    }
  }

  /// Names, strings and types can be compared for equality only.
  private func identities(
    _ operation: BinaryOperator, _ left: Meaning, _ right: Meaning
  ) throws(EmissionError) -> Bool {
    let same: Bool
    switch (left, right) {
    case (.name(let a), .name(let b)): same = a == b
    case (.string(let a), .string(let b)): same = a == b
    case (.elementType(let a), .elementType(let b)): same = a == b
    default: throw unfit(operation, left, right)
    }
    guard operation == .equal || operation == .notEqual else { throw unfit(operation, left, right) }
    return same == (operation == .equal)
  }

  private func unfit(_ operation: BinaryOperator, _ left: Meaning, _ right: Meaning) -> EmissionError {
    failed("'\(operation.rawValue)' does not take \(left.kindName) and \(right.kindName)")
  }

  // MARK: Sizes

  private func divided(
    _ a: Dim, _ b: Dim, _ operation: (Dim, Dim) throws(DimOverflow) -> Dim
  ) throws(EmissionError) -> Dim {
    guard b != 0 else { throw failed("a size is divided by zero", "dim.division") }
    return try compute(a, b, operation)
  }

  private func compute(
    _ a: Dim, _ b: Dim, _ operation: (Dim, Dim) throws(DimOverflow) -> Dim
  ) throws(EmissionError) -> Dim {
    guard max(a.terms.count, 1) * max(b.terms.count, 1) <= Self.maximumComplexity else { throw tooComplex() }
    let result: Dim
    do { result = try operation(a, b) } catch { throw overflow() }
    guard result.isSimple else { throw tooComplex() }
    return result
  }

  private func overflow() -> EmissionError { failed("the integer does not fit in 64 bits", "dim.overflow") }

  private func tooComplex() -> EmissionError {
    failed("the size has more than \(Self.maximumComplexity) terms", "dim.size")
  }

  private func failed(_ message: String, _ id: String = "static.operands") -> EmissionError {
    .failed(id, message, at: place)
  }
}

extension Meaning {
  /// The value of a number or a constant integer.
  var asDouble: Double? {
    switch self {
    case .size(.constant(let value)): Double(value)
    case .wide(let value): Double(value)
    case .number(let value): value
    case .value, .size, .bool, .name, .string, .elementType, .list, .absent, .several, .poison: nil
    }
  }
}

extension Dim {
  /// Whether the expression is small enough to be worked with.
  var isSimple: Bool {
    var budget = StaticArithmetic.maximumComplexity
    return spend(&budget)
  }

  private func spend(_ budget: inout Int) -> Bool {
    for term in terms {
      budget -= 1 + term.factors.count
      guard budget >= 0 else { return false }
      for factor in term.factors {
        switch factor {
        case .symbol: break
        case .floordiv(let a, let b), .mod(let a, let b), .min(let a, let b), .max(let a, let b):
          guard a.spend(&budget), b.spend(&budget) else { return false }
        }
      }
    }
    return true
  }
}
